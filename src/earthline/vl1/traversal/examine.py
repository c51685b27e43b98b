"""Finding out whom our NAT lets in, and whether it turns back what we send to our own outside.

A socket is opened for it that has sent to one root only, the *witness*, which says at which place
it sees it. Then another root, the *stranger*, is told that place, as peers are told of addresses
(02, 7.2), and contacts it (02, 7.3) with all its sockets:

    it gets through                                        filtering is endpoint-independent
    not before we sent to it; then by another port, too    address-dependent
    then only by the port we sent to                       restricted: that, or stricter still

A root has one socket or several; of one that has one nothing more can be learned. Meanwhile the
socket and an ordinary one send each other a packet by way of their outside places: if one comes
back, the NAT *hairpins*. It names a sender whom nobody has, and so is known when it comes.
"""

from __future__ import annotations

from enum import Enum, auto

from earthline.effects import Path, Transmit, UnknownSource
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending.approach import OPENER_LENGTH
from earthline.vl1.sending.contact import Contact
from earthline.vl1.surface.nat import Filtering, Mapping, NatWatch
from earthline.vl1.traversal.extra_sockets import ExtraSockets
from earthline.vl1.verbs.push import PushSender
from earthline.wire.inet import InetAddress
from earthline.wire.packet import Verb, build

PERIOD_MS = 3_600_000
"""A NAT is examined again after this long: once an hour, since each time costs packets to roots."""
SETTLED_MS = 5_000
"""After a start or new sockets: first let the roots say where they see us."""
REPEAT_MS = 400
"""Between two tries: longer than most round trips."""
TRIES = 4
"""Every question is asked so often, so that loss is not taken for an answer."""


class Stage(Enum):
    """What an examination waits for. Each question is asked `TRIES` times."""

    RESTING = auto()
    OPENING = auto()
    """The host opens the socket."""
    SEEN = auto()
    """The witness says where it sees it."""
    UNSENT = auto()
    """The stranger was told that place, and we have sent it nothing."""
    SENT = auto()
    """We have sent to it: now it must get through, or it does not try."""


