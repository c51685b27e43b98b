"""Nobody is an amplifier: little goes to where nobody has shown to be, whoever asks for it."""

from __future__ import annotations

import itertools

import pytest
from attacker import VICTIM_IP, Attacker, Meter
from outage import lan

from earthline.effects import TakeWorld
from earthline.sim.internet import ip_bytes
from earthline.sim.simulation import Simulation
from earthline.vl2.multicast.groups import GroupKey
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress
from earthline.wire.mac import mac_of
from earthline.wire.messages.config import NetworkConfigRequest
from earthline.wire.messages.error import Error
from earthline.wire.messages.frame import FLAG_ACKNOWLEDGE, ExtFrame, MulticastFrame
from earthline.wire.messages.multicast import MulticastGather
from earthline.wire.messages.paths import FLAG_CLUSTER_REDIRECT, PushDirectPaths, PushedPath
from earthline.wire.messages.whois import MAX_ADDRESSES, Whois
from earthline.wire.metadata import RequestMetadata
from earthline.wire.multicast import MulticastGroup
from earthline.wire.packet import ErrorCode, Verb

FACTOR = 3
GROUP = MulticastGroup(0x01005E0000FB)
ELSEWHERE = ip_bytes("77.7.7.7")
"""What the attacker names in pushes; no more of that goes there either."""
KNOWN = 128
MEMBERS = 270
METADATA = RequestMetadata(1, 14, 1, "linux/x86_64").emit()


class World:
    """Four roots, the first of which is a controller; a controller that is none; a member."""

    def __init__(self, sim):
        self.sim = sim
        names = ("one", "80.1.0.1", "two", "80.2.0.1", "three", "80.3.0.1", "four", "80.4.0.1")
        self.root = sim.root(*names)
        self.leaf, self.controller = sim.host("leaf"), sim.host("controller")
        self.controller.become_controller()
        self.mallory = sim.host("mallory")
        self.network = lan(sim, self.root, self.leaf, self.mallory)
        route = "10.2.0.0/24"
        self.other = sim.network(self.controller, ("10.2.0.1", "10.2.0.254"), route)
        sim.run_for(20_000)
        key = next(sim._identities).public.public_key
        self.known = [0x20_0000_0000 + number for number in range(KNOWN)]
        for host in (self.root, self.leaf, self.controller):
            for address in self.known:
                host.node.peers.topology.add(Identity(address, key), sim.clock.now, bytes(48))
            host.rebind(9993, 9994, 9995)
            for number in range(MEMBERS):
                group = GroupKey(self.network, GROUP)
                host.node.ethernet._groups.record(group, 0x30_0000_0000 + number, sim.clock.now)
        sim.run_for(5_000)
        sim.internet.watchers.clear()
        self.ports = itertools.count(20_000)


def hello(attacker, target, world):
    return attacker.hello(target, stale=True)


def whois_of_one(attacker, target, world):
    return attacker.packet(target, Verb.WHOIS, Whois((target.address,)).emit())


def whois_of_many(attacker, target, world):
    return attacker.packet(target, Verb.WHOIS, Whois(tuple(world.known)).emit())


def whois_of_one_said_often(attacker, target, world):
    return attacker.packet(target, Verb.WHOIS, Whois((target.address,) * KNOWN).emit())


def echo(attacker, target, world):
    return attacker.packet(target, Verb.ECHO, bytes(range(100)))


def echo_that_unpacks_to_much(attacker, target, world):
    return attacker.packet(target, Verb.ECHO, bytes(8_000))


def gather(attacker, target, world):
    message = MulticastGather(world.network, GROUP, MEMBERS)
    return attacker.packet(target, Verb.MULTICAST_GATHER, message.emit())


def request(attacker, target, world):
    network = world.other if target is world.controller else world.network
    message = NetworkConfigRequest(network, METADATA)
    return attacker.packet(target, Verb.NETWORK_CONFIG_REQUEST, message.emit())


def request_of_a_foreign_network(attacker, target, world):
    message = NetworkConfigRequest(0x1234567890 << 24 | 5, b"")
    return attacker.packet(target, Verb.NETWORK_CONFIG_REQUEST, message.emit())


def push_of_ports(attacker, target, world):
    records = [PushedPath(InetAddress(ELSEWHERE, 4_000 + number)) for number in range(8)]
    payload = PushDirectPaths(tuple(records)).emit()
    return attacker.packet(target, Verb.PUSH_DIRECT_PATHS, payload)


def push_of_redirects(attacker, target, world):
    records = [
        PushedPath(InetAddress(ELSEWHERE, 4_000 + number), FLAG_CLUSTER_REDIRECT)
        for number in range(800)
    ]
    payload = PushDirectPaths(tuple(records)).emit()
    return attacker.packet(target, Verb.PUSH_DIRECT_PATHS, payload)


def frame(attacker, target, world):
    return attacker.packet(target, Verb.FRAME, world.network.to_bytes(8) + b"\x08\x00" + b"x")


def frame_to_be_acknowledged(attacker, target, world):
    to = mac_of(target.address, world.network)
    source = mac_of(attacker.identity.address, world.network)
    message = ExtFrame(world.network, to, source, 0x0800, b"x", flags=FLAG_ACKNOWLEDGE)
    return attacker.packet(target, Verb.EXT_FRAME, message.emit())


def frame_that_gathers(attacker, target, world):
    message = MulticastFrame(world.network, GROUP, 0x0800, b"x", gather_limit=MEMBERS)
    return attacker.packet(target, Verb.MULTICAST_FRAME, message.emit())


