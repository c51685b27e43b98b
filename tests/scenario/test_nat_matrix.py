"""Every kind of NAT against every other: who gets a direct path, and who is told why not."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest
from outage import POOL, ROUTE, both_direct, lan

from earthline.sim.link import Link
from earthline.sim.nat import (
    KINDS,
    AddressRestricted,
    FullCone,
    PortRestricted,
    Symmetric,
    SymmetricByAddress,
    SymmetricSequential,
)
from earthline.vl1.reasons import Reason, State
from earthline.vl1.surface.nat import Filtering, Mapping

ROOTS = ("one", "80.1.0.1", "two", "80.2.0.1")
SEEDS = range(20)

PLACES = (
    "open",
    "full-cone",
    "address-restricted",
    "port-restricted",
    "symmetric",
    "symmetric-by-address",
    "symmetric-sequential",
    "double",
    "udp-blocked",
)

RELAYED = {("symmetric", "symmetric"), ("symmetric", "symmetric-sequential")}
"""Each side must guess a port, and be sent to from just the one it guessed. All others go direct,
even where one side must guess: it sprays (`earthline.vl1.traversal.spray`)."""

PAIRS = list(combinations_with_replacement(PLACES, 2))


def host(sim, name, place):
    if place == "open":
        return sim.host(name)
    if place == "double":
        street = sim.site(f"{name}'s provider", PortRestricted())
        return sim.host(name, segment=sim.site(f"{name}'s home", PortRestricted(), street))
    return sim.host(name, nat=KINDS[place]())


def state_of(sim, source, destination):
    states = source.node.peer_states(sim.clock.now)
    return next(s for s in states if s.address == destination.address)


def reaches_directly(sim, left, right, network, within_ms):
    """Whether both go direct while traffic flows."""
    for _second in range(within_ms // 1_000):
        left.nic(network).ping(right.nic(network).ipv4)
        if sim.run_until(lambda: both_direct(sim, left, right), 1_000):
            return True
    return False


def outcome(sim, left, right):
    controller = sim.root(*ROOTS)
    alice, bob = host(sim, "alice", left), host(sim, "bob", right)
    if "udp-blocked" in (left, right):
        return unreachable(sim, controller, alice, bob, right)
    network = lan(sim, controller, alice, bob)
    expect_direct = (left, right) not in RELAYED
    if reaches_directly(sim, alice, bob, network, 30_000 if expect_direct else 12_000):
        return "direct"
    assert sim.ping(bob, alice, network, within_ms=2_000)
    assert state_of(sim, alice, bob).state is State.RELAYED
    return "relayed"


def unreachable(sim, controller, alice, bob, right):
    """Blocked hosts see no root; the other one does not suffer."""
    network = sim.network(controller, POOL, ROUTE)
    for member in (alice, bob):
        member.join(network)
    sim.run_for(8_000)
    blocked = bob if right == "udp-blocked" else alice
    root = state_of(sim, blocked, controller)
    assert (root.state, root.reason) == (State.UNREACHABLE, Reason.UDP_BLOCKED)
    assert root.attempts
    assert not sim.joined(network, blocked)
    return "unreachable"


@pytest.mark.parametrize(("left", "right"), PAIRS, ids=[" to ".join(pair) for pair in PAIRS])
def test_every_pair_of_nats_gets_what_it_can(simulate, left, right):
    expected = "direct"
    if "udp-blocked" in (left, right):
        expected = "unreachable"
    elif (left, right) in RELAYED:
        expected = "relayed"
    outcomes = {seed: outcome(simulate(seed=seed), left, right) for seed in SEEDS}
    assert outcomes == dict.fromkeys(SEEDS, expected)


@pytest.mark.parametrize("hairpin", [True, False])
@pytest.mark.parametrize(
    "kind",
    [
        FullCone,
        AddressRestricted,
        PortRestricted,
        Symmetric,
        SymmetricByAddress,
        SymmetricSequential,
    ],
)
def test_hosts_behind_one_nat_meet_on_their_own_wire(simulate, kind, hairpin):
    for seed in SEEDS:
        sim = simulate(seed=seed)
        controller = sim.root(*ROOTS)
        home = sim.site("home", kind(hairpin=hairpin))
        alice, bob = sim.host("alice", segment=home), sim.host("bob", segment=home)
        network = lan(sim, controller, alice, bob)
        assert reaches_directly(sim, alice, bob, network, 30_000), seed


@pytest.mark.parametrize("hairpin", [True, False])
def test_hosts_on_two_wires_behind_one_provider_need_its_hairpin(simulate, hairpin):
    for seed in SEEDS:
        sim = simulate(seed=seed)
        controller = sim.root(*ROOTS)
        provider = sim.site("provider", FullCone(hairpin=hairpin))
        homes = [sim.site(name, FullCone(), provider) for name in ("here", "there")]
        alice, bob = sim.host("alice", segment=homes[0]), sim.host("bob", segment=homes[1])
        network = lan(sim, controller, alice, bob)
        assert reaches_directly(sim, alice, bob, network, 12_000) is hairpin, seed
        assert sim.ping(alice, bob, network)


@pytest.mark.parametrize(
    ("place", "mapping"),
    [
        ("open", Mapping.NONE),
        ("full-cone", Mapping.INDEPENDENT),
        ("port-restricted", Mapping.INDEPENDENT),
        ("double", Mapping.INDEPENDENT),
        ("symmetric", Mapping.RANDOM),
        ("symmetric-by-address", Mapping.RANDOM),
        ("symmetric-sequential", Mapping.SEQUENTIAL),
        ("udp-blocked", Mapping.UNKNOWN),
    ],
)
def test_node_knows_what_nat_it_is_behind(simulate, place, mapping):
    for seed in SEEDS:
        sim = simulate(seed=seed)
        sim.root(*ROOTS)
        alice = host(sim, "alice", place)
        sim.run_for(5_000)
        report = alice.node.peers.nat_report()
        assert report.mapping is mapping, seed
        assert report.stride == (1 if mapping is Mapping.SEQUENTIAL else 0)
        preserved = mapping in (Mapping.NONE, Mapping.INDEPENDENT)
        assert report.preserves_port is preserved


def examined(sim, nat, root_ports):
    """The report of a node behind the NAT, once it had time to ask the roots."""
    sim.root(*ROOTS)
    for name in ROOTS[::2]:
        sim.hosts[name].rebind(*root_ports)
    alice = sim.host("alice", nat=nat)
    sim.run_for(20_000)
    assert alice.extra_sockets == 0
    return alice.node.peers.nat_report()


@pytest.mark.parametrize("hairpin", [True, False])
@pytest.mark.parametrize(
    ("kind", "filtering"),
    [
        (FullCone, Filtering.INDEPENDENT),
        (AddressRestricted, Filtering.ADDRESS),
        (PortRestricted, Filtering.RESTRICTED),
    ],
)
def test_node_knows_whom_its_nat_lets_in_and_whether_it_hairpins(
    simulate, kind, filtering, hairpin
):
    for seed in SEEDS:
        sim = simulate(seed=seed, link=Link(delay_ms=20, jitter_ms=30, loss=0.05))
        report = examined(sim, kind(hairpin=hairpin), (9_993, 29_993))
        assert (report.filtering, report.hairpin) == (filtering, hairpin), seed


def test_root_with_one_port_cannot_show_that_filtering_is_address_dependent(simulate):
    report = examined(simulate(seed=1), AddressRestricted(), (9_993,))
    assert report.filtering is Filtering.RESTRICTED


@pytest.mark.parametrize("kind", [Symmetric, SymmetricSequential])
def test_filtering_of_a_symmetric_nat_stays_unknown(simulate, kind):
    report = examined(simulate(seed=1), kind(hairpin=True), (9_993, 29_993))
    assert (report.filtering, report.hairpin) == (Filtering.UNKNOWN, None)


@pytest.mark.parametrize("kind", [FullCone, AddressRestricted, PortRestricted])
def test_friendly_nats_go_direct_under_30_percent_loss(simulate, kind):
    """Each datagram is lost with a chance of 30 %."""
    for seed in SEEDS:
        sim = simulate(seed=seed, link=Link(delay_ms=15, jitter_ms=10, loss=0.163))
        controller = sim.root(*ROOTS)
        alice, bob = sim.host("alice", nat=PortRestricted()), sim.host("bob", nat=kind())
        network = lan(sim, controller, alice, bob)
        assert reaches_directly(sim, alice, bob, network, 60_000), seed


def test_relayed_peer_says_that_both_nats_are_symmetric(simulate):
    sim = simulate(seed=1)
    controller = sim.root(*ROOTS)
    alice, bob = sim.host("alice", nat=Symmetric()), sim.host("bob", nat=Symmetric())
    network = lan(sim, controller, alice, bob)
    assert state_of(sim, alice, bob).reason is Reason.TRYING
    assert not reaches_directly(sim, alice, bob, network, 60_000)

    state = state_of(sim, alice, bob)

    assert (state.state, state.reason) == (State.RELAYED, Reason.BOTH_SYMMETRIC)
    assert 1 < len(state.attempts) <= 16
    assert all(attempt.times >= 1 for attempt in state.attempts)
