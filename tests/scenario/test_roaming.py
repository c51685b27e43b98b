"""Hosts that are somewhere else all of a sudden, or some time later."""

from __future__ import annotations

import pytest
from outage import both_direct, lan, longest_outage

from earthline.effects import DefaultRouteChanged
from earthline.sim.link import Link
from earthline.sim.nat import AddressRestricted, FullCone, PortRestricted, Symmetric

ROOTS = ("one", "80.1.0.1", "two", "80.2.0.1")
SEEDS = range(5)
FRIENDLY = (FullCone, AddressRestricted, PortRestricted)


def pair(simulate, seed, left, right, **settings):
    sim = simulate(seed=seed, **settings)
    controller = sim.root(*ROOTS)
    alice, bob = sim.host("alice", nat=left), sim.host("bob", nat=right)
    network = lan(sim, controller, alice, bob)
    assert sim.run_until(lambda: both_direct(sim, alice, bob), within_ms=30_000)
    sim.run_for(20_000)
    return sim, alice, bob, network


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", FRIENDLY)
def test_flow_survives_a_move_behind_another_nat(simulate, kind, seed):
    sim, alice, bob, network = pair(simulate, seed, PortRestricted(), kind())
    alice.move(b"\x0a\x00\x00\x07", sim.site("café", kind()))
    assert longest_outage(sim, alice, bob, network, 10_000) < 3_000
    sim.run_for(5_000)
    assert both_direct(sim, alice, bob)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_other_side_finds_who_moved_just_as_fast(simulate, seed):
    sim, alice, bob, network = pair(simulate, seed, PortRestricted(), PortRestricted())
    assert longest_outage(sim, bob, alice, network, 5_000) < 300
    alice.move(b"\x0a\x00\x00\x07", sim.site("café", PortRestricted()))
    assert longest_outage(sim, bob, alice, network, 10_000) < 3_000
    sim.run_for(5_000)
    assert both_direct(sim, alice, bob)


@pytest.mark.parametrize("seed", range(20))
def test_old_place_is_not_preferred_because_it_was_nearer(simulate, seed):
    """Neither the other side nor a root may go on sending to where the host was."""
    near, far = Link(delay_ms=5, jitter_ms=5), Link(delay_ms=60, jitter_ms=20)
    sim, alice, bob, network = pair(simulate, seed, Symmetric(), AddressRestricted(), link=near)
    alice.link = far
    alice.move(b"\x0a\x00\x00\x07", sim.site("café", Symmetric()))
    assert longest_outage(sim, bob, alice, network, 10_000) < 3_000
    sim.run_for(5_000)
    assert both_direct(sim, alice, bob)


@pytest.mark.parametrize("seed", SEEDS)
def test_default_route_moves_to_another_router_and_no_socket_changes(simulate, seed):
    sim, alice, bob, network = pair(simulate, seed, PortRestricted(), PortRestricted())
    del alice.segment.hosts[alice.ip]
    alice.segment = sim.site("second uplink", PortRestricted())
    alice.segment.hosts[alice.ip] = alice
    alice.tell(DefaultRouteChanged())
    assert longest_outage(sim, alice, bob, network, 10_000) < 3_000
    sim.run_for(5_000)
    assert both_direct(sim, alice, bob)


@pytest.mark.parametrize("seed", SEEDS)
def test_both_hosts_move_at_once(simulate, seed):
    sim, alice, bob, network = pair(simulate, seed, PortRestricted(), PortRestricted())
    alice.move(b"\x0a\x00\x00\x07", sim.site("café", PortRestricted()))
    bob.move(b"\x0a\x00\x00\x08", sim.site("library", FullCone()))
    assert longest_outage(sim, alice, bob, network, 10_000) < 3_000
    sim.run_for(10_000)
    assert both_direct(sim, alice, bob)


@pytest.mark.parametrize("seed", SEEDS)
def test_move_onto_the_public_internet_and_back(simulate, seed):
    sim, alice, bob, network = pair(simulate, seed, PortRestricted(), PortRestricted())
    home = alice.segment
    alice.move(b"\x5e\x00\x00\x01", sim.internet.core)
    assert longest_outage(sim, alice, bob, network, 10_000) < 3_000
    alice.move(b"\x0a\x00\x00\x02", home)
    assert longest_outage(sim, alice, bob, network, 10_000) < 3_000
    sim.run_for(10_000)
    assert both_direct(sim, alice, bob)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", FRIENDLY)
def test_flow_survives_a_change_of_port(simulate, kind, seed):
    sim, alice, bob, network = pair(simulate, seed, PortRestricted(), kind())
    alice.rebind(29_994)
    assert longest_outage(sim, alice, bob, network, 10_000) < 3_000
    sim.run_for(5_000)
    assert both_direct(sim, alice, bob)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", [*FRIENDLY, Symmetric])
def test_flow_survives_a_nat_that_lost_its_state(simulate, kind, seed):
    """One of random ports comes back with other ones."""
    nat = kind()
    sim, alice, bob, network = pair(simulate, seed, nat, AddressRestricted())
    assert longest_outage(sim, bob, alice, network, 3_000) < 300
    nat.forget()
    assert longest_outage(sim, bob, alice, network, 10_000) < 3_000
    sim.run_for(5_000)
    assert both_direct(sim, alice, bob)


@pytest.mark.parametrize("phase_ms", range(0, 5_600, 350))
def test_peer_heard_by_another_port_just_before_silence_is_sought_there(simulate, phase_ms):
    """It asks something of its own accord, is content with the answer, and says no more."""
    nat = Symmetric()
    sim, alice, bob, network = pair(simulate, 0, nat, AddressRestricted())
    sim.run_for(phase_ms)
    assert longest_outage(sim, bob, alice, network, 3_000) < 300
    nat.forget()
    assert longest_outage(sim, bob, alice, network, 10_000) < 3_000


@pytest.mark.parametrize("asleep_ms", [15_000, 300_000, 7_200_000])
@pytest.mark.parametrize("seed", SEEDS)
def test_flow_goes_on_after_suspend_and_resume(simulate, seed, asleep_ms):
    sim, alice, bob, network = pair(simulate, seed, PortRestricted(), PortRestricted())
    alice.suspend()
    sim.run_for(asleep_ms)
    alice.resume()
    assert longest_outage(sim, alice, bob, network, 10_000) < 3_000
    sim.run_for(10_000)
    assert both_direct(sim, alice, bob)


@pytest.mark.parametrize("seed", SEEDS)
def test_laptop_is_carried_home_asleep(simulate, seed):
    sim, alice, bob, network = pair(simulate, seed, PortRestricted(), PortRestricted())
    alice.suspend()
    sim.run_for(1_800_000)
    alice.move(b"\x0a\x00\x00\x07", sim.site("home", PortRestricted()))
    alice.resume()
    assert longest_outage(sim, alice, bob, network, 10_000) < 3_000
    sim.run_for(10_000)
    assert both_direct(sim, alice, bob)


def test_answer_by_a_socket_that_was_closed_meanwhile_teaches_no_path(simulate):
    sim = simulate(seed=40)
    root = sim.root("root", "80.1.0.1")
    alice = sim.host("alice", nat=FullCone())
    engine = alice.node.peers
    assert sim.run_until(lambda: sim.direct(alice, root), within_ms=10_000)
    peer = engine.peer(root.address)
    closed = engine.paths.get((99, root.ip, 9993))

    engine._learning.direct(peer, closed, sim.clock.now, confirmed=True)

    assert peer.slot_of(closed.key) is None
