"""Paths that carry jumbo frames, or only seem to."""

from __future__ import annotations

import pytest
from outage import both_direct, lan, longest_outage

from earthline.sim import faults
from earthline.sim.internet import Verdict
from earthline.sim.link import Link
from earthline.sim.nat import PortRestricted
from earthline.vl1.peers.physical import PhysicalNetwork
from earthline.wire.inet import InetAddress

SEEDS = range(3)
ETHERNET, JUMBO = 1_472, 8_972
LARGE = 2_600
"""Bytes of a ping that fills more than one Ethernet frame."""


def pair(simulate, seed, *, mtu=0, other_mtu=0, **link):
    """Alice and Bob on one LAN, reached directly, each with an access link of its own MTU."""
    sim = simulate(seed=seed)
    controller = sim.root("one", "80.1.0.1")
    alice = sim.host("alice", nat=PortRestricted(), link=Link(delay_ms=10, mtu=mtu, **link))
    bob = sim.host("bob", nat=PortRestricted(), link=Link(delay_ms=10, mtu=other_mtu, **link))
    network = lan(sim, controller, alice, bob)
    assert sim.run_until(lambda: both_direct(sim, alice, bob), within_ms=30_000)
    return sim, alice, bob, network


def flow(sim, source, destination, network, during_ms):
    """Send large pings five times a second; how many were answered."""
    nic, target = source.nic(network), destination.nic(network).ipv4
    before = len(nic.pongs)
    for _ in range(during_ms // 200):
        nic.ping(target, size=LARGE)
        sim.run_for(200)
    return len(nic.pongs) - before


def mtu(sim, source, destination):
    peers = source.node.peer_states(sim.clock.now)
    peer = next(peer for peer in peers if peer.address == destination.address)
    return next(path.mtu for path in peer.paths if path.preferred)


def longest(sim, sender, receiver, since):
    """The largest datagram from one host to another since a moment."""
    return max(
        len(flight.datagram)
        for flight, _ in sim.capture.flights
        if flight.at >= since
        and not flight.dont_fragment
        and (flight.sender, flight.receiver) == (sender.name, receiver.name)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_jumbo_path_is_found_from_both_sides_and_used_by_frames(simulate, seed):
    sim, alice, bob, network = pair(simulate, seed)
    flow(sim, alice, bob, network, 15_000)
    assert (mtu(sim, alice, bob), mtu(sim, bob, alice)) == (JUMBO, JUMBO)
    since = sim.clock.now
    assert flow(sim, alice, bob, network, 2_000) == 10
    assert longest(sim, alice, bob, since) > LARGE
    assert longest(sim, bob, alice, since) > LARGE


@pytest.mark.parametrize("seed", SEEDS)
def test_search_gets_there_under_loss(simulate, seed):
    """Three questions of one size may be lost by chance: the next search finds what is missing."""
    sim, alice, bob, network = pair(simulate, seed, loss=0.02)
    for _ in range(20):
        flow(sim, alice, bob, network, 15_000)
        if mtu(sim, alice, bob) == JUMBO:
            break
    assert mtu(sim, alice, bob) == JUMBO


@pytest.mark.parametrize("mtus", [(ETHERNET, 0), (0, ETHERNET)], ids=["own link", "far link"])
def test_ethernet_path_stays_at_1472_and_loses_nothing(simulate, mtus):
    sim, alice, bob, network = pair(simulate, 1, mtu=mtus[0], other_mtu=mtus[1])
    assert flow(sim, alice, bob, network, 30_000) == 150
    assert (mtu(sim, alice, bob), mtu(sim, bob, alice)) == (ETHERNET, ETHERNET)


def test_path_below_the_default_is_left_to_fragments(simulate):
    sim, alice, bob, network = pair(simulate, 1, mtu=1_300)
    assert flow(sim, alice, bob, network, 15_000) == 75
    assert mtu(sim, alice, bob) == 1_432


@pytest.mark.parametrize("seed", SEEDS)
def test_path_that_shrinks_under_a_flow_is_a_black_hole_for_seconds(simulate, seed):
    sim, alice, bob, network = pair(simulate, seed)
    flow(sim, alice, bob, network, 15_000)
    hole = faults.larger_than(ETHERNET)
    sim.internet.faults.append(lambda f: hole(f) if f.sender == "alice" else Verdict.PASS)
    assert flow(sim, alice, bob, network, 10_000) >= 10
    assert (mtu(sim, alice, bob), mtu(sim, bob, alice)) == (1_432, JUMBO)
    assert both_direct(sim, alice, bob)
    assert flow(sim, alice, bob, network, 80_000) == 400
    assert mtu(sim, alice, bob) == ETHERNET


@pytest.mark.parametrize("seed", SEEDS)
def test_black_hole_is_found_where_something_still_gets_through(simulate, seed):
    """Bob hears Alice all the time, and only his large answers vanish."""
    sim, alice, bob, network = pair(simulate, seed)
    flow(sim, alice, bob, network, 15_000)
    sim.internet.faults.append(faults.larger_than(ETHERNET))
    flow(sim, alice, bob, network, 10_000)
    assert (mtu(sim, alice, bob), mtu(sim, bob, alice)) == (1_432, 1_432)
    assert flow(sim, alice, bob, network, 5_000) == 25
    assert longest_outage(sim, alice, bob, network, 5_000) <= 400


@pytest.mark.parametrize("seed", SEEDS)
def test_black_hole_lasts_8_seconds_beside_small_packets_that_are_answered(simulate, seed):
    sim, alice, bob, network = pair(simulate, seed)
    flow(sim, alice, bob, network, 15_000)
    sim.internet.faults.append(faults.larger_than(ETHERNET))
    nic, target = alice.nic(network), bob.nic(network).ipv4
    for _ in range(80):
        nic.ping(target)
        nic.ping(target, size=LARGE)
        sim.run_for(100)
    assert (mtu(sim, alice, bob), mtu(sim, bob, alice)) == (1_432, 1_432)


@pytest.mark.parametrize("seed", SEEDS)
def test_size_in_use_is_not_given_up_under_loss(simulate, seed):
    sim, alice, bob, network = pair(simulate, seed)
    flow(sim, alice, bob, network, 15_000)
    for host in (alice, bob):
        host.link = Link(delay_ms=10, loss=0.01)
    for _ in range(60):
        flow(sim, alice, bob, network, 5_000)
        assert (mtu(sim, alice, bob), mtu(sim, bob, alice)) == (JUMBO, JUMBO)


def test_router_that_fragments_is_noticed_by_the_next_confirmation(simulate):
    sim, alice, bob, network = pair(simulate, 1)
    flow(sim, alice, bob, network, 15_000)
    sim.internet.faults.append(faults.whole_only_up_to(ETHERNET))
    assert flow(sim, alice, bob, network, 40_000) == 200
    assert mtu(sim, alice, bob) == 1_432
    assert flow(sim, alice, bob, network, 70_000) == 350
    assert mtu(sim, alice, bob) == ETHERNET


def test_operators_value_is_kept_and_nothing_is_probed(simulate):
    sim, alice, bob, network = pair(simulate, 1)
    since = sim.clock.now
    everywhere = InetAddress(bytes(4), 0)
    alice.node.peers.physical.configure([PhysicalNetwork(everywhere, 2_000)])
    flow(sim, alice, bob, network, 20_000)
    assert mtu(sim, alice, bob) == 2_000
    later = (flight for flight, _ in sim.capture.flights if flight.at > since)
    assert not any(flight.dont_fragment and flight.sender == "alice" for flight in later)


def test_moved_host_starts_from_the_default(simulate):
    sim, alice, bob, network = pair(simulate, 1)
    flow(sim, alice, bob, network, 15_000)
    away = sim.site("away", PortRestricted())
    sim.internet.faults.append(faults.larger_than(ETHERNET))
    alice.move(bytes((10, 0, 0, 77)), away)
    assert sim.run_until(lambda: both_direct(sim, alice, bob), within_ms=30_000)
    flow(sim, alice, bob, network, 20_000)
    assert mtu(sim, alice, bob) == ETHERNET
