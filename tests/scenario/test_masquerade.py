"""Two routers on Linux that masquerade and filter nothing of what they are sent themselves.

Whoever's packet comes to such a router before the host behind it has sent spoils that host's port
for itself, for as long as it goes on sending: the pair would stay relayed while traffic flows.

Where the internet takes longer than a node takes to follow an introduction, neither is spoilt.
Where it does not, who follows it first spoils the other's port: then both try by a port that is
known to nobody, see `vl1.traversal.fresh`.
"""

from __future__ import annotations

import random

import pytest
from outage import POOL, ROUTE, both_direct

from earthline.sim.link import Link
from earthline.sim.nat import Masquerade, PortRestricted, SymmetricSequential

SEEDS = range(4)
INSIDE = (b"\x0a\0\0\2", 9993)
FIRST, SECOND, THIRD = ((bytes((81, 0, 0, n)), 9993) for n in (1, 2, 3))


def until_direct(sim, near, far, nats, within_s):
    """Seconds from the first ping until both go direct; the distance of each is in ms."""
    controller = sim.root("one", "80.1.0.1", "two", "80.2.0.1")
    alice = sim.host("alice", nat=nats[0](), link=near)
    bob = sim.host("bob", nat=nats[1](), link=far)
    network = sim.network(controller, POOL, ROUTE)
    for member in (alice, bob):
        member.join(network)
    assert sim.run_until(lambda: sim.joined(network, alice, bob), within_ms=60_000)
    sim.run_for(2_000)
    began = sim.clock.now
    while sim.clock.now - began < within_s * 1_000:
        alice.nic(network).ping(bob.nic(network).ipv4)
        if sim.run_until(lambda: both_direct(sim, alice, bob), 1_000):
            return (sim.clock.now - began) / 1_000
    return None


@pytest.mark.parametrize(("near", "far"), [(10, 10), (5, 60), (60, 5)])
def test_members_behind_linux_masquerades_go_direct_within_a_second(simulate, near, far):
    for seed in SEEDS:
        links = Link(delay_ms=near), Link(delay_ms=far)
        taken = until_direct(simulate(seed=seed), *links, (Masquerade, Masquerade), within_s=5)
        assert taken is not None, seed
        assert taken < 1, seed


def test_member_that_is_slow_to_follow_an_introduction_is_not_spoilt(simulate):
    """Its packets take the time here that it would take itself."""
    links = Link(delay_ms=1), Link(delay_ms=1, jitter_ms=60)
    for seed in range(8):
        sim = simulate(seed=seed)
        taken = until_direct(sim, *links, (Masquerade, Masquerade), within_s=5)
        assert taken is not None, seed
        assert taken < 1, seed
        assert not sim.hosts["alice"].node.counters["fresh_port_tried"], seed


def test_members_whose_ports_are_spoilt_go_direct_by_fresh_ones(simulate):
    """Jitter is as good as a node that takes its time to follow an introduction."""
    links = Link(delay_ms=1), Link(delay_ms=1, jitter_ms=700)
    for seed in range(8):
        sim = simulate(seed=seed)
        taken = until_direct(sim, *links, (Masquerade, Masquerade), within_s=10)
        assert taken is not None, seed
        sim.run_for(15_000)
        assert all(host.extra_sockets <= 1 for host in sim.hosts.values()), seed


@pytest.mark.parametrize("other", [PortRestricted, SymmetricSequential])
def test_far_member_behind_a_linux_masquerade_goes_direct_with_other_nats(simulate, other):
    links = Link(delay_ms=5), Link(delay_ms=60)
    for seed in SEEDS:
        assert until_direct(simulate(seed=seed), *links, (other, Masquerade), within_s=15), seed


def test_stray_moves_the_port_for_whoever_sent_it_until_it_lapses():
    nat, entropy = Masquerade(lifetime_ms=30_000), random.Random(1)
    assert nat.inbound(9993, FIRST, 0) is None
    nat.astray(9993, FIRST, 0)
    assert nat.outbound(INSIDE, SECOND, 10, entropy) == 9993
    assert nat.outbound(INSIDE, FIRST, 10, entropy) != 9993
    assert nat.inbound(9993, SECOND, 20) == INSIDE
    assert nat.inbound(9993, FIRST, 20) is None
    assert nat.outbound(INSIDE, FIRST, 30_041, entropy) == 9993


def test_moved_port_is_that_of_every_later_flow_while_it_lives():
    nat, entropy = Masquerade(lifetime_ms=30_000), random.Random(1)
    assert nat.outbound(INSIDE, SECOND, 0, entropy) == 9993
    nat.astray(9993, FIRST, 0)
    moved = nat.outbound(INSIDE, FIRST, 10, entropy)
    assert moved != 9993
    assert nat.outbound(INSIDE, THIRD, 20, entropy) == moved
    assert nat.outbound(INSIDE, SECOND, 20, entropy) == 9993
    assert nat.outbound((INSIDE[0], 4_000), THIRD, 20, entropy) == 4_000
    assert nat.outbound(INSIDE, THIRD, 40_000, entropy) == 9993


def test_power_cut_makes_it_forget_strays():
    nat = Masquerade()
    nat.astray(9993, FIRST, 0)
    nat.forget()
    assert nat.outbound(INSIDE, FIRST, 10, random.Random(1)) == 9993
