"""PUSH_DIRECT_PATHS: telling peers where we are, trying where they are (02, 7.2 and 7.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, zip_longest

from earthline.effects import PacketReceived, Path
from earthline.vl1.ground.local import Local
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending.answers import Answers
from earthline.vl1.sending.approach import Approach
from earthline.vl1.sending.outbound import Outbound
from earthline.vl1.surface.nat import NatWatch
from earthline.vl1.surface.surface import Surface
from earthline.wire.inet import InetAddress, Scope
from earthline.wire.messages.paths import (
    FLAG_FORGET,
    PushDirectPaths,
    PushedPath,
    SprayRecord,
)
from earthline.wire.packet import Verb

DIRECT_INTERVAL_MS = 120_000
"""Between two pushes to a peer that is reached directly (02, 7.2)."""
FRUGAL_INTERVAL_MS = 16 * DIRECT_INTERVAL_MS
"""In place of it in low-bandwidth mode (02, 1.7)."""
RELAYED_INTERVAL_MS = 15_000
"""The same to one that is reached through a relay (02, 7.2)."""
URGENT_INTERVAL_MS = 400
"""The same after our sockets changed: shorter than the second within which a user notices."""
ANSWER_INTERVAL_MS = 2_000
"""A push is not answered with a push if it may be an answer itself."""

MAX_PAYLOAD = 1_100
"""Keeps a whole packet below 1200 bytes (02, 7.2)."""
MAX_PER_SCOPE = 8
"""Addresses tried per packet, scope and family (02, 7.3)."""
MAX_TRIED = 16
"""The same of all together: so many places of a peer are remembered. Who has more gets some of each
kind tried."""

GATE_WINDOW_MS = 30_000
GATE_COUNT = 8
"""Of so many pushes within this window the rest is ignored (02, 4.10)."""


class PushSender:
    """Pushes to peers that proved a common network."""

    def __init__(
        self,
        local: Local,
        outbound: Outbound,
        answers: Answers,
        surface: Surface,
        nat: NatWatch,
    ) -> None:
        self._local = local
        self._outbound = outbound
        self._answers = answers
        self._surface = surface
        self._nat = nat

    def when_due(self, peer: Peer, path: Path, now: int, *, direct: bool) -> None:
        """Push by the path a packet came by, if trust holds and the last push is old enough."""
        by_itself = FRUGAL_INTERVAL_MS if self._local.low_bandwidth else DIRECT_INTERVAL_MS
        interval = by_itself if direct else RELAYED_INTERVAL_MS
        if peer.trusted(now) and now - peer.push_sent_at >= interval:
            for payload in self._payloads(peer, now):
                verb = Verb.PUSH_DIRECT_PATHS
                self._answers.tell(peer, path, verb, payload, now, compress=True, direct=direct)

    def at_once(self, peer: Peer, path: Path, now: int) -> None:
        """Push because our addresses have changed: without waiting, but not more than that.

        By a way that we chose, and for a reason of our own: this needs no credit of the peer.
        """
        if peer.trusted(now) and now - peer.push_sent_at >= URGENT_INTERVAL_MS:
            for payload in self._payloads(peer, now):
                verb = Verb.PUSH_DIRECT_PATHS
                self._outbound.write(peer, path, verb, payload, now, compress=True)

    def say(self, peer: Peer, path: Path, record: SprayRecord, now: int) -> None:
        """Push no address, but something about spraying."""
        payload = PushDirectPaths((), record).emit()
        self._outbound.write(peer, path, Verb.PUSH_DIRECT_PATHS, payload, now)

    def name(self, peer: Peer, path: Path, place: InetAddress, now: int) -> None:
        """Push one place, to have it contacted."""
        payload = PushDirectPaths((PushedPath(place),)).emit()
        self._outbound.write(peer, path, Verb.PUSH_DIRECT_PATHS, payload, now)

    def _payloads(self, peer: Peer, now: int) -> list[bytes]:
        records = [PushedPath(endpoint) for endpoint in self._endpoints(peer)]
        if records:
            peer.push_sent_at = now
        return [PushDirectPaths(chunk).emit() for chunk in _chunks(records) if chunk]

    def _endpoints(self, peer: Peer) -> tuple[InetAddress, ...]:
        """Predicted, mapped, bound and reported addresses, each once, the likeliest first."""
        predicted, strays = self._nat.outlook(reversed(peer.places))
        bound = (a for a in self._local.sockets.values() if a.scope is not Scope.NONE)
        told = (place for place in self._surface.told() if place not in strays)
        return tuple(dict.fromkeys((*predicted, *self._local.mapped, *bound, *told)))


def _chunks(records: list[PushedPath]) -> Iterator[tuple[PushedPath, ...]]:
    chunk: list[PushedPath] = []
    size = 0
    for record in records:
        length = len(record.emit())
        if size + length > MAX_PAYLOAD:
            yield tuple(chunk)
            chunk, size = [], 0
        chunk.append(record)
        size += length
    yield tuple(chunk)


class PushReception:
    """Tries the addresses a peer names.

    Where both NATs give out port after port, both sides must send in the same order: who is pushed
    to contacts the ports named, one by one, and then names those that it was thereby seen at.
    """

    def __init__(
        self,
        local: Local,
        topology: Topology,
        approach: Approach,
        *,
        sender: PushSender,
        nat: NatWatch,
        sprayed: Callable[[Peer, SprayRecord, int], None],
        assured: Callable[[PacketReceived, int], bool],
    ) -> None:
        self._local = local
        self._sender = sender
        self._nat = nat
        self._sprayed = sprayed
        self._assured = assured
        self._topology = topology
        self._approach = approach

    def receive(self, peer: Peer, packet: PacketReceived, now: int) -> None:
        """Contact each usable address that is not a live slot already.

        Anybody may name the addresses of somebody else: first the peer has to show where it is.
        """
        push = PushDirectPaths.parse(packet.payload)
        if not self._assured(packet, now):
            return
        if push.spray is not None:
            self._sprayed(peer, push.spray, now)
        if not push.paths or not self._gate(peer, now):
            return
        if push.unread:
            self._local.count("push_too_long")
        peer.hard_nat = _names_more_than_sockets(push.paths)
        for endpoint in self._worth_a_try(peer, push.paths, now):
            first = endpoint not in peer.places and peer.best(now) is None
            peer.remember_place(endpoint)
            self._approach.look_at(peer, endpoint, now, first=first)
        if peer.hard_nat and self._nat.counts and now - peer.push_sent_at >= ANSWER_INTERVAL_MS:
            self._sender.at_once(peer, packet.path, now)

    def _worth_a_try(
        self, peer: Peer, paths: tuple[PushedPath, ...], now: int
    ) -> list[InetAddress]:
        """A few of each kind, in the order in which they were named."""
        live = {slot.path.address for slot in peer.slots if not slot.expired(now)}
        kinds = {place: (place.scope, place.is_ipv4) for place in _named(paths)}
        found: dict[tuple[Scope, bool], list[InetAddress]] = {kind: [] for kind in kinds.values()}
        few = (place for place, kind in kinds.items() if len(found[kind]) < MAX_PER_SCOPE)
        for place in self._topology.usable_of(peer.address, few):
            if place not in live:
                found[kinds[place]].append(place)
        by_turns = (place for places in zip_longest(*found.values()) for place in places if place)
        chosen = frozenset(islice(by_turns, MAX_TRIED))
        return [place for place in kinds if place in chosen]

    def _gate(self, peer: Peer, now: int) -> bool:
        """Ignore a peer from its ninth push on until it pauses (02, 4.10)."""
        recent = now - peer.push_received_at <= GATE_WINDOW_MS
        peer.push_count = peer.push_count + 1 if recent else 0
        peer.push_received_at = now
        return peer.push_count < GATE_COUNT


def _named(paths: tuple[PushedPath, ...]) -> dict[InetAddress, None]:
    """Where to look for a peer, each place once.

    FLAG_CLUSTER_REDIRECT is no more than a hint: a path is used once it has answered.
    """
    return dict.fromkeys(path.endpoint for path in paths if not path.flags & FLAG_FORGET)


def _names_more_than_sockets(paths: tuple[PushedPath, ...]) -> bool:
    """Whether its outside IP has more ports than any other: every destination sees a new one.

    It names its bound addresses, all with the same few ports, and last how others see it. The
    scopes of both say nothing: a provider's NAT, or a LAN's, has private addresses outside, too.
    """
    ports: dict[bytes, set[int]] = {}
    for record in paths:
        if record.endpoint.is_ipv4:
            ports.setdefault(record.endpoint.ip, set()).add(record.endpoint.port)
            outside = record.endpoint.ip
    if len(ports) < 2:
        return False
    seen = len(ports.pop(outside))
    sockets = max(len(named) for named in ports.values())
    # With several ports one may be mapped by the router, to another one outside.
    return seen > sockets + (sockets > 1)
