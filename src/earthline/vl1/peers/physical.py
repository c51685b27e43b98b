"""What the operator said of physical networks: MTU and trusted path ID (02, 9)."""

from __future__ import annotations

from collections.abc import Iterable

from earthline.effects import PhysicalNetwork
from earthline.wire.inet import InetAddress
from earthline.wire.packet import DEFAULT_MTU

MIN_MTU = 1_400
"""Least and most that the MTU of a physical network may be, bytes of UDP payload (02, 9)."""
MAX_MTU = 10_324
MAX_NETWORKS = 32
"""Physical networks in the settings (02, 9)."""


class PhysicalNetworks:
    """The configured networks; the longest prefix decides."""

    def __init__(self) -> None:
        self._networks: tuple[PhysicalNetwork, ...] = ()

    def configure(self, networks: Iterable[PhysicalNetwork]) -> None:
        """Replace all entries; raises ValueError for more than 32."""
        entries = sorted(networks, key=lambda entry: -entry.network.port)
        if len(entries) > MAX_NETWORKS:
            raise ValueError(f"{len(entries)} physical networks, at most {MAX_NETWORKS}")
        self._networks = tuple(entries)

    def mtu(self, endpoint: InetAddress) -> int:
        """UDP payload bytes for datagrams to the address."""
        entry = self._find(endpoint) if self._networks else None
        if entry is None or entry.mtu == 0:
            return DEFAULT_MTU
        return min(max(entry.mtu, MIN_MTU), MAX_MTU)

    def fixes_mtu(self, endpoint: InetAddress) -> bool:
        """Whether the operator has set the MTU for the address: then nobody searches for it."""
        entry = self._find(endpoint)
        return entry is not None and entry.mtu != 0

    def trusted_path_id(self, endpoint: InetAddress) -> int:
        """The ID to send instead of a MAC; 0: none."""
        entry = self._find(endpoint) if self._networks else None
        return 0 if entry is None else entry.trusted_path_id

    def _find(self, endpoint: InetAddress) -> PhysicalNetwork | None:
        for entry in self._networks:
            if entry.network.contains(endpoint):
                return entry
        return None
