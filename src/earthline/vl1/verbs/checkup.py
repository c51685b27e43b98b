"""Asking every root for a sign of life, because somebody wants to know what gets through now.

    HELLO to each endpoint, ECHO by each path    ──▶ which roots answer, by which paths
    ECHO whose answer is a datagram of n bytes   ──▶ whether such datagrams pass both ways

Roots answer one ECHO per path and 166 ms (02, 4.10): ask for one size at a time.
"""

from __future__ import annotations

from earthline.effects import PacketReceived, Path
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending.contact import Contact, toward
from earthline.vl1.sending.outbound import Outbound
from earthline.wire.messages.ok import Ok
from earthline.wire.packet import HEADER_LENGTH, Verb

_OK_PREFIX = 9
"""Verb and packet ID that an OK puts before what it gives back."""
_MAX_PATHS = 256
"""Paths asked about at a time: more than all roots and sockets make."""
_MAX_ASKED = 1_024
"""Questions remembered: four for each of these paths."""


class Checkup:
    """Asks, and keeps the size of the largest datagram that came back by each path."""

    def __init__(self, topology: Topology, contact: Contact, outbound: Outbound) -> None:
        self._topology = topology
        self._contact = contact
        self._outbound = outbound
        self._largest: dict[Path, int] = {}
        self._asked: dict[int | None, None] = {}
        """Wire IDs: others ask by ECHO, too, and take answers in pieces."""

    def ask(self, size: int, now: int) -> None:
        """Ask with datagrams of ``size`` bytes; 0: as small as can be, and forget older answers."""
        if not size:
            self._largest.clear()
            self._asked.clear()
        for address in self._topology.upstreams:
            peer = self._topology.peer(address)
            if peer is not None:
                self._ask(peer, size, now)

    def _ask(self, peer: Peer, size: int, now: int) -> None:
        payload = bytes(max(0, size - HEADER_LENGTH - _OK_PREFIX))
        for slot in peer.slots:
            if peer.understands_echo:
                packet_id = self._outbound.write(peer, slot.path.key, Verb.ECHO, payload, now)
                self._asked[packet_id] = None
                if len(self._asked) > _MAX_ASKED:
                    del self._asked[next(iter(self._asked))]
        if not size or not peer.slots:
            for endpoint in self._topology.worlds.endpoints(peer.address):
                self._contact.hello(peer, toward(endpoint), now)

    def echoed(self, packet: PacketReceived, ok: Ok) -> None:
        """An expected answer to an ECHO."""
        if ok.in_re_packet_id not in self._asked:
            return
        size = HEADER_LENGTH + _OK_PREFIX + len(ok.payload)
        if packet.hops == 0:
            self._largest[packet.path] = max(size, self._largest.pop(packet.path, 0))
            if len(self._largest) > _MAX_PATHS:
                del self._largest[next(iter(self._largest))]

    def largest(self, path: Path) -> int:
        """Bytes of the largest datagram that came back by the path lately; 0: none did."""
        return self._largest.get(path, 0)
