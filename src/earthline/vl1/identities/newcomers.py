"""Newcomers: they proved to hold their key, and wait for the proof of their address (02, 3.6).

Nothing is known of them to the rest of the engine until then: what else they send waits as that of
any stranger does (02, 4.6). Their HELLOs are answered once they are let in, the last one of each
path, so that a newcomer with several sockets is reached by all of them.

    HELLO whose MAC holds ──┬───────────────────────────────▶ in line for the proof ──▶ let in
                            └─▶ line is long: our HELLO ─OK─▶

A proof costs 10 ms, and a HELLO for an invented address next to nothing. So once more than a few
are in line, and for a while after that, who wants to be has to show that it is where its HELLO
seems to come from: it answers a HELLO of ours, which it alone can do, since only the two of us have
the key. That costs a genuine node one round trip, and whoever forges source addresses never sees
what it should answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from earthline._native import SessionKey
from earthline.effects import HelloReceived, Path, Transmit, UnknownSource
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.proofs import Proofs
from earthline.vl1.identities.asked import MAX_PATHS, Asked
from earthline.vl1.identities.greetings import Greeting
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.topology import Topology
from earthline.wire.identity import Identity
from earthline.wire.messages.ok import Ok
from earthline.wire.packet import HEADER_LENGTH, Header, Suite, Verb, build
from earthline.wire.reader import Malformed

ASK_MS = 10_000
"""So long all newcomers are asked after there was a crowd: else a few forged ones would come in
line for each that was proved."""

Admitted: TypeAlias = Callable[[Peer, HelloReceived, int], None]
Greet: TypeAlias = Callable[[Path, int], bytes]
"""(path, now): the payload of a HELLO of ours, without what only those get who are let in."""


@dataclass(slots=True)
class Newcomer:
    """Who waits, and its authentic HELLOs."""

    identity: Identity
    key: bytes = field(repr=False)
    prefix: int
    hellos: dict[Path, HelloReceived]
    session: SessionKey = field(init=False, repr=False)
    asked: deque[int] = field(init=False)
    """The wire IDs of our own HELLOs to it."""

    def __post_init__(self) -> None:
        self.session = SessionKey(self.key)
        self.asked = deque(maxlen=MAX_PATHS)

    def answers(self, packet: bytes) -> bool:
        """Whether a sealed packet is its OK to one of these."""
        opened = self.session.open(packet)
        if opened is None or Header.parse(opened).verb != Verb.OK:
            return False
        ok = Ok.parse(opened[HEADER_LENGTH:])
        return ok.in_re_verb == Verb.HELLO and ok.in_re_packet_id in self.asked


class Newcomers:
    """As many as `Proofs` lets wait. ``admitted`` is called for each HELLO to be answered."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        proofs: Proofs,
        *,
        greet: Greet,
        admitted: Admitted,
    ) -> None:
        self._local = local
        self._topology = topology
        self._proofs = proofs
        self._greet = greet
        self._admitted = admitted
        self._ask_until = 0
        self._waiting: dict[Identity, Newcomer] = {}
        """In line."""
        self._asked = Asked()
        """Not in line before they answer."""

    def holds(self, identity: Identity) -> bool:
        """Whether this very identity waits: an address alone may be anybody's."""
        return identity in self._waiting or identity in self._asked

    def take(self, greeting: Greeting, key: bytes, now: int) -> None:
        """Have the address of an authentic HELLO's sender proved."""
        identity, event = greeting.identity, greeting.event
        newcomer = Newcomer(identity, key, greeting.prefix, {event.path: event})
        if self._proofs.crowded:
            self._ask_until = now + ASK_MS
        if now < self._ask_until <= now + ASK_MS:
            self._asked.put(newcomer)
            self._ask(newcomer, event.path, now)
        else:
            self._line_up(newcomer, now)

    def repeated(self, identity: Identity, event: HelloReceived, now: int) -> None:
        """Another HELLO of one that waits: kept to be answered, if it is authentic."""
        newcomer = self._waiting.get(identity) or self._asked[identity]
        if newcomer.session.open(event.packet) is None:
            self._local.count("hello_bad_mac")
            return
        self._local.count("hello_repeated")
        if event.path in newcomer.hellos or len(newcomer.hellos) < MAX_PATHS:
            newcomer.hellos[event.path] = event
        if identity in self._asked and event.path in newcomer.hellos:
            self._ask(newcomer, event.path, now)

    def answered(self, event: UnknownSource, now: int) -> bool:
        """Whether a stranger's packet shows that one of whom we asked it is where it seems."""
        for newcomer in self._asked.claimants(event.source, event.path):
            try:
                answers = newcomer.answers(event.packet)
            except Malformed:
                answers = False
            if answers:
                self._local.count("newcomer_answered")
                self._asked.pop(newcomer.identity)
                self._line_up(newcomer, now)
                return True
        return False

    def _ask(self, newcomer: Newcomer, path: Path, now: int) -> None:
        """Send it a HELLO, which is no larger than its own and in clear, so that it can be read."""
        self._local.count("newcomer_asked")
        packet_id, ours = self._local.packet_id(), self._local.address
        payload = self._greet(path, now)
        packet = build(packet_id, newcomer.identity.address, ours, Verb.HELLO, payload)
        newcomer.asked.append(packet_id)
        self._asked.note(newcomer, path)
        self._local.emit(Transmit(path, newcomer.session.seal(packet, Suite.POLY1305)))

    def _line_up(self, newcomer: Newcomer, now: int) -> None:
        self._waiting[newcomer.identity] = newcomer
        gone = self._proofs.in_turn(newcomer.identity, newcomer.prefix, now)
        if gone is not None:
            self._waiting.pop(gone, None)

    def proved(self, identity: Identity, now: int, *, valid: bool) -> None:
        """Let a newcomer in, or forget it."""
        newcomer = self._waiting.pop(identity, None) or self._asked.pop(identity)
        if newcomer is None:
            return
        if not valid:
            self._local.count("hello_invalid_identity")
            return
        peer = self._topology.add(identity, now, newcomer.key, prefix=newcomer.prefix, genuine=True)
        if peer is None or peer.identity != identity:
            self._local.count("hello_late")
            return
        for event in newcomer.hellos.values():
            self._admitted(peer, event, now)
