"""Two hard NATs: how they get a direct path, what that may cost, and who may ask for it."""

from __future__ import annotations

from collections import Counter

import pytest
from outage import both_direct, lan, longest_outage

from earthline.effects import Configure, NodeSettings
from earthline.sim.link import Link
from earthline.sim.nat import PortRestricted, Symmetric
from earthline.vl1.traversal import extra_sockets as extra
from earthline.vl1.traversal import spray
from earthline.wire.inet import InetAddress
from earthline.wire.messages.paths import PushDirectPaths, SprayKind, SprayRecord
from earthline.wire.packet import Verb

ROOTS = ("one", "80.1.0.1", "two", "80.2.0.1")


def pair(simulate, seed, left, right, **settings):
    sim = simulate(seed=seed, **settings)
    controller = sim.root(*ROOTS)
    alice, bob = sim.host("alice", nat=left), sim.host("bob", nat=right)
    return sim, alice, bob, lan(sim, controller, alice, bob)


def talk(sim, left, right, network, seconds):
    for _second in range(seconds):
        left.nic(network).ping(right.nic(network).ipv4)
        sim.run_for(1_000)


def test_sprayed_path_outlives_the_mappings_of_both_nats(simulate):
    sim, alice, bob, network = pair(simulate, 1, Symmetric(), PortRestricted())
    talk(sim, alice, bob, network, 30)
    assert both_direct(sim, alice, bob)
    assert (alice.extra_sockets, bob.extra_sockets) == (1, 0)

    assert longest_outage(sim, alice, bob, network, 60_000) < 400
    sim.run_for(180_000)

    assert longest_outage(sim, alice, bob, network, 2_000) < 400
    assert both_direct(sim, alice, bob)
    assert alice.extra_sockets == 1
    assert alice.node.counters["spray_begun"] == 1


def test_path_found_first_gives_way_where_as_many_are_kept_as_can_be(simulate):
    """No new one was looked for then."""
    sim, alice, bob, network = pair(simulate, 2, Symmetric(), PortRestricted())
    kept = alice.node.peers._extra._kept
    for number in range(extra.MAX_KEPT):
        kept.put(-1_000 - number, number, number)
    talk(sim, alice, bob, network, 29)
    assert both_direct(sim, alice, bob)
    assert len(kept) == extra.MAX_KEPT
    assert bob.address in kept.values()
    assert -1_000 not in kept


def test_socket_of_a_sprayed_path_is_closed_with_the_path(simulate):
    sim, alice, bob, network = pair(simulate, 2, Symmetric(), PortRestricted())
    talk(sim, alice, bob, network, 30)
    assert alice.extra_sockets == 1
    bob.crash()
    sim.run_for(300_000)
    assert alice.extra_sockets == 0


def test_host_that_moves_closes_what_it_sprayed_with(simulate):
    sim, alice, bob, network = pair(simulate, 3, Symmetric(), PortRestricted())
    talk(sim, alice, bob, network, 8)
    assert alice.extra_sockets > 1
    alice.move(b"\x0a\x00\x00\x07", sim.site("café", PortRestricted()))
    assert alice.extra_sockets == 0
    talk(sim, alice, bob, network, 10)
    assert both_direct(sim, alice, bob)


@pytest.mark.parametrize("seed", range(5))
def test_spray_works_under_loss(simulate, seed):
    link = Link(delay_ms=25, jitter_ms=20, loss=0.05)
    sim, alice, bob, network = pair(simulate, seed, PortRestricted(), Symmetric(), link=link)
    talk(sim, alice, bob, network, 40)
    if not both_direct(sim, alice, bob):  # Of twenty first attempts one or two miss.
        talk(sim, alice, bob, network, 120)
    assert both_direct(sim, alice, bob)


def test_hopeless_spray_is_bounded_ends_and_rests(simulate):
    sim, alice, bob, network = pair(simulate, 1, Symmetric(), Symmetric())
    per_second: Counter[int] = Counter()
    sim.internet.watchers.append(
        lambda flight, _: per_second.update([flight.at // 1_000 * (flight.sender == "alice")])
    )
    talk(sim, alice, bob, network, 40)
    assert alice.node.counters["spray_begun"] == alice.node.counters["spray_failed"] == 1
    assert alice.extra_sockets == bob.extra_sockets == 0
    del per_second[0]
    assert max(per_second.values()) < 10 * spray.PER_TICK + 25
    assert sum(per_second.values()) < spray.PROBES + 3 * spray.SOCKETS + 400

    talk(sim, alice, bob, network, 50)
    assert alice.node.counters["spray_begun"] == 1
    assert sim.ping(bob, alice, network)

    talk(sim, alice, bob, network, 60)
    assert alice.node.counters["spray_begun"] == 2


@pytest.mark.parametrize("unwilling", ["alice", "bob"])
def test_nobody_is_sprayed_at_who_does_not_agree(simulate, unwilling):
    """A stock peer skips the offer; so does one whose user said no."""
    sim, alice, bob, network = pair(simulate, 1, Symmetric(), PortRestricted())
    sim.hosts[unwilling].command(Configure(NodeSettings(port_spray=False)))
    talk(sim, alice, bob, network, 40)
    assert not both_direct(sim, alice, bob)
    assert alice.node.counters["spray_begun"] == bob.node.counters["spray_begun"] == 0


@pytest.mark.parametrize("frugal", ["alice", "bob"])
def test_nothing_is_sprayed_in_low_bandwidth_mode(simulate, frugal):
    sim, alice, bob, network = pair(simulate, 1, Symmetric(), PortRestricted())
    sim.hosts[frugal].command(Configure(NodeSettings(low_bandwidth=True)))
    talk(sim, alice, bob, network, 40)
    assert not both_direct(sim, alice, bob)
    assert alice.node.counters["spray_begun"] == bob.node.counters["spray_begun"] == 0


def test_offer_of_a_stranger_to_our_networks_is_ignored(simulate):
    sim, alice, bob, network = pair(simulate, 1, Symmetric(), PortRestricted())
    mallory = sim.host("mallory", nat=Symmetric())
    offer = SprayRecord(SprayKind.OFFER, InetAddress(b"\x51\0\0\1", 9_993))
    payload = PushDirectPaths((), offer).emit()
    for _ in range(10):
        mallory.node.peers.send(bob.address, Verb.PUSH_DIRECT_PATHS, payload, sim.clock.now)
        sim.run_for(500)
    assert bob.node.counters["rx_push_direct_paths"] >= 10
    assert bob.node.counters["spray_begun"] == 0
    talk(sim, alice, bob, network, 30)
    assert both_direct(sim, alice, bob)
