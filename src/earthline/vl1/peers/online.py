"""Whether we are online: an upstream was heard, or we are one (02, 8.1)."""

from __future__ import annotations

from earthline.vl1.ground.local import Local
from earthline.vl1.peers.topology import PEER_LIFETIME_MS, Topology


class Online:
    """Starts offline; reports ``online`` and ``offline`` when that changes."""

    def __init__(self, local: Local, topology: Topology) -> None:
        self._local = local
        self._topology = topology
        self.online = False

    def update(self, now: int) -> None:
        """Evaluate again, and report a change."""
        online = self._evaluate(now)
        if online != self.online:
            self.online = online
            self._local.report("online" if online else "offline")

    def _evaluate(self, now: int) -> bool:
        if self._topology.worlds.acting_as_upstream:
            return True
        contacts = {*self._topology.upstreams, *self._topology.worlds.seeds()}
        peers = (self._topology.peer(address) for address in contacts)
        return any(
            peer is not None
            and peer.last_receive > 0
            and now - peer.last_receive < PEER_LIFETIME_MS
            for peer in peers
        )
