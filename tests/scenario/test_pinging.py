"""An ECHO that a user has sent: its answer comes back, and tells which way."""

from __future__ import annotations

from outage import both_direct, lan

from earthline.effects import SendEcho
from earthline.sim.nat import PortRestricted
from earthline.vl1.verbs.pinging import MAX_ASKED

ROOT = ("one", "80.1.0.1")


def test_echo_to_a_node_that_is_not_known_finds_it_and_is_relayed_first(simulate):
    sim = simulate(seed=11)
    sim.root(*ROOT)
    alice, bob = (sim.host(name, nat=PortRestricted()) for name in ("alice", "bob"))
    assert sim.run_until(lambda: alice.node.online and bob.node.online, within_ms=30_000)
    assert alice.node.peers.peer(bob.address) is None
    alice.command(SendEcho(bob.address, b"first"))
    assert sim.run_until(lambda: alice.echoes, within_ms=10_000)
    (answer,) = alice.echoes
    assert (answer.address, answer.payload) == (bob.address, b"first")
    assert answer.hops > 0


def test_echo_by_a_direct_path_comes_back_by_it(simulate):
    sim = simulate(seed=12)
    root = sim.root(*ROOT)
    alice, bob = sim.host("alice"), sim.host("bob")
    network = lan(sim, root, alice, bob)
    alice.nic(network).ping(bob.nic(network).ipv4)
    assert sim.run_until(lambda: both_direct(sim, alice, bob), within_ms=30_000)
    # Until then the search for the path's MTU, whose ECHOs count for the same ration, takes it all.
    sim.run_for(20_000)
    alice.command(SendEcho(bob.address, b"direct"))
    assert sim.run_until(lambda: alice.echoes, within_ms=10_000)
    (answer,) = alice.echoes
    assert (answer.hops, answer.path[1]) == (0, bob.ip)


def test_answer_is_told_once_and_to_the_node_that_was_asked(simulate):
    sim = simulate(seed=13)
    root = sim.root(*ROOT)
    alice = sim.host("alice")
    assert sim.run_until(lambda: alice.node.online, within_ms=30_000)
    for _ in range(3):
        alice.command(SendEcho(root.address, b"same"))
        sim.run_for(1_000)
    assert [answer.payload for answer in alice.echoes] == [b"same"] * 3


def test_echoes_that_nobody_answers_are_forgotten(simulate):
    sim = simulate(seed=14)
    sim.root(*ROOT)
    alice = sim.host("alice")
    assert sim.run_until(lambda: alice.node.online, within_ms=30_000)
    for number in range(3 * MAX_ASKED):
        alice.command(SendEcho(0x1122334455, number.to_bytes(2)))
    assert len(alice.node.peers._pings) == MAX_ASKED


def test_traffic_of_a_peer_is_counted(simulate):
    sim = simulate(seed=15)
    root = sim.root(*ROOT)
    alice, bob = sim.host("alice"), sim.host("bob")
    network = lan(sim, root, alice, bob)
    alice.nic(network).ping(bob.nic(network).ipv4, size=1000)
    sim.run_for(5_000)
    states = {state.address: state for state in alice.node.peer_states(sim.clock.now)}
    carried = states[bob.address]
    assert carried.sent_bytes > 1000
    assert carried.received_bytes > 1000
