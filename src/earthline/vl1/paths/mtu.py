"""Which datagrams a path carries whole: searched for, used, and doubted again (RFC 8899 in spirit).

    frames leave by a direct path      ──▶ search: an ECHO of the next larger size, never fragmented
    it comes back                      ──▶ proven: frames use the size; on to the next
    three of one size do not, or our
    own kernel calls it too large      ──▶ the search is over; another one in 1 to 10 minutes
    5 s later, frames still leave      ──▶ the size in use has to prove itself again
    seven of those do not come back    ──▶ a black hole: 1432 at once, a new search in a minute

Only frames follow the size: what the engine itself sends stays at 1432, and gets through whatever
becomes of the path. A stock peer answers like any other as far as its 1,500-byte buffers go; what
is larger it does not answer, so that it is never sent more than the 1472 bytes it has answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from earthline.bounded import FairTable
from earthline.effects import DatagramTooLarge, Path
from earthline.vl1.ground.local import ALL_SOCKETS, Local
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.paths.vigil import FLOW_MS, Vigil
from earthline.vl1.peers.path import PathState
from earthline.vl1.peers.peer import Peer, Slot
from earthline.vl1.peers.physical import PhysicalNetworks
from earthline.vl1.peers.routes import Routes
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending.outbound import Outbound
from earthline.wire.address import format_address
from earthline.wire.inet import InetAddress
from earthline.wire.messages.ok import Ok
from earthline.wire.packet import DEFAULT_MTU, HEADER_LENGTH

CANDIDATES = (1_480, 1_492, 1_500, 2_048, 3_000, 4_000, 4_470, 6_000, 8_000, 8_896, 9_000)
"""IP packets in bytes: tunnels, PPPoE, Ethernet, and what clouds and jumbo frames allow."""
IPV4_HEADERS, IPV6_HEADERS = 28, 48
"""IP and UDP headers, bytes."""

PROBE_MS = 250
"""ECHOs by one path are at least this far apart: the peer answers one per 166 ms (02, 4.10)."""
PATIENCE_MS = 1_000
"""An ECHO that is not answered within this time counts as lost."""
TRIES = 3
"""ECHOs of one size that must be lost before it counts as too large: one is lost by chance."""
CONFIRM_MS = 5_000
"""A size above the default proves itself this often: a black hole lasts no longer than 8 s."""
CONFIRM_TRIES, CONFIRM_PAUSE_MS = 7, 300
"""The answer comes in up to seven pieces: where some are lost, it takes many tries, in a hurry."""
SOON_MS, SELDOM_MS = 60_000, 600_000
"""From the end of a search to the next: longer each time one finds nothing more."""
MAX_ASKED = 8
"""Paths asked at a time: with `PROBE_MS`, at most 32 datagrams a second in all."""
QUESTION_MS = 10_000
"""A path asked for this long makes room for others that want to be."""
MAX_PATHS = 4_096
"""Ways of which something is known; of more, one of the peer goes that has most."""
_NONCE = 16
"""Random bytes of a probe, so that nobody can answer it who has not got it."""

Way: TypeAlias = tuple[int, Path]
"""(peer, path): relayed peers share the path of their relay, but not what it proved."""


@dataclass(slots=True)
class Known:
    """What is known of one way. Sizes are bytes of UDP payload, times ms."""

    size: int = DEFAULT_MTU
    proven_at: int = 0
    search_at: int = 0
    """When to look for more; 0 until the first search has ended."""
    pause_ms: int = SOON_MS
    """How long to wait after that."""

    def settle(self, size: int, now: int) -> None:
        """Stay at a size for a while."""
        self.size, self.search_at = size, now + self.pause_ms
        self.pause_ms = min(2 * self.pause_ms, SELDOM_MS)


class PathSizes:
    """The largest datagrams that may be sent: the operator's word, else what is proven."""

    def __init__(self, physical: PhysicalNetworks) -> None:
        self._physical = physical
        self._known: FairTable[Way, int, Known] = FairTable(MAX_PATHS)
        """By the peers."""
        self._fallen: list[int] = []

    def of(self, address: int, path: PathState) -> int:
        """Bytes of UDP payload for a peer by its own path."""
        known = self._found(address, path)
        return self._physical.mtu(path.address) if known is None else known.size

    def searched(self, address: int, path: PathState) -> bool:
        """Whether a search has ended: there is no more to be had for now."""
        known = self._found(address, path)
        return known is not None and known.search_at > 0

    def _found(self, address: int, path: PathState) -> Known | None:
        fixed = self._physical.fixes_mtu(path.address)
        return None if fixed else self._known.get((address, path.key))

    def note(self, way: Way) -> Known:
        """The entry to change, made if it is new."""
        known = self._known.get(way) or Known()
        evicted = self._known.put(way, way[0], known)
        if evicted is not None and evicted.value.size > DEFAULT_MTU:
            self._fallen.append(evicted.key[0])
        return known

    def take_fallen(self) -> list[int]:
        """Peers that had to make room, and to which frames are of the default size again."""
        fallen, self._fallen = self._fallen, []
        return fallen

    def forget(self) -> set[int]:
        """Forget everything; the peers that were sent more than the default."""
        raised = {way[0] for way, known in self._known.items() if known.size > DEFAULT_MTU}
        self._known.clear()
        return raised

    def keep(self, wanted: Callable[[Way], bool]) -> None:
        """Forget the ways that are not wanted any more."""
        self._known.drop(lambda way, _: not wanted(way))


