"""HELLO and its answer as received: authentication, collisions, versions, worlds (02, 3.6, 3.7)."""

from __future__ import annotations

from collections.abc import Callable

from earthline.effects import HelloReceived, PacketReceived, Path
from earthline.vl1.ground.gates import prefix_key
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.proofs import Proofs
from earthline.vl1.ground.timers import Timers
from earthline.vl1.ground.turns import Regulars
from earthline.vl1.identities.greetings import Greeting, Greetings
from earthline.vl1.identities.newcomers import Newcomers
from earthline.vl1.peers.peer import Peer, Version
from earthline.vl1.peers.topology import Topology
from earthline.vl1.receiving.allowance import affords
from earthline.vl1.receiving.reception import Reception
from earthline.vl1.sending import credit
from earthline.vl1.sending.answers import Answers, Request, request_of
from earthline.vl1.sending.contact import SOFTWARE_VERSION, Contact
from earthline.vl1.traversal.surface_reports import SurfaceReports
from earthline.wire.address import format_address, is_reserved
from earthline.wire.identity import Identity
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
    """Accepts HELLOs of anybody who proves to hold the key of an address nobody else holds.

        known peer ────────────────────────▶ MAC ──▶ answer
        anybody else ──▶ greetings (key, MAC) ──▶ newcomers (proof of the address) ──▶ answer
                                              └─▶ the address is another peer's: collision

    Neither the agreement on a key nor the proof runs here: the host does them (`vl1.ground.work`).
    """

    def __init__(
        self,
        local: Local,
        topology: Topology,
        answers: Answers,
        reception: Reception,
        reports: SurfaceReports,
        *,
        timers: Timers,
        contact: Contact,
        proofs: Proofs,
        regulars: Regulars,
        worlds_changed: Callable[[int], None],
        version_learned: Callable[[Peer, int], None],
    ) -> None:
        self._local = local
        self._topology = topology
        self._answers = answers
        self._reception = reception
        self._reports = reports
        self._proofs = proofs
        self._regulars = regulars
        self._worlds_changed = worlds_changed
        self._version_learned = version_learned
        self.greetings = Greetings(local, timers, regulars, self._authentic)
        self.newcomers = Newcomers(
            local, topology, proofs, greet=contact.compose_bare, admitted=self._take
        )

    # HELLO

    def receive_clear(self, event: HelloReceived, now: int) -> None:
        """A suite-0 HELLO: it must authenticate itself (02, 3.6, steps 1 to 5)."""
        header = Header.parse(event.packet)
        hello = Hello.parse(event.packet[HEADER_LENGTH:])
        if hello.protocol < MINIMUM_PROTOCOL_VERSION:
            self._local.count("hello_old_protocol")
        elif hello.identity.address != header.source:
            self._local.count("hello_wrong_source")
        elif header.source == self._local.address or is_reserved(header.source):
            self._local.count("hello_impossible_address")
        else:
            self._authenticate(event, hello.identity, now)

    def _authenticate(self, event: HelloReceived, identity: Identity, now: int) -> None:
        """At once if there is a key for it; else the host is asked to agree on one."""
        peer = self._topology.peer(identity.address)
        if peer is not None and peer.identity == identity:
            if peer.session.open(event.packet) is None:
                self._local.count("hello_bad_mac")
            else:
                self._take(peer, event, now)
        elif self.newcomers.holds(identity):
            self.newcomers.repeated(identity, event, now)
        else:
            self.greetings.consider(Greeting(identity, event), now)

    def _authentic(self, greeting: Greeting, key: bytes, now: int) -> None:
        """The MAC of a HELLO holds whose sender was not known when it came."""
        identity = greeting.identity
        peer = self._topology.peer(identity.address)
        if peer is not None and peer.identity == identity:
            self._take(peer, greeting.event, now)
        elif peer is not None:
            self._refuse_collision(peer, greeting, key, now)
        elif self.newcomers.holds(identity):
            self.newcomers.repeated(identity, greeting.event, now)
        else:
            self.newcomers.take(greeting, key, now)

    def _refuse_collision(self, holder: Peer, greeting: Greeting, key: bytes, now: int) -> None:
        """Somebody else holds the address; but first that one has to prove that it is its own."""
        if not self._topology.believed(holder):
            self._local.count("hello_disputed")
            self._proofs.in_turn(holder.identity, greeting.prefix, now)
            return
        self._local.count("hello_collision")
        self._local.report("address_taken", address=format_address(holder.address))
        header = Header.parse(greeting.event.packet)
        direct = header.hops == 0
        request = Request(greeting.event.path, Verb.HELLO, header.packet_id, direct)
        self._answers.collision(key, holder.identity, request)

    def _take(self, peer: Peer, event: HelloReceived, now: int) -> None:
        """A clear HELLO that is known to be authentic."""
        self._local.count("rx_hello")
        if not affords(peer, Verb.HELLO, len(event.packet), now):
            self._local.count("gated_hello")
            return
        credit.came_in(peer, event.path, len(event.packet), now)
        header = Header.parse(event.packet)
        self.receive(peer, _as_packet(event.path, header, event.packet[HEADER_LENGTH:]), now)

    def receive(self, peer: Peer, packet: PacketReceived, now: int) -> None:
        """An authenticated HELLO (02, 3.6, steps 6 to 9)."""
        mask = tail_mask(peer.session, packet.packet_id)
        hello = Hello.parse(packet.payload, mask)
        if hello.protocol < MINIMUM_PROTOCOL_VERSION or hello.identity != peer.identity:
            self._local.count("hello_refused")
            return
        peer.clock_offset = hello.timestamp - now
        if packet.hops == 0 and peer.genuine:
            self._regulars.note(prefix_key(packet.path[1]), now)
        if packet.hops == 0 and hello.sent_to is not None:
            self._reports.record(peer, packet.path, hello.sent_to, now)
        self._answer(peer, packet, hello, now)
        # Only now: the answer to a first HELLO is suite 1, the version being unknown so far.
        self._learn_version(peer, hello.protocol, (hello.major, hello.minor, hello.revision), now)
        self._reception.received(peer, packet.path, packet.hops, Verb.HELLO, now)

    def _answer(self, peer: Peer, packet: PacketReceived, hello: Hello, now: int) -> None:
        """With what is newer of our worlds, which may be more than the peer has credit for."""
        request, worlds = request_of(packet), self._topology.worlds.updates_for(hello)
        answer = _ok_hello(packet.path, hello, hello.timestamp, worlds)
        if not worlds:
            self._answers.ok(peer, request, answer, now)
        elif not self._answers.ok_if_paid(peer, request, answer, now):
            short = _ok_hello(packet.path, hello, hello.timestamp, b"")
            self._answers.ok(peer, request, short, now)

            def later(then: int) -> None:
                # As if it had been asked later: it takes what has passed since for the way here.
                sent_at = hello.timestamp + then - now
                answer = _ok_hello(packet.path, hello, sent_at, worlds)
                self._answers.ok(peer, request, answer, then)

            self._answers.once_proven(peer, request, later, now)

    # Its answer

    def receive_ok(self, peer: Peer, packet: PacketReceived, ok: Ok, now: int) -> None:
        """An expected answer to our HELLO (02, 3.7)."""
        answer = OkHello.parse(ok.payload)
        if answer.protocol < MINIMUM_PROTOCOL_VERSION:
            raise Malformed(f"OK(HELLO) of protocol {answer.protocol}")
        if answer.worlds and self._topology.is_contact(peer.address):
            self._hear_of_worlds(peer, answer, now)
        if packet.hops == 0:
            path = self._topology.paths.get(packet.path)
            path.sample_latency(self._local.wall.since(answer.timestamp, now))
            if answer.seen_from is not None:
                self._reports.record(peer, packet.path, answer.seen_from, now)
        self._learn_version(
            peer, answer.protocol, (answer.major, answer.minor, answer.revision), now
        )

    def _hear_of_worlds(self, peer: Peer, answer: OkHello, now: int) -> None:
        """The seed of a moon is believed for its address's sake, so that has to be its own."""
        if self._topology.believed(peer):
            self._take_worlds(answer, now)
        else:
            self._local.count("world_of_unproved_seed")
            self._proofs.at_once(peer.identity, now)

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


def _ok_hello(seen_at: Path, hello: Hello, sent_at: int, worlds: bytes) -> bytes:
    seen_port = seen_at[2] if hello.protocol >= _PORT_PROTOCOL else 0
    seen_from = InetAddress(seen_at[1], seen_port)
    return OkHello(sent_at, PROTOCOL_VERSION, *SOFTWARE_VERSION, seen_from, worlds).emit()
