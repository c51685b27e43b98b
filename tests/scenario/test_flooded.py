"""Whole nodes whose engines take their time, flooded with more than they could ever look at."""

from __future__ import annotations

import random

import pytest
from outage import both_direct, lan, longest_outage

from earthline.vl1.paths.vigil import QUIET_MS
from earthline.wire.packet import Suite, Verb, build

ROUND_MS = 5
"""For one round of what waits, about 36 things: some 7,000 a second."""
BURST = 4
"""Forged datagrams of each kind every millisecond: 16,000 a second in all, at each victim."""
DELAY_MS = 100
"""Longest that a control packet of a known peer may take more than it does by the wire alone."""
LINK_MS = 10
ECHO_GATE_MS = 170
"""ECHOs by one path are handled no more often (02, 4.10)."""


class Flood:
    """Sends what anybody can send without a key, from anywhere, as long as it lasts."""

    def __init__(self, sim, victims, known):
        self._sim, self._victims, self._known = sim, victims, known
        self._sender = sim.host("mallory")
        self._random = random.Random(sim.seed)
        self.lasts = True
        self._tick()

    def _tick(self):
        if not self.lasts:
            return
        for victim in self._victims:
            for _ in range(BURST):
                for datagram in self._forged(victim.address):
                    source = (self._random.randbytes(4), 9993)
                    there, core = (victim.ip, 9993), self._sim.internet.core
                    self._sim.internet.send(self._sender, core, source, there, datagram)
        self._sim.clock.at(self._sim.clock.now + 1, self._tick)

    def _forged(self, victim):
        entropy = self._random
        stranger = entropy.getrandbits(39) | 1
        yield armoured(victim, stranger, Verb.WHOIS, b"x", entropy, suite=Suite.SALSA20_POLY1305)
        yield hello(victim, stranger, entropy)
        yield hello(victim, self._known.address, entropy)
        yield entropy.randbytes(40)


def armoured(destination, source, verb, payload, entropy, *, suite):
    """A packet whose MAC is a guess."""
    packet = build(entropy.getrandbits(64), destination, source, verb, payload)
    flags = bytes([packet[18] & 0xC7 | suite << 3])
    return packet[:18] + flags + entropy.randbytes(8) + packet[27:]


def hello(destination, source, entropy):
    identity = source.to_bytes(5) + b"\0" + entropy.randbytes(64) + b"\0"
    payload = bytes([12, 1, 14, 0, 1]) + entropy.randbytes(8) + identity
    return armoured(destination, source, Verb.HELLO, payload, entropy, suite=Suite.POLY1305)


@pytest.fixture
def flooded(simulate):
    """A root that is a controller, Alice and Bob, who are direct; root and Alice are flooded."""
    sim = simulate(seed=1)
    root = sim.root("one", "80.1.0.1", "two", "80.2.0.1")
    alice, bob, carol = (sim.host(name) for name in ("alice", "bob", "carol"))
    network = lan(sim, root, alice, bob)
    assert sim.run_until(lambda: both_direct(sim, alice, bob), within_ms=30_000)
    sim.run_for(20_000)
    sim.internet.watchers.clear()  # A capture of the flood would be the largest table of all.
    for victim in (root, alice):
        victim.slow_down(ROUND_MS)
    flood = Flood(sim, (root, alice), bob)
    sim.run_for(2_000)
    yield sim, network, root, alice, bob, carol
    flood.lasts = False


def handled_after(sim, asker, victim):
    """How long after it was sent a control packet is handled."""
    started, before = sim.clock.now, victim.node.counters["rx_echo"]
    asker._do(lambda: asker.node.peers.send(victim.address, Verb.ECHO, b"", started))
    handled = sim.run_until(lambda: victim.node.counters["rx_echo"] > before, within_ms=5_000)
    assert handled
    return sim.clock.now - started


def test_control_packets_of_known_peers_are_not_delayed_by_a_flood(flooded):
    sim, network, root, alice, bob, carol = flooded
    for asker, victim in ((bob, root), (carol, root), (bob, alice), (alice, root), (root, alice)):
        for _ in range(5):
            assert handled_after(sim, asker, victim) <= LINK_MS + DELAY_MS
            sim.run_for(ECHO_GATE_MS)
    assert longest_outage(sim, bob, alice, network, 2_000) < QUIET_MS
    for victim in (root, alice):
        counters = victim.punts.counters()
        assert counters["drop_punt_unrepeated"] > 10_000
        assert counters["drop_punt_peers"] + counters["drop_punt_host"] == 0
        assert counters["punts_waiting"] <= 768


def test_newcomer_joins_a_network_while_its_root_and_controller_are_flooded(flooded):
    sim, network, _root, _alice, _bob, _carol = flooded
    newcomer = sim.host("newcomer")
    newcomer.join(network)
    assert sim.run_until(lambda: sim.joined(network, newcomer), within_ms=20_000)
