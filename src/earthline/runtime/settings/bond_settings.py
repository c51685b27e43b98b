"""The settings of bonding: typed, checked and kept (05, 3.4). Nothing bonds paths yet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from earthline.runtime.settings.setting_types import Count, Section

Weight = Annotated[float, Field(ge=0)]


class LinkQuality(Section):
    """What counts how much when links are compared: exactly these eight (02, 10.5)."""

    model_config = ConfigDict(extra="forbid")

    lat_max: Weight
    """Latency that counts as worst, ms."""
    pdv_max: Weight
    """Packet delay variation (jitter) that counts as worst, ms."""
    plr_max: Weight
    """Ratio of lost packets that counts as worst."""
    per_max: Weight
    """Ratio of damaged packets that counts as worst."""
    lat_weight: Weight
    """Share of latency in the quality; the four weights sum to 1."""
    pdv_weight: Weight
    """Share of delay variation."""
    plr_weight: Weight
    """Share of loss."""
    per_weight: Weight
    """Share of damage."""


class BondLink(Section):
    """An interface that a policy may use."""

    enabled: bool = True
    """Whether it is used."""
    capacity: Count = 0
    """Its speed relative to the others; 0: unknown."""
    ip_preference: Literal[0, 4, 6, 46, 64] = Field(default=0, alias="ipvPref")
    """IP versions it is used with, the preferred one first; 0: any."""
    mtu: Count = 0
    """Longest datagram (UDP payload, bytes); 0: as elsewhere."""
    mode: Literal["primary", "spare"] = "spare"
    """Whether it is used in the first place, or when others fail."""
    failover_to: str = Field(default="", alias="failoverTo")
    """The interface that takes its place."""


class BondPolicy(Section):
    """A policy of the user's own, made from a built-in one."""

    base_policy: Literal[
        "active-backup", "broadcast", "balance-rr", "balance-xor", "balance-aware"
    ] = Field(alias="basePolicy")
    """The built-in policy it is made from (02, 10.1)."""
    failover_interval: Count = Field(default=5000, alias="failoverInterval")
    """Silence after which a path counts as dead, ms."""
    up_delay: Count | None = Field(default=None, alias="upDelay")
    """How long a path is alive before it is used, ms."""
    down_delay: Count | None = Field(default=None, alias="downDelay")
    """How long a dead path stays in use, ms."""
    packets_per_link: Count | None = Field(default=None, alias="packetsPerLink")
    """Packets sent by one link before the next one's turn."""
    active_reselect: Literal["always", "better", "failure", "optimize"] = Field(
        default="always", alias="activeReselect"
    )
    """When another active link is chosen (02, 10.6)."""
    link_quality: LinkQuality | None = Field(default=None, alias="linkQuality")
    """What links are compared by."""
    links: dict[str, BondLink] = Field(default_factory=dict)
    """By name of the interface."""
