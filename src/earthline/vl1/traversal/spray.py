"""Finding a port by the birthday paradox, where neither NAT lets the other side in (02, 7.5).

A symmetric NAT gives every destination another port, and nobody can tell which (or what was told
was wrong, where it counts its ports up and others use it, too). A peer whose NAT
lets in only what it has sent to must guess it: one port of 64512. So the symmetric side sends from
256 sockets at once, and the other one tries random ports: after 1024 tries one has hit in 98 cases
of 100, after 2048 in 99.97.

    hard side                        peer
      ── PUSH_DIRECT_PATHS, offer ──▶       by the relay; a stock node skips the record
      ◀─ PUSH_DIRECT_PATHS, accepted ──
      ── ECHO from 256 sockets ──▶ ✗        where a root sees the peer
                        ✗ ◀── ECHO to a random port, 100 a second
      ◀──────────────────── one that hits; its answer goes the same way back

If both NATs are symmetric, both do both. That helps where one of them gives a port per host sent
to and lets in any port of it; where both NATs give one per endpoint, it is hopeless.

Nothing is sprayed at a peer that does not agree to it, nor at an address no root vouches for.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from earthline.bounded import FairTable
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.routes import Routes
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending.contact import Contact
from earthline.vl1.surface.nat import NatWatch
from earthline.vl1.traversal.extra_sockets import ExtraSockets
from earthline.vl1.verbs.push import PushSender
from earthline.wire.address import format_address
from earthline.wire.inet import InetAddress
from earthline.wire.messages.paths import SprayKind, SprayRecord

SOCKETS = 256
"""Opened by the side behind a symmetric NAT: 2,048 guesses all miss once in 3,000 attempts."""
PROBES = 2_048
"""Random ports tried in one attempt."""
PER_TICK = 10
"""Datagrams per 100 ms."""
ATTEMPT_MS = 25_000
"""How long one attempt sends: 2,048 guesses at 100 a second, and some rest."""
REFRESH_MS = 9_000
"""Each socket sends again after this time: its mapping must outlive the guessing."""
SETTLE_MS = 3_000
"""From the first success to the closing of what it did not need: both sides must agree on it."""

PATIENCE = 4
"""Tries by ordinary means that come first; see `vl1.traversal.punch`."""
OFFERS = 3
"""Offers without an answer that count as a failure."""
ANSWER_MS = 5_000
"""How long an offer waits for its answer."""
REST_MS = 60_000
"""An offer is not accepted so soon after the last attempt with the peer."""
PAUSES_MS = (100_000, 220_000, 460_000, 940_000, 3_580_000)
"""After each failure, from its beginning on.

