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
"""Targets asked for at a time: strangers' packets must not make us flood our upstream."""
MAX_ANSWERED = 128
"""Addresses looked at per request: their identities fit one packet (01, 4.2)."""

_FORGET_MS = 5_000


@dataclass(slots=True)
class Asked:
    """When a target was last asked for, and how many times in a row."""

    at: int
    times: int = 0


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

    def ask(self, address: int, now: int) -> None:
        """Ask for an identity unless that was done just now. Silence means not found."""
        if address == self._local.address or is_reserved(address):
            return
        asked = self._asked.get(address)
        if asked is not None and 0 <= now - asked.at < ASK_INTERVAL_MS:
            return
        if asked is None:
            if not self._make_room(now):
                self._local.count("whois_too_many")
                return
            asked = Asked(now)
        if self._send(address, asked.times, now):
            self._asked[address] = Asked(now, asked.times + 1)

    def _make_room(self, now: int) -> bool:
        if len(self._asked) >= MAX_TARGETS:
            self.expire(now)
        return len(self._asked) < MAX_TARGETS

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
        self._asked = {a: asked for a, asked in self._asked.items() if now - asked.at < _FORGET_MS}

    def receive_ok(self, peer: Peer, _packet: PacketReceived, ok: Ok, now: int) -> None:
        """Identities from an upstream are believed without proof (3.4)."""
        if not self._topology.is_upstream(peer.address):
            self._local.count("whois_ok_not_upstream")
            return
        for identity in OkWhois.parse(ok.payload).identities:
            self._asked.pop(identity.address, None)
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
                self.ask(address, now)
