"""WHOIS: asking upstreams for identities, and answering (02, 3.4 and 3.5).

    something of ours waits ──▶ asked for at once
    a stranger's packet, or what a peer asks us ──▶ pace ──▶ asked for
                                                     └─▶ waits for its turn, by source prefix

Anybody can name any number of addresses: they must neither keep us, or others, from asking for
what is needed, nor make us flood our upstream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from earthline.bounded import FairTable
from earthline.effects import PacketReceived
from earthline.vl1.ground.gates import drawn, prefix_key
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.proofs import Proofs
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.ground.turns import Regulars, Turns
from earthline.vl1.identities.verdict import Verdicts
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.routes import Routes
from earthline.vl1.peers.topology import OURS, Topology
from earthline.vl1.sending import credit
from earthline.vl1.sending.answers import Answers, request_of
from earthline.vl1.sending.outbound import Outbound
from earthline.wire.address import ADDRESS_LENGTH, is_reserved
from earthline.wire.identity import Identity
from earthline.wire.messages.ok import Ok, OkWhois
from earthline.wire.messages.whois import Whois as Question
from earthline.wire.packet import HEADER_LENGTH, Verb

ASK_INTERVAL_MS = 500
"""At most one WHOIS per target and this time (02, 4.10)."""
ANSWER_INTERVAL_MS = 100
"""At most one answer per asker and this time, unless we are an upstream (02, 4.10)."""

MAX_TARGETS = 1_024
"""Targets that we need ourselves, asked for at a time. Whoever had most of them asked for makes
room: a root that introduces strangers to us, or what we need ourselves, which waits."""
MAX_FOREIGN = 512
"""Targets asked for because of strangers' packets or for others, whose answers are taken. Of more,
the oldest goes of the source prefix that most come from."""
MAX_WAITING = 128
"""Those that wait for their turn to be asked for; of more, one goes likewise."""

BURST = MAX_FOREIGN
PACE_MS = 4
"""Questions for foreign targets: so many at once after a rest, then one per this time."""

_LONGEST_PAUSE_MS = 2_000
"""Of the growing ones between questions for a foreign target."""
_FORGET_MS = 5_000
"""A question is forgotten after this time: as long as packets wait for its answer (02, 4.6)."""
_QUESTION_LENGTH = HEADER_LENGTH + ADDRESS_LENGTH


@dataclass(slots=True)
class Asked:
    """When a target was last asked for, and how many times in a row."""

    at: int
    times: int = 0
    prefix: int = OURS
    """Whose packets are the reason for it (see `Topology.add`)."""

    def lately(self, now: int, pause_ms: int = ASK_INTERVAL_MS) -> bool:
        """Whether that was within the pause."""
        return now - self.at < pause_ms


_Targets: TypeAlias = FairTable[int, int, Asked]
"""By address, the one asked for last comes last."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a root says of a node that we asked for."""

    identity: Identity
    named_by: int
    """The root's address."""
    asked: Asked


