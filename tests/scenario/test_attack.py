"""Strangers and spiteful neighbours: nothing they send moves state or grows without a bound."""

from __future__ import annotations

import random
import tracemalloc

from outage import both_direct, lan, longest_outage

from earthline.sim.nat import FullCone
from earthline.vl1.verbs.whois import MAX_FOREIGN
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.messages.rendezvous import Rendezvous
from earthline.wire.packet import Suite, Verb, build

FLOOD = 2_000
"""Datagrams of each kind."""
GROWTH_BYTES = 32 << 20


class Flooder:
    """Sends from any address to the victims, as somebody on their provider's wire could."""

    def __init__(self, sim, victims):
        self._sim = sim
        self._sender = sim.host("mallory")
        self._victims = victims
        self._random = random.Random(sim.seed)

    def spray(self, datagram):
        """One forged datagram to each victim, from a random place."""
        for victim in self._victims:
            source = (self._random.randbytes(4), self._random.randrange(1_024, 65_536))
            there = (victim.ip, 9993)
            data = datagram(victim.address, self._random)
            core = self._sim.internet.core
            self._sim.internet.send(self._sender, core, source, there, data)


def armoured(destination, source, verb, payload, entropy, *, suite):
    """A packet whose MAC is a guess."""
    packet = build(entropy.getrandbits(64), destination, source, verb, payload)
    flags = bytes([packet[18] & 0xC7 | suite << 3])
    return packet[:18] + flags + entropy.randbytes(8) + packet[27:]


def hello(destination, entropy):
    identity = entropy.randbytes(5) + b"\0" + entropy.randbytes(64) + b"\0"
    payload = bytes([12, 1, 14, 0, 1]) + entropy.randbytes(8) + identity + bytes(1 + 8 + 8 + 2)
    source = int.from_bytes(identity[:5])
    return armoured(destination, source, Verb.HELLO, payload, entropy, suite=Suite.POLY1305)


def whois_of_stranger(destination, entropy):
    source, payload = entropy.getrandbits(40), entropy.randbytes(5)
    return armoured(destination, source, Verb.WHOIS, payload, entropy, suite=Suite.SALSA20_POLY1305)


def rendezvous_from(root):
    def forge(destination, entropy):
        payload = bytes(1) + entropy.randbytes(7) + b"\4" + entropy.randbytes(4)
        verb, suite = Verb.RENDEZVOUS, Suite.AES_GMAC_SIV
        return armoured(destination, root.address, verb, payload, entropy, suite=suite)

    return forge


def state(host):
    """What strangers must not move: peers, their ways, roots, what others know of us."""
    engine = host.node.peers
    peers = {
        address: ({slot.path.key for slot in peer.slots}, set(peer.places), peer.relay)
        for address, peer in engine.topology.peers.items()
    }
    return peers, engine.upstreams, engine.nat_report()


def table_sizes(host):
    engine = host.node.peers
    return {
        "peers": len(engine.topology.peers),
        "paths": len(engine.paths),
        "deferred": len(engine._deferred),
        "asked": len(engine._whois._asked),
        "foreign": len(engine._whois._foreign),
        "queue": len(engine._queue),
    }


