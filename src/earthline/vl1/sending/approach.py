"""Contacting a peer where it may be, once our NAT is open and its own may be, too (02, 7.3, 7.4).

A packet that comes to a NAT before the host behind it has sent is refused, and spoils the port at
some (see `vl1.traversal.fresh`). Two nodes that are introduced hear of it at about the same time,
but not at the same, and a stock node follows no introduction to one that it does not know yet. So a
datagram that dies on its way opens our NAT at once, and what is to arrive follows a little later:

      introduced ── opener ──▶                       introduced ── opener ──▶
                     … 200 ms …                                     … 200 ms …
                    ── ECHO ──────────────────────────▶ open by then

Who has no NAT, or one that lets everybody in, can be met whatever the other's does: it need not
wait. Nor must one whose NAT counts its ports up: that depends on the order, see `PushReception`.
"""

from __future__ import annotations

from collections import OrderedDict

from earthline.effects import Path, Transmit
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending import credit
from earthline.vl1.sending.contact import Contact, toward
from earthline.vl1.surface.nat import Filtering, Mapping, NatWatch
from earthline.wire.inet import InetAddress, Scope

OPENER_LENGTH = 4
"""Bytes of a datagram that opens a NAT: below what counts as a packet (01, 1.5)."""
OPENER_COST = 32
"""What it takes on the wire, with its IP and UDP headers: that is what whoever caused it pays."""
OPENER_TTL = 2
"""Enough to open our own NAT, too little to reach the other's (02, 7.4)."""

HEAD_START_MS = 200
"""From the opener to the contact: longer than nodes take to follow an introduction."""
MAX_WAITING = 1_024
"""Places that are contacted later; more are contacted at once."""


class Approach:
    """Opens, waits and contacts, where that helps."""

    def __init__(
        self, local: Local, topology: Topology, contact: Contact, *, timers: Timers, nat: NatWatch
    ) -> None:
        self._local = local
        self._topology = topology
        self._contact = contact
        self._timers = timers
        self._nat = nat
        self._waiting: OrderedDict[tuple[int, InetAddress], tuple[Path, int]] = OrderedDict()
        """(peer's address, its place) → by which path it is contacted, and when."""
        self._judged_at: int | None = None
        self._restricted: Scope | None = None

    def open(self, path: Path) -> None:
        """Let the answer in that what we send by the path will have."""
        opener = self._local.entropy(OPENER_LENGTH)
        self._local.emit(Transmit(path, opener, OPENER_TTL))

    def introduced(self, peer: Peer, path: Path, now: int) -> None:
        """Contact a peer where a root says that it is; our NAT was opened."""
        if self._helps(peer, InetAddress(path[1], path[2]), now):
            self._wait(peer, path, now)
        else:
            self._contact.probe(peer, path, now)

    def look_at(self, peer: Peer, place: InetAddress, now: int, *, first: bool) -> None:
        """Contact a peer where it says that it is; ``first``: nobody has sent there lately."""
        way = toward(place)
        size = OPENER_COST * self._local.fan_out(way)
        waits = self._waiting.get((peer.address, place))
        if waits is not None:
            if waits[0] != way and credit.pays_for_places(peer, size, now):
                self.open(way)
                self._waiting[peer.address, place] = (way, waits[1])
        elif not first or not self._helps(peer, place, now):
            self._contact.look_at(peer, place, now)
        elif credit.pays_for_places(peer, size, now):
            self.open(way)
            self._wait(peer, way, now)
        else:
            self._local.count("places_too_many")

    def _helps(self, peer: Peer, place: InetAddress, now: int) -> bool:
        if peer.hard_nat or not place.is_ipv4 or len(self._waiting) >= MAX_WAITING:
            return False
        # One packet names many places, and one tick tries many peers; a report takes 0.2 ms.
        if self._judged_at != now:
            self._judged_at, self._restricted = now, self._judge()
        return place.scope is self._restricted

    def _judge(self) -> Scope | None:
        """The scope of the places that our NAT hides us from; None if it lets everybody in."""
        report = self._nat.report()
        free = report.mapping is Mapping.NONE or report.filtering is Filtering.INDEPENDENT
        ordered = report.mapping is Mapping.SEQUENTIAL
        hidden = bool(report.surfaces) and not free and not ordered
        return report.surfaces[-1].scope if hidden else None

    def _wait(self, peer: Peer, path: Path, now: int) -> None:
        self._timers.begin(Timer.WATCH, now)
        place = InetAddress(path[1], path[2])
        self._waiting.setdefault((peer.address, place), (path, now + HEAD_START_MS))

    def idle(self) -> bool:
        """Whether no contact waits."""
        return not self._waiting

    def tick(self, now: int) -> None:
        """Contact those whose time has come, unless they came first."""
        while self._waiting:
            (address, place), (path, due_at) = next(iter(self._waiting.items()))
            if now < due_at:
                return
            self._waiting.popitem(last=False)
            peer = self._topology.peer(address)
            if peer is None or not self._topology.usable(address, place):
                continue
            if any(s.path.address == place and not s.expired(now) for s in peer.slots):
                continue
            if path == toward(place):
                self._contact.look_at(peer, place, now)
            else:
                self._contact.probe(peer, path, now)

    def start_over(self) -> None:
        """We may be behind another NAT."""
        self._waiting.clear()
        self._judged_at = None
