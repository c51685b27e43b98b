"""Another port, where a NAT has moved the one we are known by (02, 7.2-7.5).

A Linux router that masquerades tracks flows. A packet of the peer that comes before we have sent to
it is a flow of its own there, though it is refused, and has the port that ours would have got: what
we send to that peer leaves by a port that nobody knows, for as long as the peer goes on sending.
Its next flows, also those to others, leave by that port, too. The peer cannot meet us, and the more
it tries the longer it lasts.

No NAT has an entry of a socket that is opened now. What leaves by it opens our NAT first and goes
no further; only then is the peer told of it:

      we                      our NAT             the peer's NAT       the peer
      ── opener, TTL 2 ─────────▶ opens                                          to each place
      ── PUSH_DIRECT_PATHS: this one place ──────── by the relay ────────▶
      ◀──────────────────────────────────────────────────── HELLO or ECHO        any socket of it
      ── ECHO ──────────────────────────────────────────────▶ opened by then     a little later

A stock node does its part of this. One like us has such a socket of its own at that time: both are
opened toward each other, and meet whatever became of the ports that they had.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from earthline.effects import Path
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.routes import Routes
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending import credit
from earthline.vl1.sending.approach import OPENER_COST, Approach
from earthline.vl1.sending.contact import Contact, probe_length
from earthline.vl1.surface.nat import NatWatch
from earthline.vl1.traversal.extra_sockets import ExtraSockets
from earthline.vl1.verbs.push import PushSender
from earthline.wire.inet import InetAddress

PATIENCE = 3
"""Tries by ordinary means that come first, some 2 s; then after 7, 15, and so on: see `is_due`."""
TRIAL_MS = 6_000
"""How long one socket is tried."""
SETTLE_MS = 3_000
"""From the first success to the closing of what it did not need: both sides must agree on it."""
NAMES = 2
"""How often the peer is told of it: what it heard too often it ignores (02, 4.10)."""
REPEAT_MS = 1_000
"""Between two of these, and between two contacts of one place."""
HEAD_START_MS = 500
"""From the opener to the first contact: the peer must have heard of us, and opened its own NAT."""
MAX_CONTACTS = 3
"""Of each place."""
MAX_PLACES = 8
"""Of one peer, the newest."""
MAX_TRIALS = 8
"""At a time; others have their turn when they are due again."""


@dataclass(slots=True)
class Opened:
    """A place of the peer that our NAT was opened toward."""

    at: int
    contacts: int = 0
    contacted_at: int = 0


@dataclass(slots=True)
class Trial:
    """One socket for one peer."""

    peer: Peer
    socket: int
    place: InetAddress
    """Where it is outside, since the NAT keeps ports."""
    began_at: int
    names: int = 0
    named_at: int = 0
    places: dict[InetAddress, Opened] = field(default_factory=dict)
    won_at: int = 0


class FreshPorts:
    """At most one socket at a time for a peer, where our NAT keeps the ports of sockets."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        routes: Routes,
        contact: Contact,
        approach: Approach,
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
        self._approach = approach
        self._timers = timers
        self._push = push
        self._nat = nat
        self._sockets = sockets
        self._opening: set[int] = set()
        """Addresses of peers for which the host opens a socket."""
        self._trials: dict[int, Trial] = {}

    def consider(self, peer: Peer, now: int) -> None:
        """The peer's traffic is relayed, and another try by ordinary means was made."""
        taken = self._opening | self._trials.keys()
        if not is_due(peer.punches) or peer.address in taken or len(taken) >= MAX_TRIALS:
            return
        like, outside = self._nat.best_socket(), self._outside()
        if like is not None and outside is not None:
            self._opening.add(peer.address)
            self._timers.begin(Timer.WATCH, now)
            self._sockets.open(like, 1, lambda got, at: self._opened(peer, outside, got, at))

    def _outside(self) -> bytes | None:
        """Our IP outside, if the port of a new socket can be told, too."""
        report = self._nat.report()
        foreseen = report.preserves_port and not report.mapping.symmetric
        return report.surfaces[-1].ip if foreseen and report.surfaces else None

    def _opened(self, peer: Peer, outside: bytes, numbers: tuple[int, ...], now: int) -> None:
        self._opening.discard(peer.address)
        if not numbers:
            return
        place = InetAddress(outside, self._local.extra[numbers[0]].port)
        self._trials[peer.address] = Trial(peer, numbers[0], place, now)
        self._local.count("fresh_port_tried")

    def idle(self) -> bool:
        """Whether no trial goes on."""
        return not self._opening and not self._trials

    def tick(self, now: int) -> None:
        """Send what is due, or look at what came of it."""
        for trial in list(self._trials.values()):
            if trial.peer.best(now) is not None:
                trial.won_at = trial.won_at or now
            known = self._topology.peer(trial.peer.address) is trial.peer
            gone = not known or trial.socket not in self._local.extra
            settled = trial.won_at > 0 and now - trial.won_at >= SETTLE_MS
            if gone or settled or now - trial.began_at >= TRIAL_MS + SETTLE_MS:
                self._end(trial, now)
            elif not trial.won_at and now - trial.began_at < TRIAL_MS:
                self._advance(trial, now)

    def _advance(self, trial: Trial, now: int) -> None:
        """In this order: whoever is told of our place must find it open."""
        for place in self._new_places(trial):
            if credit.pays_for_places(trial.peer, OPENER_COST, now):
                trial.places[place] = Opened(now)
                self._approach.open(_way(trial, place))
        if trial.names < NAMES and now - trial.named_at >= REPEAT_MS:
            self._name(trial, now)
        for place, opened in trial.places.items():
            if now - opened.at >= HEAD_START_MS and now - opened.contacted_at >= REPEAT_MS:
                self._contact_at(trial, place, opened, now)

    def _new_places(self, trial: Trial) -> Iterator[InetAddress]:
        """Those of the same realm that we have room for."""
        for place in reversed(trial.peer.places):
            of_realm = place.is_ipv4 and place.scope is trial.place.scope
            known = place in trial.places or len(trial.places) >= MAX_PLACES
            if of_realm and not known and self._topology.usable(trial.peer.address, place):
                yield place

    def _name(self, trial: Trial, now: int) -> None:
        route = self._routes.of(trial.peer, now)
        if route is not None and trial.peer.trusted(now):
            trial.names += 1
            trial.named_at = now
            self._push.name(trial.peer, route.path.key, trial.place, now)

    def _contact_at(self, trial: Trial, place: InetAddress, opened: Opened, now: int) -> None:
        if opened.contacts >= MAX_CONTACTS:
            return
        if credit.pays_for_places(trial.peer, probe_length(trial.peer), now):
            opened.contacts += 1
            opened.contacted_at = now
            self._contact.knock(trial.peer, _way(trial, place), now)

    def _end(self, trial: Trial, now: int) -> None:
        del self._trials[trial.peer.address]
        used = any(slot.path.socket == trial.socket for slot in trial.peer.slots)
        if used:
            self._local.count("fresh_port_won")
            self._sockets.keep(trial.socket, trial.peer.address, now)
        else:
            self._sockets.close([trial.socket], now)

    def start_over(self, now: int) -> None:
        """We may be behind another NAT."""
        for trial in list(self._trials.values()):
            self._end(trial, now)


def is_due(tries: int) -> bool:
    """After 3, 7, 15, 31, ... tries without a path: the longer it was in vain, the less often."""
    return tries >= PATIENCE and tries & (tries + 1) == 0


def _way(trial: Trial, place: InetAddress) -> Path:
    return (trial.socket, place.ip, place.port)
