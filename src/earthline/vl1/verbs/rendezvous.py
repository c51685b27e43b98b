"""Introductions: made as a root, and followed as a peer (02, 4.4 and 7.4)."""

from __future__ import annotations

from collections.abc import Callable

from earthline.effects import PacketReceived
from earthline.vl1.ground.gates import Interval
from earthline.vl1.ground.local import Local
from earthline.vl1.peers.path import ip_prefix
from earthline.vl1.peers.peer import Peer, Slot, best_of
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending.answers import Answers
from earthline.vl1.sending.approach import Approach
from earthline.wire.inet import InetAddress, Scope
from earthline.wire.messages.rendezvous import Rendezvous
from earthline.wire.packet import Verb

INTERVAL_MS = 30_000
"""A pair is introduced at most this often (02, 4.10)."""
MAX_PAIRS = 65_536
"""Of more, the oldest goes that was introduced for the network that most come from."""


class Introduction:
    """Introduces pairs whose packets we relay, if we are an upstream: nobody else is believed."""

    def __init__(self, local: Local, topology: Topology, answers: Answers) -> None:
        self._local = local
        self._topology = topology
        self._answers = answers
        self._pairs: Interval[tuple[int, int], bytes] = Interval(INTERVAL_MS, MAX_PAIRS)
        """By the network that the packets come from."""

    def introduce(self, source: int, destination: int, now: int) -> None:
        """Tell each of the two where the other is, by the widest scope they share."""
        one, other = self._topology.peer(source), self._topology.peer(destination)
        if one is None or other is None or one is other:
            return
        if not self._topology.worlds.acting_as_upstream:
            return
        meeting = _common_ground(one, other, now)
        pair = (min(source, destination), max(source, destination))
        if meeting is None:
            return
        if not self._pairs.passes(pair, ip_prefix(meeting[0].path.address.ip), now):
            return
        told = [(one, meeting[0], other, meeting[1]), (other, meeting[1], one, meeting[0])]
        if self._local.entropy(1)[0] & 1:
            told.reverse()
        for peer, slot, partner, place in told:
            payload = Rendezvous(partner.address, place.path.address).emit()
            self._answers.tell(peer, slot.path.key, Verb.RENDEZVOUS, payload, now)


def _common_ground(one: Peer, other: Peer, now: int) -> tuple[Slot, Slot] | None:
    """The best slots of both in the highest common scope, IPv6 before IPv4 (02, 4.4)."""
    for scope in sorted(Scope, reverse=True):
        for is_ipv4 in (False, True):
            ours = _best_in(one, scope, now, is_ipv4=is_ipv4)
            theirs = _best_in(other, scope, now, is_ipv4=is_ipv4)
            if ours is not None and theirs is not None:
                return ours, theirs
    return None


def _best_in(peer: Peer, scope: Scope, now: int, *, is_ipv4: bool) -> Slot | None:
    kind = (scope, is_ipv4)
    return best_of((s for s in peer.slots if (s.path.scope, s.path.address.is_ipv4) == kind), now)


class RendezvousReception:
    """Opens our NAT toward a peer and contacts it."""

    def __init__(
        self,
        topology: Topology,
        approach: Approach,
        *,
        whois: Callable[[int, int, int], None],
        defer: Callable[[PacketReceived, int], None],
        introduced: Callable[[Peer, InetAddress, int], None],
    ) -> None:
        self._introduced = introduced
        self._topology = topology
        self._approach = approach
        self._whois = whois
        self._defer = defer

    def receive(self, upstream: Peer, packet: PacketReceived, now: int) -> None:
        """An upstream's introduction; one of a stranger waits until we know whom it is about."""
        introduced = Rendezvous.parse(packet.payload)
        if not self._topology.usable(introduced.peer, introduced.endpoint):
            return
        path = (packet.path[0], introduced.endpoint.ip, introduced.endpoint.port)
        if introduced.endpoint.is_ipv4:
            # Also toward a stranger, whose own packet may come before we know it: see `sim.nat`'s
            # `Masquerade` for what a NAT that is not open by then makes of it.
            self._approach.open(path)
        peer = self._topology.peer(introduced.peer)
        if peer is None:
            self._whois(introduced.peer, now, upstream.address)
            self._defer(packet, now)
            return
        peer.remember_place(introduced.endpoint)
        self._approach.introduced(peer, path, now)
        self._introduced(peer, introduced.endpoint, now)
