"""Whom a frame to a group goes to (03, 8.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earthline.vl2.ground.network import Network
    from earthline.vl2.ground.underlay import Station
    from earthline.vl2.multicast.groups import GroupKey, GroupTable
    from earthline.wire.network_config import NetworkConfig


class Recipients:
    """Chooses among the members of a group. Active bridges come first, and count as members."""

    def __init__(self, station: Station, table: GroupTable) -> None:
        self._station = station
        self._table = table

    def suffice(self, config: NetworkConfig, key: GroupKey) -> bool:
        """Whether as many members are known as may get a frame."""
        return self._table.suffices(key, config.multicast_limit)

    def choose(self, config: NetworkConfig, key: GroupKey) -> list[int]:
        """All, or as many as the limit allows: all bridges, then members at random."""
        bridges = [address for address in config.bridges if address != self._station.address]
        others = [a for a in self._table.members(key) if a not in bridges]
        if not self.suffice(config, key):
            return bridges + others
        left = max(config.multicast_limit - len(bridges), 0)
        return bridges[: config.multicast_limit] + self._station.sample(others, left)

    def replicator(self, network: Network, config: NetworkConfig, now: int) -> int | None:
        """The nearest replicator with a path of its own, for those that may hand frames off."""
        replicators = config.replicators
        if network.is_bridge or network.own_address in replicators:
            return None
        near = [
            (latency, address)
            for address in replicators
            if (latency := self._station.underlay.direct_latency(address, now)) is not None
        ]
        return min(near)[1] if near else None