@dataclass(slots=True)
class Question:
    """One way that is being asked about."""

    size: int
    since: int
    confirms: bool = False
    """Whether it is about the size in use, not about a larger one."""
    times: int = 0
    asked_at: int = 0
    packet_ids: deque[int] = field(default_factory=lambda: deque(maxlen=CONFIRM_TRIES))
    """Of the tries; the answer to an earlier one may take longer than the pause to the next."""
    payload: bytes = b""

    @property
    def exhausted(self) -> bool:
        return self.times >= (CONFIRM_TRIES if self.confirms else TRIES)

    def patient(self, now: int, latency: int) -> bool:
        """Whether to wait for an answer still, from a peer of this latency (ms or -1)."""
        pause = CONFIRM_PAUSE_MS if self.confirms else PATIENCE_MS
        if not self.confirms or self.exhausted:
            pause = max(pause, 2 * latency + PROBE_MS)
        return self.times > 0 and now - self.asked_at < pause


class MtuSearch:
    """Asks which datagrams get through. ``changed`` brings a peer's route up to date."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        routes: Routes,
        outbound: Outbound,
        *,
        timers: Timers,
        sizes: PathSizes,
        vigil: Vigil,
        changed: Callable[[Peer, int], None],
    ) -> None:
        self._local = local
        self._topology = topology
        self._routes = routes
        self._outbound = outbound
        self._timers = timers
        self._sizes = sizes
        self._vigil = vigil
        self._changed = changed
        self._asking: dict[Way, Question] = {}
        self._enabled = True

    # What is told

    def enable(self, enabled: bool, now: int) -> None:
        """Whether to search at all, as the host's settings have it."""
        if not enabled:
            self.start_over(now)
        self._enabled = enabled

    def start_over(self, now: int) -> None:
        """We may be somewhere else: nothing that was proven holds any more."""
        self._asking.clear()
        for address in sorted(self._sizes.forget()):
            peer = self._topology.peer(address)
            if peer is not None:
                self._changed(peer, now)

    def flows(self, peer: Peer, now: int) -> None:
        """Frames leave for the peer: begin what is due for the path they take."""
        route = self._routes.of(peer, now)
        if route is None or not route.direct or not self._may_ask(peer, route.path, now):
            return
        way = (peer.address, route.path.key)
        known = None if way in self._asking else self._note(way, now)
        size = 0 if known is None else _due(known, route.path, now)
        if known is not None and size and self._has_turn(now):
            self._asking[way] = Question(size, since=now, confirms=size == known.size)
            self._timers.begin(Timer.WATCH, now)

    def _has_turn(self, now: int) -> bool:
        """Whether one more may be asked; who has been asked for long in vain gives way."""
        if len(self._asking) >= MAX_ASKED:
            way, question = min(self._asking.items(), key=lambda asked: asked[1].since)
            if now - question.since < QUESTION_MS:
                return False
            del self._asking[way]
        return True

    def _note(self, way: Way, now: int) -> Known:
        known = self._sizes.note(way)
        for address in self._sizes.take_fallen():
            peer = self._topology.peer(address)
            if peer is not None:
                self._changed(peer, now)
        return known

    def _may_ask(self, peer: Peer, path: PathState, now: int) -> bool:
        return (
            self._enabled
            and not self._local.low_bandwidth
            and peer.understands_echo
            and path.socket != ALL_SOCKETS
            and path.alive(now)
            and path.key in peer.proved
            and not self._vigil.doubted(peer)
            and not self._outbound.physical.fixes_mtu(path.address)
        )

    def echoed(self, peer: Peer, ok: Ok, now: int) -> None:
        """An expected answer to an ECHO, maybe to one of ours; after the verdict it is too late."""
        for way, question in self._asking.items():
            if way[0] == peer.address and ok.in_re_packet_id in question.packet_ids:
                if question.payload == ok.payload:
                    self._proven(way, question, peer, now)
                return

    def too_large(self, event: DatagramTooLarge, now: int) -> None:
        """Our own kernel did not take it: the link that it leaves by is narrower."""
        for way, question in self._asking.items():
            peer = self._topology.peer(way[0])
            if peer is not None and (way[1], question.size) == (event.path, event.size):
                self._refused(way, question, peer, now)
                return

    # Time

    def idle(self) -> bool:
        """Whether nothing is being asked."""
        return not self._asking

    def tick(self, now: int) -> None:
        """Ask, ask again, and end what was asked in vain."""
        for way, question in list(self._asking.items()):
            peer = self._topology.peer(way[0])
            slot = None if peer is None else peer.slot_of(way[1])
            if peer is None or slot is None or self._pointless(peer, slot, now):
                del self._asking[way]
            elif not self._vigil.doubted(peer):
                self._go_on(way, question, peer, slot.path, now)

    def _pointless(self, peer: Peer, slot: Slot, now: int) -> bool:
        over = slot.expired(now) or now - peer.flow_at > FLOW_MS
        return over or self._outbound.physical.fixes_mtu(slot.path.address)

    def _go_on(self, way: Way, question: Question, peer: Peer, path: PathState, now: int) -> None:
        if question.patient(now, peer.latency):
            return
        # Silence means something only where smaller packets were answered in the meantime.
        proved = peer.proved.get(path.key, 0) > question.since
        if question.exhausted and proved:
            self._refused(way, question, peer, now)
        elif now - path.echo_sent_at >= PROBE_MS:
            if question.times and not proved:
                self._vigil.doubt(peer, now)
            self._ask(question, peer, path, now)

    def _ask(self, question: Question, peer: Peer, path: PathState, now: int) -> None:
        if not question.payload:
            padding = bytes(question.size - HEADER_LENGTH - _NONCE)
            question.payload = self._local.entropy(_NONCE) + padding
        packet_id = self._outbound.probe(peer, path.key, question.payload, now)
        question.packet_ids.append(packet_id)
        question.times, question.asked_at = question.times + 1, now

    def expire(self, now: int) -> None:
        """Forget ways that are no paths of their peers any more."""

        def wanted(way: Way) -> bool:
            peer = self._topology.peer(way[0])
            slot = None if peer is None else peer.slot_of(way[1])
            return slot is not None and not slot.expired(now)

        self._sizes.keep(wanted)

    # Verdict

    def _proven(self, way: Way, question: Question, peer: Peer, now: int) -> None:
        known = self._note(way, now)
        grown = question.size > known.size
        known.size, known.proven_at = question.size, now
        if grown:
            known.pause_ms = SOON_MS
        self._local.count("mtu_proven")
        further = larger(known.size, way[1]) if now >= known.search_at else 0
        if further:
            self._asking[way] = Question(further, since=now)
        else:
            self._end(way, known, now)
        if grown:
            self._changed(peer, now)

    def _refused(self, way: Way, question: Question, peer: Peer, now: int) -> None:
        known = self._note(way, now)
        if question.size > known.size:
            self._end(way, known, now)
            return
        del self._asking[way]
        self._local.count("mtu_black_hole")
        self._local.report(
            "path_mtu_fell",
            address=format_address(peer.address),
            path=str(InetAddress(*way[1][1:])),
            size=known.size,
        )
        known.pause_ms = SOON_MS
        known.settle(DEFAULT_MTU, now)
        self._changed(peer, now)

    def _end(self, way: Way, known: Known, now: int) -> None:
        """No more is to be had for now."""
        del self._asking[way]
        if now >= known.search_at:
            known.settle(known.size, now)


def _due(known: Known, path: PathState, now: int) -> int:
    """The size to ask about now; 0: none."""
    if known.size > DEFAULT_MTU and now - known.proven_at >= CONFIRM_MS:
        return known.size
    return larger(known.size, path.key) if now >= known.search_at else 0


def larger(size: int, path: Path) -> int:
    """The next larger datagram to try by a path, bytes of UDP payload; 0: there is none."""
    headers = IPV4_HEADERS if len(path[1]) == 4 else IPV6_HEADERS
    return next((packet - headers for packet in CANDIDATES if packet - headers > size), 0)
