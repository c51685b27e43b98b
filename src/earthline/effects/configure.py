"""What the operator's settings mean to the core: one command with one value (05, 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from earthline.wire.inet import InetAddress


class PhysicalNetwork(NamedTuple):
    """A network (prefix length as port), its UDP payload MTU (0: default), its trusted path ID."""

    network: InetAddress
    mtu: int = 0
    trusted_path_id: int = 0


def _anything(_address: int, _endpoint: InetAddress) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """All settings that the core goes by; without any it does as stock nodes do."""

    physical_networks: tuple[PhysicalNetwork, ...] = ()
    """MTU and trusted path ID of physical networks, at most 32 (02, 9)."""
    hints: Mapping[int, Sequence[InetAddress]] = field(default_factory=lambda: MappingProxyType({}))
    """Where peers are to be looked for, by their address (02, 7.11)."""
    path_allowed: Callable[[int, InetAddress], bool] = _anything
    """The veto on a physical address of a peer (02, 7.8)."""
    low_bandwidth: bool = False
    """Say as little as can be, at the price of slower reactions (02, 1.7)."""
    port_spray: bool = True
    """Meet peers behind hard NATs by trying many ports."""
    path_mtu_discovery: bool = True
    """Look for datagrams larger than the default that get through."""


@dataclass(frozen=True, slots=True)
class Configure:
    """Go by these settings from now on; more than 32 physical networks raise ValueError."""

    settings: NodeSettings