def test_flood_of_forged_packets_moves_no_state_and_uses_bounded_memory(simulate):
    sim = simulate(seed=1)
    root = sim.root("one", "80.1.0.1", "two", "80.2.0.1")
    alice, bob = sim.host("alice"), sim.host("bob", nat=FullCone())
    network = lan(sim, root, alice, bob)
    assert sim.run_until(lambda: both_direct(sim, alice, bob), within_ms=30_000)
    sim.run_for(20_000)
    flooder = Flooder(sim, (alice, root))
    sim.run_for(2_000)
    sim.internet.watchers.clear()  # A capture of the flood would be the largest table of all.
    before = state(alice), state(root)

    tracemalloc.start()
    started, _ = tracemalloc.get_traced_memory()
    for count in range(FLOOD):
        for forge in (hello, whois_of_stranger, rendezvous_from(root)):
            flooder.spray(forge)
        if count % 100 == 0:
            assert longest_outage(sim, alice, bob, network, 400) < 400
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak - started < GROWTH_BYTES
    assert (state(alice), state(root)) == before
    for host in (alice, root):
        sizes = table_sizes(host)
        assert sizes["peers"] <= 4
        assert sizes["paths"] <= 16
        assert sizes["deferred"] <= 384
        assert sizes["asked"] <= 16
        assert sizes["foreign"] <= MAX_FOREIGN
        assert sizes["queue"] <= 256
        assert host.node.counters["hello_gated"] + host.node.counters["hello_bad_mac"] > FLOOD / 2
    assert longest_outage(sim, bob, alice, network, 5_000) < 400


def test_flooded_node_sends_little_for_what_it_gets(simulate):
    """Strangers' packets make us ask a root who they are: that must not become a flood itself."""
    sim = simulate(seed=2)
    root = sim.root("one", "80.1.0.1", "two", "80.2.0.1")
    alice = sim.host("alice")
    sim.run_for(5_000)
    flooder = Flooder(sim, (alice,))
    sent = []
    sim.internet.watchers.append(
        lambda flight, _verdict: sent.append(flight) if flight.sender == "alice" else None
    )
    for _ in range(FLOOD):
        flooder.spray(whois_of_stranger)
        flooder.spray(hello)
        sim.run_for(1)
    assert root.running
    assert len(sent) <= FLOOD


def test_flooded_node_still_asks_for_whom_its_own_frames_are_for(simulate):
    sim = simulate(seed=5)
    root = sim.root("one", "80.1.0.1", "two", "80.2.0.1")
    alice, bob = sim.host("alice"), sim.host("bob")
    sim.run_for(5_000)
    assert root.running
    flooder = Flooder(sim, (alice,))
    for _ in range(2 * MAX_FOREIGN):
        flooder.spray(whois_of_stranger)
        sim.run_for(1)
    assert alice.node.counters["whois_evicted"] > 0

    alice.node.peers.send(bob.address, Verb.NOP, b"", sim.clock.now)
    sim.run_for(300)
    assert alice.node.peers.peer(bob.address) is not None


def test_introduction_by_somebody_who_is_no_root_is_refused(simulate):
    sim = simulate(seed=3)
    controller = sim.root("one", "80.1.0.1", "two", "80.2.0.1")
    alice, bob, mallory = (sim.host(name, nat=FullCone()) for name in ("alice", "bob", "mallory"))
    network = lan(sim, controller, alice, bob, mallory)
    assert sim.ping(mallory, alice, network)
    place = InetAddress(bytes((203, 0, 114, 9)), 4_000)
    sim.run_for(120_000)
    before = state(alice)

    payload = Rendezvous(bob.address, place).emit()
    for _ in range(100):
        mallory.node.peers.send(alice.address, Verb.RENDEZVOUS, payload, sim.clock.now)
        sim.run_for(1_000)

    assert alice.node.counters["refused_rendezvous"] == 100
    assert state(alice) == before


def test_second_owner_of_an_address_is_told_and_the_first_one_does_not_notice(simulate):
    sim = simulate(seed=4)
    controller = sim.root("one", "80.1.0.1", "two", "80.2.0.1")
    alice, bob = sim.host("alice", nat=FullCone()), sim.host("bob", nat=FullCone())
    network = lan(sim, controller, alice, bob)
    other = next(sim._identities)
    forged = Identity(alice.address, other.public.public_key)
    sim._identities = iter((SecretIdentity(forged, other.private_key),))

    twin = sim.host("twin", nat=FullCone())

    def told():
        return "identity_collision" in {report.event for report in twin.reports}

    assert sim.run_until(told, within_ms=10_000)
    assert longest_outage(sim, bob, alice, network, 60_000) < 400
    assert "identity_collision" not in {report.event for report in alice.reports}