class Whois:
    """Asks the best upstream, and at each repeat the next: a dead root must not block."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        routes: Routes,
        outbound: Outbound,
        answers: Answers,
        *,
        timers: Timers,
        proofs: Proofs,
        regulars: Regulars,
        verdicts: Verdicts,
    ) -> None:
        self._local = local
        self._topology = topology
        self._routes = routes
        self._outbound = outbound
        self._answers = answers
        self._timers = timers
        self._proofs = proofs
        self._verdicts = verdicts
        self._asked: _Targets = FairTable(MAX_TARGETS)
        """Those that we need, held by whose word it is that we do."""
        self._foreign: _Targets = FairTable(MAX_FOREIGN)
        """Those asked for because of others, held by their source prefixes."""
        self._waiting: Turns[tuple[int, int]] = Turns(MAX_WAITING, regulars.known)
        """Those that are still to be asked for, each with the source prefix that it is for."""
        self._in_line: set[int] = set()
        self._paced_at = 0
        """When as many may again be asked for at once as ever (see `gates.drawn`)."""
        self._candidates: dict[int, Candidate] = {}
        """What roots say of nodes that have to be proved first; one at a time of each."""
        self._deceived: dict[int, int] = {}
        """Of whom a root named a forged identity: how often was asked, so that the next is."""

    def ask(self, address: int, now: int, on_word_of: int = OURS) -> None:
        """Ask for an identity that we need, unless that was done just now.

        Silence means not found. ``on_word_of``: the root that says so, if it was not ourselves.
        """
        foreign = self._foreign.get(address)
        if not self._askable(address) or (foreign is not None and foreign.lately(now)):
            return
        asked = self._asked.get(address)
        if asked is None:
            _forget_old(self._asked, now)
            if not self._has_room(on_word_of):
                self._local.count("whois_too_many")
                return
            asked = Asked(now, self._deceived.get(address, 0))
        elif asked.lately(now):
            return
        if self._send(address, asked.times, now):
            again = Asked(now, asked.times + 1)
            if self._asked.put(address, on_word_of, again) is not None:
                self._local.count("whois_evicted")

    def _has_room(self, holder: int) -> bool:
        """Whether one more target of ours can be asked for at no cost to the same holder.

        Answers are taken only of what is remembered: who needs more than that gets none by
        forgetting what it asked just before.
        """
        first = self._asked.next_to_go()
        full = len(self._asked) >= MAX_TARGETS
        return first is None or not full or self._asked.holder_of(first) != holder

    def need(self, address: int, now: int) -> None:
        """Something of ours waits for a node: for its identity, or for the proof of it."""
        peer = self._topology.peer(address)
        if peer is None:
            self.ask(address, now)
        elif not (peer.genuine or peer.forged):
            self._proofs.at_once(peer.identity, now)

    def ask_foreign(self, address: int, now: int, prefix: int) -> None:
        """Ask for the identity of a stranger, or for somebody else: at growing intervals.

        ``prefix``: of the place that the reason for it came from.
        """
        if self._is_due(address, now) and address not in self._in_line:
            if not self._waiting and self._within_pace(now):
                self._ask_foreign(address, prefix, now)
                return
            self._timers.begin(Timer.QUEUE, now)
            self._in_line.add(address)
            gone = self._waiting.put(prefix, (address, prefix))
            if gone is not None:
                self._in_line.discard(gone[0])
                self._local.count("whois_evicted")

    def work(self, now: int) -> None:
        """Ask for those whose turn it is, as far as the pace allows."""
        while self._waiting and self._within_pace(now):
            taken = self._waiting.take(now)
            if taken is not None:
                self._in_line.discard(taken[0])
                if self._is_due(taken[0], now):
                    self._ask_foreign(*taken, now)

    def idle(self) -> bool:
        """Whether nothing waits to be asked for."""
        return not self._waiting

    def _is_due(self, address: int, now: int) -> bool:
        """Whether to ask for it because of others: neither known, nor asked for just now."""
        foreign, ours = self._foreign.get(address), self._asked.get(address)
        return (
            self._askable(address)
            and self._topology.peer(address) is None
            and (ours is None or not ours.lately(now))
            and (foreign is None or not foreign.lately(now, _pause_ms(foreign.times)))
        )

    def _within_pace(self, now: int) -> bool:
        paced_at = drawn(self._paced_at, BURST, PACE_MS, now)
        self._paced_at = self._paced_at if paced_at is None else paced_at
        return paced_at is not None

    def _ask_foreign(self, address: int, prefix: int, now: int) -> None:
        _forget_old(self._foreign, now)
        asked = self._foreign.get(address)
        if asked is None:
            asked = Asked(now, self._deceived.get(address, 0), prefix)
        if self._send(address, asked.times, now):
            again = Asked(now, asked.times + 1, asked.prefix)
            if self._foreign.put(address, asked.prefix, again) is not None:
                self._local.count("whois_evicted")

    def _askable(self, address: int) -> bool:
        """Whether anybody can have the address, and nobody is being proved to have it."""
        reserved = address == self._local.address or is_reserved(address)
        return not reserved and address not in self._candidates

    def _send(self, address: int, times: int, now: int) -> bool:
        ranked = self._topology.ranked_upstreams(now)
        for step in range(len(ranked)):
            upstream = ranked[(times + step) % len(ranked)]
            route = self._routes.of(upstream, now)
            if route is not None:
                question = Question((address,)).emit()
                self._outbound.write(upstream, route.path.key, Verb.WHOIS, question, now)
                return True
        return False

    def expire(self, now: int) -> None:
        """Forget targets that nobody asked for lately."""
        _forget_old(self._asked, now)
        _forget_old(self._foreign, now)

    def receive_ok(self, peer: Peer, _packet: PacketReceived, ok: Ok, now: int) -> None:
        """Identities from an upstream (02, 3.4), of whom we asked for.

        Stock nodes believe them without proof, so that a root could put itself in anybody's place.
        """
        if not self._topology.is_upstream(peer.address):
            self._local.count("whois_ok_not_upstream")
            return
        for identity in OkWhois.parse(ok.payload).identities:
            asked = self._answered(identity.address)
            if asked is None:
                self._local.count("whois_ok_unasked")
            else:
                self._hear(Candidate(identity, peer.address, asked), now)

    def _answered(self, address: int) -> Asked | None:
        """The question that is answered now, ours before others'; None if nobody asked."""
        foreign, ours = self._foreign.pop(address), self._asked.pop(address)
        return foreign if ours is None else ours

    def _hear(self, candidate: Candidate, now: int) -> None:
        identity, asked = candidate.identity, candidate.asked
        if self._verdicts.forged(identity):
            self._local.count("whois_ok_forged")
            self._remember_deceit(identity.address, asked.times)
        elif self._topology.must_prove(identity.address):
            if self._topology.peer(identity.address) is None:
                self._candidates[identity.address] = candidate
                self._proofs.at_once(identity, now)
        else:
            peer = self._topology.add(identity, now, prefix=asked.prefix)
            if peer is not None and peer.identity == identity and not peer.genuine:
                peer.named_by = candidate.named_by
                self._proofs.later(identity, now)

    def proved(self, identity: Identity, now: int, *, valid: bool) -> None:
        """Whether a node that something of ours relies on is who a root said it is."""
        candidate = self._candidates.get(identity.address)
        if candidate is None or candidate.identity != identity:
            return
        del self._candidates[identity.address]
        if valid:
            self._topology.add(identity, now, prefix=candidate.asked.prefix, genuine=True)
        else:
            self._verdicts.expose(identity, candidate.named_by)
            self._remember_deceit(identity.address, candidate.asked.times)

    def _remember_deceit(self, address: int, times: int) -> None:
        """The root asked last is not the one to ask next."""
        self._deceived.pop(address, None)
        while len(self._deceived) >= MAX_TARGETS:
            del self._deceived[next(iter(self._deceived))]
        self._deceived[address] = times

    def may_answer(self, peer: Peer, _packet: PacketReceived, now: int) -> bool:
        """The gate of incoming requests (02, 4.10); roots answer always."""
        if self._topology.worlds.acting_as_upstream:
            return True
        if now - peer.whois_answered_at < ANSWER_INTERVAL_MS:
            return False
        peer.whois_answered_at = now
        return True

    def receive(self, peer: Peer, packet: PacketReceived, now: int) -> None:
        """Answer with the identities known; look the others up for a later repeat (02, 3.5)."""
        # Each once: an address said over and over packs small, and its identities do not.
        question = Question.parse(packet.payload)
        if question.unread:
            self._local.count("whois_too_long")
        wanted = tuple(dict.fromkeys(question.addresses))
        known = [self._topology.identity_of(address) for address in wanted]
        found = tuple(identity for identity in known if identity is not None)
        if found:
            self._answers.ok(peer, request_of(packet), OkWhois(found).emit(), now)
        for address, identity in zip(wanted, known, strict=True):
            if identity is None and credit.pays(peer, packet.path, _QUESTION_LENGTH, now):
                self.ask_foreign(address, now, prefix_key(packet.path[1]))


def _pause_ms(times: int) -> int:
    return min(ASK_INTERVAL_MS << (times - 1), _LONGEST_PAUSE_MS)


def _forget_old(targets: _Targets, now: int) -> None:
    while len(targets):
        address, asked = next(targets.items())
        if asked.lately(now, _FORGET_MS):
            return
        targets.pop(address)
