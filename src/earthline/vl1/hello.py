"""HELLO and its answer as received: authentication, collisions, versions, worlds (02, 3.6, 3.7)."""

from __future__ import annotations

from collections.abc import Callable

from earthline._native import SessionKey
from earthline.effects import HelloReceived, PacketReceived, Path
from earthline.vl1.contact import SOFTWARE_VERSION
from earthline.vl1.gates import IdentityGate
from earthline.vl1.local import Local
from earthline.vl1.outbound import Outbound, Request
from earthline.vl1.peer import Peer, Version
from earthline.vl1.reception import Reception
from earthline.vl1.reports import SurfaceReports
from earthline.vl1.topology import Topology
from earthline.wire.address import format_address
from earthline.wire.inet import InetAddress
from earthline.wire.messages.hello import Hello, tail_mask
from earthline.wire.messages.ok import Ok, OkHello
from earthline.wire.packet import (
    HEADER_LENGTH,
    MINIMUM_PROTOCOL_VERSION,
    PROTOCOL_VERSION,
    Header,
    Verb,
)
from earthline.wire.reader import Malformed

_PORT_PROTOCOL = 5
"""From this protocol version on OK(HELLO) names the port, too (01, 6.2)."""


class HelloReception:
    """Accepts HELLOs of anybody who proves to hold the key of an address nobody else holds."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        outbound: Outbound,
        reception: Reception,
        reports: SurfaceReports,
        *,
        worlds_changed: Callable[[int], None],
        version_learned: Callable[[Peer, int], None],
    ) -> None:
        self._local = local
        self._topology = topology
        self._outbound = outbound
        self._reception = reception
        self._reports = reports
        self._worlds_changed = worlds_changed
        self._version_learned = version_learned
        self.gate = IdentityGate()

    # HELLO

    def receive_clear(self, event: HelloReceived, now: int) -> None:
        """A suite-0 HELLO: it must authenticate itself (3.6, steps 1 to 5)."""
        header = Header.parse(event.packet)
        hello = Hello.parse(event.packet[HEADER_LENGTH:])
        if hello.protocol < MINIMUM_PROTOCOL_VERSION:
            self._local.count("hello_old_protocol")
        elif hello.identity.address != header.source:
            self._local.count("hello_wrong_source")
        else:
            peer = self._authenticate(event, header, hello, now)
            if peer is not None:
                payload = event.packet[HEADER_LENGTH:]
                packet = _as_packet(event.path, header, payload)
                self._local.count("rx_hello")
                self.receive(peer, packet, now)

    def _authenticate(
        self, event: HelloReceived, header: Header, hello: Hello, now: int
    ) -> Peer | None:
        peer = self._topology.peer(header.source)
        if peer is None:
            return self._admit(event, hello, now)
        if peer.identity != hello.identity:
            self._refuse_collision(event, header, hello, now)
            return None
        if peer.session.open(event.packet) is None:
            self._local.count("hello_bad_mac")
            return None
        return peer

    def _admit(self, event: HelloReceived, hello: Hello, now: int) -> Peer | None:
        """A newcomer: cheap checks first, the memory-hard one last."""
        key = self._key_of(event, hello, now)
        if key is None:
            return None
        if not hello.identity.locally_valid():
            self._local.count("hello_invalid_identity")
            return None
        return self._topology.add(hello.identity, now, key)

    def _refuse_collision(
        self, event: HelloReceived, header: Header, hello: Hello, now: int
    ) -> None:
        key = self._key_of(event, hello, now)
        if key is None:
            return
        self._local.count("hello_collision")
        self._local.report("address_taken", address=format_address(header.source))
        request = Request(event.path, Verb.HELLO, header.packet_id)
        self._outbound.collision(key, header.source, request)

    def _key_of(self, event: HelloReceived, hello: Hello, now: int) -> bytes | None:
        """The key of an identity not known, if the gate lets it and its MAC holds."""
        if not self.gate.passes(event.path[1], now):
            self._local.count("hello_gated")
            return None
        key = self._local.identity.agree(hello.identity)
        if SessionKey(key).open(event.packet) is None:
            self._local.count("hello_bad_mac")
            return None
        return key

    def receive(self, peer: Peer, packet: PacketReceived, now: int) -> None:
        """An authenticated HELLO (3.6, steps 6 to 9): it is always answered."""
        mask = tail_mask(peer.session, packet.packet_id)
        hello = Hello.parse(packet.payload, mask)
        if hello.protocol < MINIMUM_PROTOCOL_VERSION or hello.identity != peer.identity:
            self._local.count("hello_refused")
            return
        peer.clock_offset = hello.timestamp - now
        if packet.hops == 0 and hello.sent_to is not None:
            self._reports.record(peer, packet.path, hello.sent_to, now)
        self._answer(peer, packet, hello, now)
        # Only now: the answer to a first HELLO is suite 1, the version being unknown so far.
        self._learn_version(peer, hello.protocol, (hello.major, hello.minor, hello.revision), now)
        self._reception.received(peer, packet.path, packet.hops, Verb.HELLO, now)

    def _answer(self, peer: Peer, packet: PacketReceived, hello: Hello, now: int) -> None:
        seen_port = packet.path[2] if hello.protocol >= _PORT_PROTOCOL else 0
        answer = OkHello(
            hello.timestamp,
            PROTOCOL_VERSION,
            *SOFTWARE_VERSION,
            InetAddress(packet.path[1], seen_port),
            self._topology.worlds.updates_for(hello),
        )
        request = Request(packet.path, Verb.HELLO, packet.packet_id)
        self._outbound.ok(peer, request, answer.emit(), now)

    # Its answer

    def receive_ok(self, peer: Peer, packet: PacketReceived, ok: Ok, now: int) -> None:
        """An expected answer to our HELLO (3.7)."""
        answer = OkHello.parse(ok.payload)
        if answer.protocol < MINIMUM_PROTOCOL_VERSION:
            raise Malformed(f"OK(HELLO) of protocol {answer.protocol}")
        if answer.worlds and self._topology.is_contact(peer.address):
            self._take_worlds(answer, now)
        if packet.hops == 0:
            path = self._topology.paths.get(packet.path)
            path.sample_latency(now - answer.timestamp)
            if answer.seen_from is not None:
                self._reports.record(peer, packet.path, answer.seen_from, now)
        self._learn_version(
            peer, answer.protocol, (answer.major, answer.minor, answer.revision), now
        )

    def _take_worlds(self, answer: OkHello, now: int) -> None:
        worlds = self._topology.worlds
        accepted = [worlds.accept(world, from_disk=False) for world in answer.read_worlds()]
        if any(accepted):
            self._worlds_changed(now)

    def _learn_version(
        self, peer: Peer, protocol: int, version: tuple[int, int, int], now: int
    ) -> None:
        if (peer.protocol, peer.version) == (protocol, version):
            return
        peer.protocol, peer.version = protocol, Version(*version)
        self._version_learned(peer, now)


def _as_packet(path: Path, header: Header, payload: bytes) -> PacketReceived:
    return PacketReceived(
        path,
        header.source,
        header.packet_id,
        header.hops,
        header.suite,
        Verb.HELLO,
        payload,
    )