A little less than multiples of 30 s: when both are ready again, a root introduces them anew.
"""

MAX_KNOWN = 1_024
"""Peers remembered; of more, a stranger that a root introduced first goes first."""

_MIN_PORT, _MAX_PORT = 1_024, 65_535


@dataclass(slots=True)
class Prospect:
    """What is remembered of a peer that is reached by a relay. Times are ms."""

    place: InetAddress | None = None
    """Where a root sees it."""
    offers: int = 0
    offered_at: int = 0
    began_at: int = 0
    failures: int = 0
    due_at: int = 0

    def start_over(self) -> None:
        """Forget all but where it is."""
        self.offers = self.offered_at = self.began_at = self.failures = self.due_at = 0


@dataclass(slots=True)
class Attempt:
    """The one that goes on."""

    peer: Peer
    place: InetAddress
    began_at: int
    probes: int
    """How many ports are still to be tried; 0: only the peer tries."""
    sources: list[int] = field(default_factory=list)
    """Sockets that probes leave by, in turn."""
    opened: deque[tuple[int, int]] = field(default_factory=deque)
    """(when it last sent, number) of each socket of our own making; the longest silent first."""
    tried: set[int] = field(default_factory=set)
    won_at: int = 0


class Spray:
    """At most one attempt at a time, with one peer; ``enabled`` is the user's to say."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        routes: Routes,
        contact: Contact,
        *,
        timers: Timers,
        push: PushSender,
        nat: NatWatch,
        sockets: ExtraSockets,
    ) -> None:
        self._local = local
        self._topology = topology
        self._routes = routes
        self._contact = contact
        self._timers = timers
        self._push = push
        self._nat = nat
        self._sockets = sockets
        self._prospects: FairTable[int, int, Prospect] = FairTable(MAX_KNOWN)
        """By `Peer.holder`."""
        self._attempt: Attempt | None = None
        self.enabled = True

    # Coming to terms

    def introduced(self, peer: Peer, place: InetAddress, now: int) -> None:
        """A root says where the peer is; it tells the peer about us, too, so that both are ready.

        The first attempt need not wait for that; each later one begins with it.
        """
        if not place.is_ipv4:
            return
        prospect = self._prospect(peer, now)
        prospect.place = place
        if prospect.failures and peer.relayed_since:
            self._offer(peer, prospect, now)

    def consider(self, peer: Peer, now: int) -> None:
        """The peer's traffic is relayed, and another try by ordinary means was made."""
        prospect = self._prospect(peer, now)
        if peer.punches >= PATIENCE and (not prospect.failures or prospect.offers):
            self._offer(peer, prospect, now)

    def _prospect(self, peer: Peer, now: int) -> Prospect:
        prospect = self._prospects.get(peer.address) or Prospect()
        self._prospects.put(peer.address, peer.holder(now), prospect)
        return prospect

    def _offer(self, peer: Peer, prospect: Prospect, now: int) -> None:
        hard = self._nat.report().mapping.symmetric
        if not hard or now < prospect.due_at or not self._ready(peer, now):
            return
        if self._say(peer, SprayKind.OFFER, now):
            prospect.offers += 1
            prospect.offered_at = now
        if prospect.offers >= OFFERS:
            _failed(prospect, now)

    def _ready(self, peer: Peer, now: int) -> bool:
        """Whether an attempt with the peer may begin: it is known well, and there is no path."""
        relayed = peer.relayed_since > 0 and peer.best(now) is None
        return self._allowed and self.idle() and relayed and peer.trusted(now)

    @property
    def _allowed(self) -> bool:
        """Thousands of datagrams for one path are not for whom each one costs."""
        return self.enabled and not self._local.low_bandwidth

    def _say(self, peer: Peer, kind: SprayKind, now: int) -> bool:
        place, route = self._prospect(peer, now).place, self._routes.of(peer, now)
        if place is None or route is None:
            return False
        self._push.say(peer, route.path.key, SprayRecord(kind, place), now)
        return True

    def heard(self, peer: Peer, said: SprayRecord, now: int) -> None:
        """The peer's offer, or its answer to ours."""
        if not peer.trusted(now):
            return
        prospect = self._prospect(peer, now)
        if said.kind is SprayKind.ACCEPTANCE:
            expected = now - prospect.offered_at <= ANSWER_MS
            if expected and self._ready(peer, now):
                self._begin(peer, prospect, said.target, now, probes=peer.hard_nat)
            return
        running = self._attempt is not None and self._attempt.peer is peer
        rested = now - prospect.began_at >= REST_MS
        willing = running or (rested and self._ready(peer, now))
        if willing and self._say(peer, SprayKind.ACCEPTANCE, now) and not running:
            self._begin(peer, prospect, said.target, now, probes=True)

    # An attempt

    def _begin(
        self, peer: Peer, prospect: Prospect, target: InetAddress, now: int, *, probes: bool
    ) -> None:
        """``target``: our own place, as the peer knows it; what it sends to."""
        source = self._nat.socket_seen_as(target)
        if prospect.place is None or source is None:
            return
        prospect.offers, prospect.began_at = 0, now
        attempt = Attempt(peer, prospect.place, now, PROBES if probes else 0, [source])
        self._attempt = attempt
        self._timers.begin(Timer.WATCH, now)
        self._local.count("spray_begun")
        if self._nat.report().mapping.symmetric:
            self._sockets.open(source, SOCKETS, self._opened)

    def _opened(self, numbers: tuple[int, ...], now: int) -> None:
        if self._attempt is None:
            self._sockets.close(numbers, now)
            return
        self._attempt.opened = deque((0, number) for number in numbers)
        self._attempt.sources = [*numbers] or self._attempt.sources

    def idle(self) -> bool:
        """Whether no attempt goes on."""
        return self._attempt is None

    def tick(self, now: int) -> None:
        """Send the next few datagrams, or look at what came of it."""
        attempt = self._attempt
        if attempt is None:
            return
        found = attempt.peer.best(now) is not None
        if found and not attempt.won_at:
            attempt.won_at = now
        gone = self._topology.peer(attempt.peer.address) is None or not self._allowed
        settled = attempt.won_at > 0 and now - attempt.won_at >= SETTLE_MS
        if gone or settled or now - attempt.began_at >= ATTEMPT_MS + SETTLE_MS:
            self._end(attempt, now)
        elif not attempt.won_at and now - attempt.began_at < ATTEMPT_MS:
            self._send_some(attempt, now)

    def _send_some(self, attempt: Attempt, now: int) -> None:
        for _ in range(PER_TICK):
            if attempt.opened and now - attempt.opened[0][0] >= REFRESH_MS:
                _, number = attempt.opened.popleft()
                attempt.opened.append((now, number))
                path = (number, attempt.place.ip, attempt.place.port)
            elif attempt.probes:
                attempt.probes -= 1
                source = attempt.sources[attempt.probes % len(attempt.sources)]
                path = (source, attempt.place.ip, self._random_port(attempt))
            else:
                return
            self._contact.knock(attempt.peer, path, now)

    def _random_port(self, attempt: Attempt) -> int:
        while True:
            port = int.from_bytes(self._local.entropy(2), "big")
            if _MIN_PORT <= port <= _MAX_PORT and port not in attempt.tried:
                attempt.tried.add(port)
                return port

    def _end(self, attempt: Attempt, now: int) -> None:
        self._attempt = None
        ours = {number for _, number in attempt.opened}
        best = max(attempt.peer.slots, key=lambda slot: slot.path.last_in, default=None)
        if best is not None and best.path.socket in ours:
            ours.discard(best.path.socket)
            self._sockets.keep(best.path.socket, attempt.peer.address, now)
        self._sockets.close(ours, now)
        if attempt.won_at:
            self._prospects.pop(attempt.peer.address)
        else:
            _failed(self._prospect(attempt.peer, now), attempt.began_at)
        outcome = "spray_won" if attempt.won_at else "spray_failed"
        self._local.count(outcome)
        self._local.report(outcome, peer=format_address(attempt.peer.address))

    # Afterwards

    def start_over(self, now: int) -> None:
        """We may be behind another NAT: what failed says nothing."""
        if self._attempt is not None:
            self._end(self._attempt, now)
        for prospect in self._prospects.values():
            prospect.start_over()


def _failed(prospect: Prospect, since: int) -> None:
    prospect.offers = 0
    prospect.due_at = since + PAUSES_MS[min(prospect.failures, len(PAUSES_MS) - 1)]
    prospect.failures += 1
