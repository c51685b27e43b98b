"""Keeping the switch's tables true whenever paths, peers or upstreams change."""

from __future__ import annotations

from earthline.effects import Path
from earthline.vl1.paths.switch_tables import SwitchTables
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.routes import Routes
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending.sendqueue import SendQueue


class Refresh:
    """Recomputes routes. A packet that waited leaves as soon as there is a way for it."""

    def __init__(
        self, topology: Topology, routes: Routes, tables: SwitchTables, queue: SendQueue
    ) -> None:
        self._topology = topology
        self._routes = routes
        self._tables = tables
        self._queue = queue
        self._live_relay: Path | None = None

    def peer(self, peer: Peer, now: int) -> None:
        """A peer is new, or its slots or version changed."""
        appeared = self._tables.update(peer, now)
        if self._topology.is_upstream(peer.address):
            appeared |= self._relay(now)
        if appeared and len(self._queue):
            self._queue.retry(now)

    def everything(self, now: int) -> None:
        """Time has passed: paths age, upstreams fall silent."""
        self._relay(now)
        for peer in self._topology.peers.values():
            self._tables.update(peer, now)

    def relay(self, now: int) -> None:
        """The upstreams themselves, or how well they serve, may have changed."""
        if self._relay(now) and len(self._queue):
            self._queue.retry(now)

    def _relay(self, now: int) -> bool:
        """Whether relayed routes have changed."""
        self._tables.update_relay(now)
        path = self._routes.live_relay(now)
        live = None if path is None else path.key
        if live == self._live_relay:
            return False
        self._live_relay = live
        for peer in self._topology.peers.values():
            self._tables.update(peer, now)
        return True
