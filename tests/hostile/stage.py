"""Where packets are priced: a node, a root and a controller, and many who have nothing but keys.

The keys of strangers and members answer by themselves what they are asked, as hosts would: so the
paths by which they greeted are proved, and stay so. Any other path by which they send is not.
"""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import ClassVar

from earthline import _native
from earthline.controller.authority import Authority
from earthline.controller.store.sqlite import SqliteStore
from earthline.sim.host import SimHost
from earthline.sim.internet import Internet
from earthline.sim.nat import Endpoint
from earthline.sim.simulation import Simulation
from earthline.vl2.multicast.groups import GroupKey
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.inet import InetAddress
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.messages.hello import Hello
from earthline.wire.messages.multicast import MulticastGather
from earthline.wire.messages.ok import Ok, OkHello
from earthline.wire.multicast import BROADCAST_GROUP, MulticastGroup
from earthline.wire.packet import HEADER_LENGTH, Verb
from hostile.wire import Speaker, Wire

POOL = ("10.1.0.1", "10.1.3.254")
PORT = 7_777
CROWD = 2_000
CROWDED = MulticastGroup(0x01005E00002A, 0)
"""A group of the private network: the root and the node know so many members of it."""
SPEAKERS = 96
"""Of each kind: no two rows of one round are spoken by the same."""


class Speaking(Wire):
    """A wire whose speaker answers HELLO and ECHO as a host would, and notes what it is asked."""

    def __init__(
        self, speaker: Speaker, ip: bytes, internet: Internet, hosts: list[SimHost]
    ) -> None:
        super().__init__(f"wire {ip.hex()}", ip, internet)
        self.speaker = speaker
        self.asked: dict[tuple[int, int], int] = {}
        """(who, verb) → packet ID of the last question."""
        self._at = {host.ip: host for host in hosts}

    def datagram_in(self, port: int, source: Endpoint, datagram: bytes) -> None:
        host = self._at.get(source[0])
        if host is None or port != PORT or len(datagram) < HEADER_LENGTH:
            return
        opened = self.speaker.key(host.identity.public).open(datagram)
        packet = None if opened is None else _native.decompress(opened)
        if packet is None:
            return
        packet_id, verb = int.from_bytes(packet[:8], "big"), packet[27] & 0x1F
        self.asked[host.address, verb] = packet_id
        body = packet[HEADER_LENGTH:]
        if verb == Verb.HELLO:
            said = Hello.parse(body).timestamp
            body = OkHello(said, 12, 1, 14, 1, InetAddress(*source)).emit()
        elif verb != Verb.ECHO:
            return
        self.say(host, Verb.OK, Ok(verb, packet_id, body).emit())

    def say(self, host: SimHost, verb: int, payload: bytes, source: Endpoint | None = None) -> None:
        """Send a packet by the proved path, or from ``source``."""
        made = self.speaker.packet(host.identity.public, verb, payload)
        self.send(host, made, source or (self.ip, PORT))


class Stage:
    """The hosts, and the speakers by kind."""

    _numbers: ClassVar[itertools.count[int]] = itertools.count(1)

    def __init__(self, folder: Path) -> None:
        self.sim = sim = Simulation(seed=1)
        self.entropy = random.Random("stage")
        self.root = sim.root("root", "80.1.0.1")
        self.controller = sim.host("controller")
        self._store = SqliteStore(str(folder / "controller.db"))
        self.controller.authority = Authority(
            self.controller.identity, self._store, self.entropy.randbytes
        )
        self.node, self.bob = sim.host("node"), sim.host("bob")
        self.private = sim.network(self.controller, POOL, "10.1.0.0/22", private=True)
        self.public = sim.network(self.controller, ("10.2.0.1", "10.2.3.254"), "10.2.0.0/22")
        for host in (self.node, self.bob):
            sim.authorize(self.controller, self.private, host)
            host.join(self.private)
            host.join(self.public)
        for network in (self.private, self.public):
            assert sim.run_until(lambda: sim.joined(network, self.node, self.bob), 60_000)  # noqa: B023
        self.targets = {"node": self.node, "root": self.root, "controller": self.controller}
        self.strangers = self._speakers(SPEAKERS)
        self.members = self._speakers(SPEAKERS)
        for wire in self.members:
            self._enrol(wire)
        self._gather_a_crowd()
        sim.internet.watchers.clear()
        self.settle()

    def close(self) -> None:
        """Let go of both controllers' stores."""
        self.sim.close()
        self._store.close()

    def _speakers(self, count: int) -> list[Speaking]:
        wires = [self._speaker(number) for number in range(count)]
        self.settle()
        known = all(
            host.node.peers.peer(wire.speaker.address) is not None
            for wire in wires
            for host in self.targets.values()
        )
        assert known, "somebody was not let in"
        return wires

    def _speaker(self, number: int) -> Speaking:
        speaker = Speaker(next(self.sim._identities), self.entropy)
        ip = bytes((66, number, next(self._numbers) % 256, 1))
        wire = Speaking(speaker, ip, self.sim.internet, list(self.targets.values()))
        for host in self.targets.values():
            hello = speaker.hello(host.identity.public, self.sim.clock.now)
            wire.send(host, hello, (wire.ip, PORT))
            self.sim.run_for(200)
        return wire

    def _enrol(self, wire: Speaking) -> None:
        """Make a member of a speaker: the controller knows it, the node has its certificate."""
        identity, now = wire.speaker.identity.public, self.sim.clock.now
        authority = self.controller.authority
        authority.post_member(self.private, identity.address, {"authorized": True}, now)
        com = self.certificate(wire.speaker)
        payload = NetworkCredentials((com,)).emit()
        wire.say(self.node, Verb.NETWORK_CREDENTIALS, payload)
        self.sim.run_for(20)

    def certificate(self, speaker: Speaker) -> CertificateOfMembership:
        """Of the private network, by its controller."""
        now = self.sim.clock.now
        made = CertificateOfMembership.build(self.private, now, 3_600_000, speaker.identity.public)
        return made.sign(self.controller.identity)

    def _gather_a_crowd(self) -> None:
        """As if so many had announced themselves: that lasts for 10 minutes."""
        key, first = GroupKey(self.private, CROWDED), 0x20_0000_0000
        for host in (self.root, self.node):
            for member in range(first, first + CROWD):
                host.node.ethernet._groups.record(key, member, self.sim.clock.now)

    def ask_for_members(self, host: SimHost, wire: Speaking) -> None:
        """Have a host ask a speaker who gets broadcasts; the node has sent one just before."""
        if host is self.node:
            host.nic(self.private).broadcast(0x88B5, bytes(46))
        question = MulticastGather(self.private, BROADCAST_GROUP, 0xFFFFFFFF).emit()
        address, now = wire.speaker.address, self.sim.clock.now
        host._do(lambda: host.node.peers.send(address, Verb.MULTICAST_GATHER, question, now))
        self.sim.run_for(50)

    def settle(self) -> None:
        """Until gates are open again, and everybody has answered."""
        self.sim.run_for(31_000)
