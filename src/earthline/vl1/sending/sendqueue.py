"""Sending by address: at once where there is a way, else from a bounded queue (02, 5.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from earthline.bounded import FairQueue
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.routes import Route, Routes
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending.outbound import Outbound
from earthline.vl1.sending.seek import Seek
from earthline.wire.packet import Verb

LIFETIME_MS = 5_000
"""How long a packet waits for a way (02, 5.1)."""
MAX_QUEUED = 256
"""Packets; of more, the oldest for the destination goes that most wait for."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A packet not yet sealed."""

    destination: int
    verb: Verb
    payload: bytes
    compress: bool
    at: int


class SendQueue:
    """``whois`` is asked for destinations that are unknown, or not to be relied on yet."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        routes: Routes,
        outbound: Outbound,
        seek: Seek,
        *,
        timers: Timers,
        whois: Callable[[int, int], None],
    ) -> None:
        self._local = local
        self._topology = topology
        self._routes = routes
        self._outbound = outbound
        self._seek = seek
        self._timers = timers
        self._whois = whois
        self._queue: FairQueue[int, Queued] = FairQueue(MAX_QUEUED)

    def __len__(self) -> int:
        return len(self._queue)

    def send(
        self, destination: int, verb: Verb, payload: bytes, now: int, *, compress: bool = False
    ) -> int | None:
        """The wire ID, or None if the packet waits (or can never be delivered)."""
        if destination == self._local.address:
            return None
        packet = Queued(destination, verb, payload, compress, now)
        peer = self._known(destination)
        route = None if peer is None else self._route(peer, now)
        if peer is not None and route is not None:
            return self._write(peer, route, packet, now)
        self._keep(packet)
        self._timers.begin(Timer.QUEUE, now)
        if peer is None:
            self._whois(destination, now)
        return None

    def _known(self, destination: int) -> Peer | None:
        """Who gets it; nobody yet while a node that is relied on has still to be proved."""
        peer = self._topology.peer(destination)
        if peer is None or peer.genuine or not self._topology.must_prove(destination):
            return peer
        return None

    def _keep(self, packet: Queued) -> None:
        if self._queue.append(packet.destination, packet) is not None:
            self._local.count("send_queue_overflow")

    def _route(self, peer: Peer, now: int) -> Route | None:
        route = self._routes.of(peer, now)
        if route is None or not route.direct:
            self._seek.look_for(peer, now)
        return route

    def _write(self, peer: Peer, route: Route, packet: Queued, now: int) -> int | None:
        path = route.path
        trusted = self._outbound.physical.trusted_path_id(path.address)
        return self._outbound.write(
            peer,
            path.key,
            packet.verb,
            packet.payload,
            now,
            compress=packet.compress,
            trusted_path_id=trusted,
        )

    def retry(self, now: int) -> None:
        """Send what has a way now, drop what is too old, ask again for the unknown."""
        for packet in self._queue.take(lambda _: True):
            peer = self._known(packet.destination)
            route = None if peer is None else self._route(peer, now)
            if peer is not None and route is not None:
                self._write(peer, route, packet, now)
            elif now - packet.at >= LIFETIME_MS:
                self._local.count("send_queue_timeout")
            else:
                self._keep(packet)
                if peer is None:
                    self._whois(packet.destination, now)