class Examination:
    """One at a time, once an hour, if the NAT gives a socket one port for everybody."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        contact: Contact,
        *,
        timers: Timers,
        push: PushSender,
        nat: NatWatch,
        sockets: ExtraSockets,
    ) -> None:
        self._local = local
        self._topology = topology
        self._contact = contact
        self._timers = timers
        self._push = push
        self._nat = nat
        self._sockets = sockets
        self._due_at = 0
        self._clear()

    def _clear(self) -> None:
        self._stage = Stage.RESTING
        self._socket = self._ordinary = 0
        self._asked_at = self._tries = self._own_mark = 0
        self._witness = self._stranger = (0, InetAddress(bytes(4), 0))
        self._place: InetAddress | None = None
        self._heard: set[InetAddress] = set()
        self._hairpin = False

    def start_over(self, now: int) -> None:
        """We may be behind another NAT."""
        self._nat.examined(Filtering.UNKNOWN, None)
        self._end(now, SETTLED_MS)

    def idle(self) -> bool:
        """Whether no examination goes on."""
        return self._stage is Stage.RESTING

    # What happens

    def consider(self, now: int) -> None:
        """Begin, if it is time and there are roots to ask."""
        if self._stage is not Stage.RESTING or now < self._due_at:
            return
        ordinary = self._nat.best_socket()
        roots = self._roots(now, ordinary)
        if ordinary is None or self._nat.report().mapping is not Mapping.INDEPENDENT:
            return
        if len({endpoint.ip for _, endpoint in roots}) < 2:
            return
        self._witness = roots[0]
        self._stranger = next(r for r in roots if r[1].ip != roots[0][1].ip)
        self._ordinary = ordinary
        self._own_mark = int.from_bytes(self._local.entropy(5), "big") & 0x7F_FFFF_FFFF | 1
        self._stage = Stage.OPENING
        self._timers.begin(Timer.WATCH, now)
        self._sockets.open(ordinary, 1, self._opened)

    def _roots(self, now: int, socket: int | None) -> list[tuple[int, InetAddress]]:
        """(address, endpoint) of each root that the socket reaches by IPv4."""
        peers = (self._topology.peer(address) for address in self._topology.upstreams)
        return [
            (peer.address, slot.path.address)
            for peer in peers
            if peer is not None
            for slot in peer.slots
            if slot.path.socket == socket and slot.path.address.is_ipv4 and slot.path.alive(now)
        ]

    def _opened(self, numbers: tuple[int, ...], now: int) -> None:
        if self._stage is not Stage.OPENING or not numbers:
            self._sockets.close(numbers, now)
            self._end(now, PERIOD_MS)
            return
        self._socket = numbers[0]
        self._enter(Stage.SEEN)

    def takes(self, path: Path) -> bool:
        """Note a packet that came by the socket; whether it did, so that it teaches no path."""
        if not self._socket or path[0] != self._socket:
            return False
        place, roots = InetAddress(path[1], path[2]), (self._witness[1], self._stranger[1])
        if place not in roots:
            # Anybody can send from any number of places: of those that mean the same, one is kept.
            place = InetAddress(place.ip if place.ip in {r.ip for r in roots} else bytes(4), 0)
        self._heard.add(place)
        return True

    def recognises(self, event: UnknownSource) -> bool:
        """Whether the packet is one of our own that came back."""
        if self._stage is Stage.RESTING or event.source != self._own_mark:
            return False
        self._hairpin = True
        return True

    def tick(self, now: int) -> None:
        """Ask again, or draw the conclusion."""
        if self._stage in (Stage.RESTING, Stage.OPENING) or not self._answered_or_asked(now):
            return
        stranger_came = any(place.ip == self._stranger[1].ip for place in self._heard)
        if self._stage is Stage.SEEN:
            self._advance(self._place is not None, Stage.UNSENT, now)
        elif self._stage is Stage.UNSENT:
            if stranger_came:
                self._conclude(Filtering.INDEPENDENT, now)
            else:
                self._enter(Stage.SENT)
        else:
            self._conclude(self._filtering(), now)

    def _answered_or_asked(self, now: int) -> bool:
        """Whether the stage is over."""
        if self._place is None:
            self._place = self._nat.seen_at(self._socket)
        if self._stage is Stage.SEEN and self._place is not None:
            return True
        if now - self._asked_at < REPEAT_MS:
            return False
        if self._tries == TRIES:
            return True
        self._tries += 1
        self._asked_at = now
        self._ask(now)
        return False

    def _ask(self, now: int) -> None:
        witness = self._topology.peer(self._witness[0])
        stranger = self._topology.peer(self._stranger[0])
        if witness is None or stranger is None:
            return
        if self._stage is Stage.SEEN:
            self._contact.knock(witness, (self._socket, *self._witness[1]), now, hello=True)
        elif self._place is not None:
            if self._stage is Stage.UNSENT:
                self._send_ourselves(self._place)
            else:
                opener = self._local.entropy(OPENER_LENGTH)
                self._local.emit(Transmit((self._socket, *self._stranger[1]), opener))
            self._tell(witness, self._witness[1], now)
            self._tell(stranger, self._stranger[1], now)

    def _tell(self, root: Peer, endpoint: InetAddress, now: int) -> None:
        if self._place is not None:
            self._push.name(root, (self._ordinary, *endpoint), self._place, now)

    def _send_ourselves(self, place: InetAddress) -> None:
        """Both ways: what a socket has sent to may send to it."""
        other = self._nat.seen_at(self._ordinary)
        if other is None:
            return
        ours, mark = self._local.address, self._own_mark
        for socket, target in ((self._ordinary, place), (self._socket, other)):
            packet = build(self._local.packet_id(), ours, mark, Verb.NOP, b"")
            self._local.emit(Transmit((socket, *target), packet))

    # Conclusions

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        self._tries = self._asked_at = 0

    def _advance(self, answered: bool, stage: Stage, now: int) -> None:
        if answered:
            self._enter(stage)
        else:
            self._end(now, PERIOD_MS)

    def _filtering(self) -> Filtering:
        sent_to = {self._witness[1], self._stranger[1]}
        if self._heard - sent_to:
            return Filtering.ADDRESS
        return Filtering.RESTRICTED if self._stranger[1] in self._heard else Filtering.UNKNOWN

    def _conclude(self, filtering: Filtering, now: int) -> None:
        self._nat.examined(filtering, self._hairpin)
        self._end(now, PERIOD_MS)

    def _end(self, now: int, pause_ms: int) -> None:
        if self._socket:
            self._sockets.close([self._socket], now)
        self._clear()
        self._due_at = now + pause_ms
