"""From an authenticated packet to its handler: who may send it, its gate, what follows (02, 4.5).

    verb ──▶ sender allowed? ──▶ allowance ──▶ gate ──▶ handler ──▶ "received" (02, 4.8)

The allowance of a peer for a verb is a row of `allowance`; a gate of its own is in the verb's rule.

A packet that is malformed, refused, gated or deferred is not "received"; nor is an OK that answers
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from earthline.effects import PacketReceived, Path
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.replies import ExpectedReplies
from earthline.vl1.ground.timers import Timers
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.topology import Topology
from earthline.vl1.receiving.allowance import affords, affords_answer
from earthline.vl1.receiving.deferred import Deferred
from earthline.vl1.receiving.reception import Reception
from earthline.vl1.sending import credit
from earthline.vl1.sending.challenges import Challenges
from earthline.wire.messages.error import Error
from earthline.wire.messages.ok import Ok
from earthline.wire.packet import ErrorCode, Verb
from earthline.wire.reader import Malformed

Handler: TypeAlias = Callable[[PacketReceived, int], None]
OkHandler: TypeAlias = Callable[[PacketReceived, Ok, int], None]
ErrorHandler: TypeAlias = Callable[[PacketReceived, Error, int], None]

PeerHandler: TypeAlias = Callable[[Peer, PacketReceived, int], None]
PeerOkHandler: TypeAlias = Callable[[Peer, PacketReceived, Ok, int], None]
Gate: TypeAlias = Callable[[Peer, PacketReceived, int], bool]
Asked: TypeAlias = Callable[[int, Ok, int], bool]
"""(sender, OK, now): whether the switch sent what this OK answers, by an ID of its own."""

_BONDING_VERBS = frozenset((Verb.ACK, Verb.QOS_MEASUREMENT, Verb.PATH_NEGOTIATION_REQUEST))
"""Without a bond these are dropped and do not even count as traffic (02, 10)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done with a verb."""

    handler: PeerHandler
    upstream_only: bool = False
    gate: Gate | None = None


class Dispatch:
    """The tables of handlers, and the way through them."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        reception: Reception,
        replies: ExpectedReplies,
        challenges: Challenges,
        *,
        timers: Timers,
    ) -> None:
        self._local = local
        self._topology = topology
        self._reception = reception
        self._replies = replies
        self._challenges = challenges
        self.deferred = Deferred(local, timers, self.again)
        self._rules: dict[int, Rule] = {
            Verb.ERROR: Rule(self._error),
            Verb.USER_MESSAGE: Rule(self._unwanted),
            Verb.REMOTE_TRACE: Rule(self._unwanted),
        }
        self._ok_handlers: dict[int, PeerOkHandler] = {}
        self._asked: dict[int, Asked] = {}
        self._error_handlers: dict[int, ErrorHandler] = {}

    # Tables

    def rule(self, verb: Verb, rule: Rule) -> None:
        """Set what is done with a verb; a verb has one handler."""
        if verb in self._rules or verb in (Verb.OK, Verb.NOP):
            raise ValueError(f"{verb.name} has a handler")
        self._rules[verb] = rule

    def register(self, verb: Verb, handler: Handler) -> None:
        """Have a verb handled from above."""

        def handle(_peer: Peer, packet: PacketReceived, now: int) -> None:
            handler(packet, now)

        self.rule(verb, Rule(handle))

    def ok_rule(self, in_re_verb: Verb, handler: PeerOkHandler) -> None:
        """Set what is done with expected OKs to a verb of ours."""
        if in_re_verb in self._ok_handlers:
            raise ValueError(f"OK({in_re_verb.name}) has a handler")
        self._ok_handlers[in_re_verb] = handler

    def register_ok(self, in_re_verb: Verb, handler: OkHandler, asked: Asked | None = None) -> None:
        """Have expected OKs to a verb handled from above."""
        if asked is not None:
            self._asked[in_re_verb] = asked

        def handle(_peer: Peer, packet: PacketReceived, ok: Ok, now: int) -> None:
            handler(packet, ok, now)

        self.ok_rule(in_re_verb, handle)

    def register_error(self, code: ErrorCode, handler: ErrorHandler) -> None:
        """Have ERRORs of a code handled from above."""
        if code in self._error_handlers:
            raise ValueError(f"ERROR({code.name}) has a handler")
        self._error_handlers[code] = handler

    # Packets

    def packet(self, packet: PacketReceived, now: int) -> None:
        """Handle a packet that just came."""
        self.came_in(packet.source, packet.path, packet.size, now)
        self._handle(packet, now, gated=True)

    def again(self, packet: PacketReceived, now: int) -> None:
        """Handle a deferred packet again; it passed its gate the first time."""
        self._handle(packet, now, gated=False)

    def came_in(self, source: int, path: Path, size: int, now: int) -> None:
        """So many authentic bytes of a peer came: it may have us send some by that path."""
        peer = self._topology.peer(source)
        if peer is not None:
            credit.came_in(peer, path, size, now)

    def assured(self, packet: PacketReceived, now: int) -> bool:
        """Whether its sender has shown that it is where the packet came from.

        If not, it is asked to, and the packet is dispatched again when it does.
        """
        peer = self._topology.peer(packet.source)
        if peer is None or credit.proven(peer, packet.path, now):
            return peer is not None

        def later(then: int) -> None:
            self.again(packet, then)

        direct = packet.hops == 0
        self._challenges.hold(peer, packet.path, later, now, direct=direct)
        return False

    def _handle(self, packet: PacketReceived, now: int, *, gated: bool) -> None:
        peer = self._topology.peer(packet.source)
        if peer is None:
            self._local.count("packet_without_peer")
            return
        if gated:
            self._local.count(f"rx_{_verb_name(packet.verb)}")
        try:
            if packet.verb == Verb.OK:
                self._ok(peer, packet, now)
            else:
                self._by_rule(peer, packet, now, gated=gated)
        except Malformed:
            self._local.count(f"malformed_{_verb_name(packet.verb)}")

    def _by_rule(self, peer: Peer, packet: PacketReceived, now: int, *, gated: bool) -> None:
        if packet.verb in _BONDING_VERBS:
            return
        rule = self._rules.get(packet.verb)
        if rule is not None:
            if rule.upstream_only and not self._topology.is_upstream(peer.address):
                self._local.count(f"refused_{_verb_name(packet.verb)}")
                return
            if gated and not _passes(rule, peer, packet, now):
                self._local.count(f"gated_{_verb_name(packet.verb)}")
                return
            rule.handler(peer, packet, now)
        # HELLO notes its own reception, in between its answer and what that teaches.
        if packet.verb != Verb.HELLO and not self.deferred.holds(packet):
            self._reception.received(peer, packet.path, packet.hops, packet.verb, now)

    def _ok(self, peer: Peer, packet: PacketReceived, now: int) -> None:
        ok = Ok.parse(packet.payload)
        ours = ok.in_re_verb if ok.in_re_verb in self._ok_handlers else Verb.NOP
        if not affords_answer(peer, ours, len(packet.payload), now):
            self._local.count("gated_ok")
            return
        matched = self._replies.matches(ok.in_re_packet_id, ok.in_re_verb, peer.address)
        asked = self._asked.get(ok.in_re_verb)
        if not matched and (asked is None or not asked(peer.address, ok, now)):
            self._local.count("ok_unexpected")
            return
        handler = self._ok_handlers.get(ok.in_re_verb)
        if handler is not None:
            handler(peer, packet, ok, now)
        # Only the ID of what went there proves that the peer hears us by this path.
        confirmed = matched and self._replies.proves(ok.in_re_packet_id, packet.path)
        self._reception.received(
            peer, packet.path, packet.hops, packet.verb, now, confirmed=confirmed
        )

    def _error(self, _peer: Peer, packet: PacketReceived, now: int) -> None:
        error = Error.parse(packet.payload)
        if error.code in _ERROR_NAMES:
            self._local.count(f"rx_error_{_ERROR_NAMES[error.code]}")
        handler = self._error_handlers.get(error.code)
        if handler is not None:
            handler(packet, error, now)

    def _unwanted(self, _peer: Peer, packet: PacketReceived, _now: int) -> None:
        """Texts for an application or a log, which nobody here asked for: not even read.

        Anybody may send them, and some tens of bytes unpack to thousands of lines.
        """
        self._local.count(f"unwanted_{_verb_name(packet.verb)}")


def _passes(rule: Rule, peer: Peer, packet: PacketReceived, now: int) -> bool:
    if not affords(peer, packet.verb, len(packet.payload), now):
        return False
    return rule.gate is None or rule.gate(peer, packet, now)


_VERB_NAMES = {verb.value: verb.name.lower() for verb in Verb}
_ERROR_NAMES = {code.value: code.name.lower() for code in ErrorCode}


def _verb_name(verb: int) -> str:
    return _VERB_NAMES.get(verb, "unassigned")