def refusal_for_want_of_a_certificate(attacker, target, world):
    network = world.network.to_bytes(8)
    error = Error(Verb.FRAME, 1, ErrorCode.NEED_MEMBERSHIP_CERTIFICATE, network)
    return attacker.packet(target, Verb.ERROR, error.emit())


def nothing(attacker, target, world):
    return attacker.packet(target, Verb.NOP, b"")


ATTACKS = (
    hello,
    whois_of_one,
    whois_of_many,
    whois_of_one_said_often,
    echo,
    echo_that_unpacks_to_much,
    gather,
    request,
    request_of_a_foreign_network,
    push_of_ports,
    push_of_redirects,
    frame,
    frame_to_be_acknowledged,
    frame_that_gathers,
    refusal_for_want_of_a_certificate,
    nothing,
)


@pytest.fixture(scope="module")
def world():
    """One for all attacks: each is somebody else's."""
    with Simulation(seed=1) as sim:
        yield World(sim)


def attack(world, attacker, target, asked, times=4):
    """What it came to: greet, ask again and again, and wait for all that follows."""
    meter = Meter(world.sim, target, VICTIM_IP, ELSEWHERE)
    attacker.source = (VICTIM_IP, next(world.ports))  # What came by another pays for nothing.
    if asked is not hello:
        attacker.send(target, attacker.hello(target))
        world.sim.run_for(1_200)
    for _ in range(times):
        attacker.send(target, asked(attacker, target, world))
        world.sim.run_for(700)
    world.sim.run_for(16_000)
    world.sim.internet.watchers.clear()
    return meter


@pytest.mark.parametrize("role", ["root", "leaf", "controller"])
@pytest.mark.parametrize("asked", ATTACKS, ids=lambda asked: asked.__name__)
def test_stranger_who_forges_its_source_has_little_sent_there(world, role, asked):
    target = getattr(world, role)
    meter = attack(world, Attacker(world.sim), target, asked)
    assert meter.into > 0
    assert meter.worst <= FACTOR


@pytest.mark.parametrize("asked", ATTACKS, ids=lambda asked: asked.__name__)
def test_member_who_forges_its_source_has_little_sent_there(world, asked):
    """It is known by a path of its own, and trusted: what is sent to that is another matter."""
    attacker = Attacker(world.sim, world.mallory.identity)
    meter = attack(world, attacker, world.leaf, asked)
    assert meter.into > 0
    assert meter.worst <= FACTOR


def test_introduction_that_a_forged_datagram_causes_is_small_for_either(simulate):
    """Anybody may write on what it has a root relay where some node is: that one is told."""
    world = World(simulate(seed=4))
    sim, root, leaf, mallory = world.sim, world.root, world.leaf, world.mallory
    sim.run_for(31_000)
    attacker = Attacker(sim, mallory.identity)
    attacker.source = (mallory.ip, 9993)
    sent = []
    sim.internet.watchers.append(lambda flight, _: sent.append(flight))
    for _ in range(5):
        datagram = attacker.packet(leaf, Verb.NOP, b"")
        attacker.send(root, datagram)
        sim.run_for(50)
    relayed = 5 * len(datagram[0])
    for told in (leaf, mallory):
        flights = [f for f in sent if f.sender == "one" and f.receiver == told.name]
        assert 0 < sum(len(f.datagram) for f in flights) <= FACTOR * relayed
    assert root.node.counters["tx_rendezvous"] % 2 == 0


# What it costs the honest: a round trip


def unknown_again(host, peer):
    """As if the peer had not answered the host for long."""
    record = host.node.peers.peer(peer.address)
    record.proved.clear()
    record.credit.clear()


def test_question_whose_answer_is_long_is_answered_after_a_round_trip(simulate):
    world = World(simulate(seed=2))
    sim, root, leaf = world.sim, world.root, world.leaf
    before = root.node.counters["held_for_proof"]
    questions = (
        (Verb.WHOIS, Whois(tuple(world.known[:MAX_ADDRESSES]))),
        (Verb.MULTICAST_GATHER, MulticastGather(world.network, GROUP, MEMBERS)),
        (Verb.ECHO, Whois((1,) * 1_000)),
    )
    for verb, question in questions:
        unknown_again(root, leaf)
        answers = []
        sim.internet.watchers.append(
            lambda flight, _, heard=answers: heard.append(flight) if flight.sender == "one" else 0
        )
        leaf._do(
            lambda verb=verb, question=question: leaf.node.peers.send(
                root.address, verb, question.emit(), sim.clock.now, compress=True
            )
        )
        sim.run_for(4 * 20 + 1)
        sim.internet.watchers.clear()
        assert sum(len(f.datagram) for f in answers if f.receiver == "leaf") > 1_000
        sim.run_for(1_000)
    assert root.node.counters["held_for_proof"] == before + 3
    assert root.node.counters["held_too_long"] == 0


def test_newcomer_has_a_newer_planet_and_an_address_at_once(simulate):
    world = World(simulate(seed=3))
    sim, old = world.sim, world.sim.planet
    roots = [sim.hosts[name] for name in ("one", "two", "three", "four")]
    newer = sim._make_planet(roots)
    for root in roots:
        root.command(TakeWorld(newer.emit()))
    sim.run_for(1_000)
    newcomer = sim.host("newcomer")
    newcomer.join(world.other)
    assert newcomer.node.peers.worlds.planet.timestamp == old.timestamp
    sim.run_for(3 * 40)
    assert newcomer.node.peers.worlds.planet.timestamp == newer.timestamp
    assert sim.run_until(lambda: sim.joined(world.other, newcomer), within_ms=2_000)
    latency = newcomer.node.peers.peer(world.root.address).latency
    assert latency == 40
