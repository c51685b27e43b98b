"""Where a packet for a peer leaves: its own path, else its relay's (02, 5.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from earthline.vl1.peers.path import PathState
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.topology import Topology


class Route(NamedTuple):
    """A path, and whether it leads to the peer itself."""

    path: PathState
    direct: bool


class Relay(NamedTuple):
    """The best upstream and its best path, expired or not (02, 4.3)."""

    upstream: int
    path: PathState | None


class Routes:
    """Route selection without bonding."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    def of(self, peer: Peer, now: int) -> Route | None:
        """The best live direct path; else by the best upstream; else a direct path gone silent."""
        direct = peer.best(now)
        if direct is not None:
            return Route(direct.path, direct=True)
        relay = self._pinned(peer, now) or self.live_relay(now)
        if relay is not None:
            return Route(relay, direct=False)
        silent = peer.best(now, expired=True)
        return None if silent is None else Route(silent.path, direct=True)

    def _pinned(self, peer: Peer, now: int) -> PathState | None:
        """The path of the relay that was found to reach the peer when the best one did not."""
        if not peer.relay or now >= peer.relay_until or not self._topology.is_upstream(peer.relay):
            return None
        upstream = self._topology.peer(peer.relay)
        slot = None if upstream is None or upstream.silent_at else upstream.best(now)
        return None if slot is None else slot.path

    def live_relay(self, now: int) -> PathState | None:
        """The best path of the best upstream that has one which is not expired."""
        return next(self.relays(now), None)

    def relays(self, now: int) -> Iterator[PathState]:
        """The best path of each upstream that has one, the best upstream first."""
        for upstream in self._topology.ranked_upstreams(now):
            slot = upstream.best(now)
            if slot is not None:
                yield slot.path

    def relay(self, now: int) -> Relay:
        """Where packets for nobody known go; upstream 0 if there is none."""
        upstream = self._topology.best_upstream(now)
        if upstream is None:
            return Relay(0, None)
        slot = upstream.best(now, expired=True)
        return Relay(upstream.address, None if slot is None else slot.path)
