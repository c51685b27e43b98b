"""The settings of bonding: typed, checked and kept (05, 3.4). Nothing bonds paths yet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from earthline.runtime.setting_types import Count, Section

Weight = Annotated[float, Field(ge=0)]


class LinkQuality(Section):
    """What counts how much when links are compared: exactly these eight."""

    model_config = ConfigDict(extra="forbid")

    lat_max: Weight
    pdv_max: Weight
    plr_max: Weight
    per_max: Weight
    lat_weight: Weight
    pdv_weight: Weight
    plr_weight: Weight
    per_weight: Weight


class BondLink(Section):
    """An interface that a policy may use."""

    enabled: bool = True
    capacity: Count = 0
    ip_preference: Literal[0, 4, 6, 46, 64] = Field(default=0, alias="ipvPref")
    mtu: Count = 0
    mode: Literal["primary", "spare"] = "spare"
    failover_to: str = Field(default="", alias="failoverTo")


class BondPolicy(Section):
    """A policy of the user's own, made from a built-in one."""

    base_policy: Literal[
        "active-backup", "broadcast", "balance-rr", "balance-xor", "balance-aware"
    ] = Field(alias="basePolicy")
    failover_interval: Count = Field(default=5000, alias="failoverInterval")
    """Milliseconds, like the delays."""
    up_delay: Count | None = Field(default=None, alias="upDelay")
    down_delay: Count | None = Field(default=None, alias="downDelay")
    packets_per_link: Count | None = Field(default=None, alias="packetsPerLink")
    active_reselect: Literal["always", "better", "failure", "optimize"] = Field(
        default="always", alias="activeReselect"
    )
    link_quality: LinkQuality | None = Field(default=None, alias="linkQuality")
    links: dict[str, BondLink] = Field(default_factory=dict)
