"""Roots and paths that die under a running flow."""

from __future__ import annotations

import pytest
from outage import both_direct, lan, longest_outage

from earthline.sim import faults
from earthline.sim.link import Link
from earthline.sim.nat import FullCone, PortRestricted, Symmetric

ROOTS = ("one", "80.1.0.1", "two", "80.2.0.1", "three", "80.3.0.1")
SEEDS = range(5)


def relay_of(sim, host):
    """The host through which another one's relayed packets leave."""
    address = host.node.status(sim.clock.now).best_upstream
    return next(h for h in sim.hosts.values() if h.address == address)


def relayed_pair(simulate, seed, **settings):
    sim = simulate(seed=seed, **settings)
    controller = sim.root(*ROOTS)
    alice, bob = sim.host("alice", nat=Symmetric()), sim.host("bob", nat=Symmetric())
    network = lan(sim, controller, alice, bob)
    sim.run_for(5_000)
    return sim, alice, bob, network


def direct_pair(simulate, seed, left, right, **settings):
    sim = simulate(seed=seed, **settings)
    controller = sim.root(*ROOTS)
    alice, bob = sim.host("alice", nat=left), sim.host("bob", nat=right)
    network = lan(sim, controller, alice, bob)
    assert sim.run_until(lambda: both_direct(sim, alice, bob), within_ms=30_000)
    return sim, alice, bob, network


@pytest.mark.parametrize("seed", SEEDS)
def test_relayed_flow_survives_root_crash(simulate, seed):
    sim, alice, bob, network = relayed_pair(simulate, seed)
    relay_of(sim, alice).crash()
    assert longest_outage(sim, alice, bob, network, 20_000) < 5_000
    relay_of(sim, alice).crash()
    assert longest_outage(sim, alice, bob, network, 20_000) < 5_000
    assert longest_outage(sim, bob, alice, network, 10_000) < 1_000


@pytest.mark.parametrize("seed", SEEDS)
def test_relayed_flow_survives_root_crash_under_loss(simulate, seed):
    sim, alice, bob, network = relayed_pair(simulate, seed, link=Link(delay_ms=10, loss=0.03))
    relay_of(sim, alice).crash()
    assert longest_outage(sim, alice, bob, network, 20_000) < 5_000


def test_crashed_root_is_used_again_once_it_is_back(simulate):
    sim, alice, bob, network = relayed_pair(simulate, 1)
    first = relay_of(sim, alice)
    first.crash()
    assert longest_outage(sim, alice, bob, network, 10_000) < 5_000
    others = [relay for name in ("one", "two", "three") if (relay := sim.hosts[name]) is not first]

    first.start()
    sim.run_for(20_000)
    for other in others:
        other.crash()

    assert longest_outage(sim, alice, bob, network, 20_000) < 5_000
    assert relay_of(sim, alice) is first


@pytest.mark.parametrize("seed", SEEDS)
def test_direct_flow_does_not_notice_root_crash(simulate, seed):
    sim, alice, bob, network = direct_pair(simulate, seed, PortRestricted(), PortRestricted())
    for name in ("one", "two", "three"):
        sim.hosts[name].crash()
        assert longest_outage(sim, alice, bob, network, 20_000) <= 300
    assert longest_outage(sim, bob, alice, network, 600_000) <= 300
    assert both_direct(sim, alice, bob)


@pytest.mark.parametrize("seed", SEEDS)
def test_dead_direct_path_gives_way_to_the_relay_and_is_found_again(simulate, seed):
    sim, alice, bob, network = direct_pair(simulate, seed, PortRestricted(), FullCone())
    cut = faults.between(["alice"], ["bob"])
    sim.internet.faults.append(cut)
    assert longest_outage(sim, alice, bob, network, 20_000) < 4_000
    assert not sim.direct(alice, bob)

    sim.internet.faults.remove(cut)
    assert longest_outage(sim, alice, bob, network, 30_000) <= 1_000
    assert both_direct(sim, alice, bob)


@pytest.mark.parametrize("seed", SEEDS)
def test_root_that_reaches_only_one_side_is_passed_over(simulate, seed):
    """A root cut off from Bob still answers Alice; it must not swallow what she sends him."""
    sim, alice, bob, network = relayed_pair(simulate, seed)
    sim.internet.faults.append(faults.between(["bob"], [relay_of(sim, alice).name]))
    assert longest_outage(sim, alice, bob, network, 30_000) < 5_000
    assert longest_outage(sim, bob, alice, network, 10_000) < 1_000


def test_partition_heals(simulate):
    sim, alice, bob, network = direct_pair(simulate, 1, PortRestricted(), PortRestricted())
    cut = faults.between(["alice"], ["bob", "one", "two", "three"])
    sim.internet.faults.append(cut)
    for _minute in range(5):
        assert longest_outage(sim, alice, bob, network, 60_000) == 60_000
    sim.internet.faults.remove(cut)
    assert longest_outage(sim, alice, bob, network, 20_000) < 5_000
    sim.run_for(10_000)
    assert both_direct(sim, alice, bob)


def test_peers_met_before_are_met_again_without_any_root(simulate):
    sim, alice, bob, network = direct_pair(simulate, 1, FullCone(), FullCone())
    sim.run_for(60_000)
    for name in ("one", "two", "three"):
        sim.hosts[name].crash()
    alice.crash()
    sim.run_for(2_000)
    alice.start()
    assert sim.ping(alice, bob, network, within_ms=20_000)
    assert both_direct(sim, alice, bob)
