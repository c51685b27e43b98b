"""WHOIS: asking upstreams for identities, and answering (02, 3.4 and 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

from earthline.effects import PacketReceived
from earthline.vl1.local import Local
from earthline.vl1.outbound import Outbound, Request
from earthline.vl1.peer import Peer
from earthline.vl1.routes import Routes
from earthline.vl1.topology import Topology
from earthline.wire.address import is_reserved
from earthline.wire.messages.ok import Ok, OkWhois
from earthline.wire.messages.whois import Whois as Question
from earthline.wire.packet import Verb

ASK_INTERVAL_MS = 500
"""At most one WHOIS per target and this time (4.10)."""
ANSWER_INTERVAL_MS = 100
"""At most one answer per asker and this time, unless we are an upstream (4.10)."""

MAX_TARGETS = 1_024
"""Targets that we need ourselves, asked for at a time."""
MAX_FOREIGN = 512
"""Targets asked for because of strangers' packets or for others, at a time.

Anybody can name any number of them: they must neither keep us from asking for what we need, nor
make us flood our upstream.
"""
MAX_ANSWERED = 128
"""Addresses looked at per request: their identities fit one packet (01, 4.2)."""

_LONGEST_PAUSE_MS = 2_000
"""Of the growing ones between questions for a foreign target."""
_FORGET_MS = 5_000


@dataclass(slots=True)
class Asked:
    """When a target was last asked for, and how many times in a row."""

    at: int
    times: int = 0

    def lately(self, now: int, pause_ms: int = ASK_INTERVAL_MS) -> bool:
        """Whether that was within the pause."""
        return 0 <= now - self.at < pause_ms


class Whois:
    """Asks the best upstream, and at each repeat the next: a dead root must not block."""

    def __init__(
        self, local: Local, topology: Topology, routes: Routes, outbound: Outbound
    ) -> None:
        self._local = local
        self._topology = topology
        self._routes = routes
        self._outbound = outbound
        self._asked: dict[int, Asked] = {}
        """Those that we need; here and below the one asked for last comes last."""
        self._foreign: dict[int, Asked] = {}

    def ask(self, address: int, now: int) -> None:
        """Ask for an identity that we need, unless that was done just now.

        Silence means not found.
        """
        foreign = self._foreign.get(address)
        if foreign is None or not foreign.lately(now):
            self._ask(self._asked, MAX_TARGETS, address, now)

    def ask_foreign(self, address: int, now: int) -> None:
        """Ask for the identity of a stranger, or for somebody else: at growing intervals."""
        foreign, ours = self._foreign.get(address), self._asked.get(address)
        if ours is not None and ours.lately(now):
            return
        if foreign is None or not foreign.lately(now, _pause_ms(foreign.times)):
            self._ask(self._foreign, MAX_FOREIGN, address, now)

    def _ask(self, targets: dict[int, Asked], limit: int, address: int, now: int) -> None:
        if address == self._local.address or is_reserved(address):
            return
        asked = targets.get(address)
        if asked is not None and asked.lately(now):
            return
        if asked is None:
            _forget_old(targets, now)
            if len(targets) >= limit:
                self._local.count("whois_too_many")
                return
            asked = Asked(now)
        if self._send(address, asked.times, now):
            targets.pop(address, None)
            targets[address] = Asked(now, asked.times + 1)

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
        """Identities from an upstream are believed without proof (3.4)."""
        if not self._topology.is_upstream(peer.address):
            self._local.count("whois_ok_not_upstream")
            return
        for identity in OkWhois.parse(ok.payload).identities:
            self._asked.pop(identity.address, None)
            self._foreign.pop(identity.address, None)
            self._topology.add(identity, now)

    def may_answer(self, peer: Peer, _packet: PacketReceived, now: int) -> bool:
        """The gate of incoming requests (4.10); roots answer always."""
        if self._topology.worlds.acting_as_upstream:
            return True
        if now - peer.whois_answered_at < ANSWER_INTERVAL_MS:
            return False
        peer.whois_answered_at = now
        return True

    def receive(self, peer: Peer, packet: PacketReceived, now: int) -> None:
        """Answer with the identities known; look the others up for a later repeat (3.5)."""
        wanted = Question.parse(packet.payload).addresses[:MAX_ANSWERED]
        known = [self._topology.identity_of(address) for address in wanted]
        found = tuple(identity for identity in known if identity is not None)
        if found:
            request = Request(packet.path, Verb.WHOIS, packet.packet_id)
            self._outbound.ok(peer, request, OkWhois(found).emit(), now)
        for address, identity in zip(wanted, known, strict=True):
            if identity is None:
                self.ask_foreign(address, now)


def _pause_ms(times: int) -> int:
    return min(ASK_INTERVAL_MS << (times - 1), _LONGEST_PAUSE_MS)


def _forget_old(targets: dict[int, Asked], now: int) -> None:
    """Also those of a time to come: the clock was set back."""
    while targets:
        address, asked = next(iter(targets.items()))
        if asked.lately(now, _FORGET_MS):
            return
        del targets[address]
