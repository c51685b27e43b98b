"""Two hosts behind NATs, a root and a controller: the main job."""

from __future__ import annotations

import pytest

from earthline.sim import faults
from earthline.sim.link import Link
from earthline.sim.nat import KINDS, FullCone, PortRestricted, Symmetric
from earthline.sim.nic import EthernetFrame
from earthline.sim.simulation import Simulation

POOL = ("10.1.0.1", "10.1.0.254")
ROUTE = "10.1.0.0/24"

DIRECT_PAIRS = [
    (left, right)
    for left in ("full-cone", "address-restricted", "port-restricted")
    for right in ("full-cone", "address-restricted", "port-restricted")
]


def lan_of_two(sim: Simulation, left, right, *, private: bool = False):
    root = sim.root("root", "80.1.0.1")
    alice, bob = sim.host("alice", nat=left), sim.host("bob", nat=right)
    lan = sim.network(root, POOL, ROUTE, private=private)
    alice.join(lan)
    bob.join(lan)
    return root, alice, bob, lan


@pytest.mark.parametrize(("left", "right"), DIRECT_PAIRS)
def test_hosts_behind_friendly_nats_ping_and_go_direct(simulate, left, right):
    sim = simulate(seed=1)
    _root, alice, bob, lan = lan_of_two(sim, KINDS[left](), KINDS[right]())

    assert sim.run_until(lambda: sim.joined(lan, alice, bob), within_ms=30_000)
    assert sim.ping(alice, bob, lan)
    assert sim.ping(bob, alice, lan)
    assert sim.run_until(
        lambda: sim.direct(alice, bob) and sim.direct(bob, alice), within_ms=30_000
    )
    assert sim.ping(alice, bob, lan, within_ms=1_000)


def test_hosts_behind_two_symmetric_nats_stay_relayed_and_ping(simulate):
    sim = simulate(seed=2)
    _root, alice, bob, lan = lan_of_two(sim, Symmetric(), Symmetric())

    assert sim.run_until(lambda: sim.joined(lan, alice, bob), within_ms=30_000)
    assert sim.ping(alice, bob, lan)
    sim.run_for(60_000)
    assert not sim.direct(alice, bob)
    assert sim.ping(bob, alice, lan)


def test_established_flow_never_reaches_python(simulate):
    sim = simulate(seed=3)
    _root, alice, bob, lan = lan_of_two(sim, FullCone(), PortRestricted())
    assert sim.run_until(lambda: sim.joined(lan, alice, bob), within_ms=30_000)
    assert sim.ping(alice, bob, lan)
    sim.run_for(5_000)

    before = alice.switch.counters()["punts"] + bob.switch.counters()["punts"]
    for sequence in range(1_000):
        alice.nic(lan).ping(bob.nic(lan).ipv4, sequence)
    sim.run_for(1_000)

    assert len(alice.nic(lan).pongs) > 1_000
    assert alice.switch.counters()["punts"] + bob.switch.counters()["punts"] - before < 50


@pytest.mark.parametrize("seed", range(5))
def test_lan_comes_up_and_pings_under_20_percent_loss(simulate, seed):
    link = Link(delay_ms=15, jitter_ms=10, loss=0.1, duplicate=0.02, reorder=0.05)
    sim = simulate(seed=seed, link=link)
    _root, alice, bob, lan = lan_of_two(sim, PortRestricted(), PortRestricted())

    assert sim.run_until(lambda: sim.joined(lan, alice, bob), within_ms=120_000)
    # Who is in a group is announced once a minute, and an announcement may be lost.
    assert sim.ping(alice, bob, lan, within_ms=130_000)
    seconds = []
    for _second in range(120):
        alice.nic(lan).ping(bob.nic(lan).ipv4)
        sim.run_for(1_000)
        seconds.append(sim.direct(alice, bob) and sim.direct(bob, alice))
    # Of so many losses some are of what proves a path, which then is out of use for a moment.
    assert seconds[30:].count(True) >= 85
    assert sim.run_until(lambda: sim.direct(alice, bob) and sim.direct(bob, alice), within_ms=2_000)


def test_private_network_opens_once_the_member_is_authorised(simulate):
    sim = simulate(seed=4)
    root, alice, bob, lan = lan_of_two(sim, PortRestricted(), FullCone(), private=True)
    sim.run_for(20_000)
    assert not sim.joined(lan, alice)

    sim.authorize(root, lan, alice)
    sim.authorize(root, lan, bob)

    assert sim.run_until(lambda: sim.joined(lan, alice, bob), within_ms=10_000)
    assert sim.ping(alice, bob, lan)


def test_deauthorised_member_is_cut_off_from_the_others(simulate):
    sim = simulate(seed=5)
    root, alice, bob, lan = lan_of_two(sim, PortRestricted(), FullCone(), private=True)
    for member in (alice, bob):
        sim.authorize(root, lan, member)
    assert sim.run_until(lambda: sim.joined(lan, alice, bob), within_ms=30_000)
    assert sim.ping(alice, bob, lan)
    frame = EthernetFrame(alice.nic(lan).mac, bob.nic(lan).mac, 0x88B5, b"do you hear me?")
    bob.nic(lan).send(frame)
    assert sim.run_until(lambda: frame in alice.nic(lan).frames, within_ms=5_000)

    sim.authorize(root, lan, bob, yes=False)
    sim.run_for(2_000)

    # Not by a ping: it has no address any more, whether it is refused or not.
    alice.nic(lan).frames.clear()
    bob.nic(lan).send(frame)
    assert not sim.run_until(lambda: frame in alice.nic(lan).frames, within_ms=5_000)


def test_members_get_a_changed_configuration_at_once(simulate):
    sim = simulate(seed=6)
    root, alice, bob, lan = lan_of_two(sim, PortRestricted(), FullCone())
    assert sim.run_until(lambda: sim.joined(lan, alice, bob), within_ms=30_000)

    _network, commands = root.authority.post_network(lan, {"name": "renamed"}, sim.clock.now)
    root.obey(commands)

    assert sim.run_until(
        lambda: b"renamed" in alice.disk["network", lan] and b"renamed" in bob.disk["network", lan],
        within_ms=2_000,
    )


def test_a_member_keeps_its_address_for_ever(simulate):
    sim = simulate(seed=7)
    _root, alice, bob, lan = lan_of_two(sim, PortRestricted(), FullCone())
    assert sim.run_until(lambda: sim.joined(lan, alice, bob), within_ms=30_000)
    first = alice.nic(lan).ipv4

    alice.leave(lan)
    sim.run_for(5_000)
    alice.join(lan)

    assert sim.run_until(lambda: sim.joined(lan, alice), within_ms=30_000)
    assert alice.nic(lan).ipv4 == first
    assert first != bob.nic(lan).ipv4


def test_any_ethertype_travels_the_lan(simulate):
    sim = simulate(seed=8)
    _root, alice, bob, lan = lan_of_two(sim, PortRestricted(), FullCone())
    assert sim.run_until(lambda: sim.joined(lan, alice, bob), within_ms=30_000)

    vlan = EthernetFrame(bob.nic(lan).mac, alice.nic(lan).mac, 0x8100, b"\x00\x07" + bytes(50))
    alice.nic(lan).send(vlan)

    assert sim.run_until(lambda: vlan in bob.nic(lan).frames, within_ms=10_000)


def test_restarted_root_is_found_again_and_relays(simulate):
    sim = simulate(seed=9)
    root, alice, bob, lan = lan_of_two(sim, Symmetric(), Symmetric())
    assert sim.run_until(lambda: sim.joined(lan, alice, bob), within_ms=30_000)
    assert sim.ping(alice, bob, lan)

    root.crash()
    sim.run_for(10_000)
    root.start()

    assert sim.ping(alice, bob, lan, within_ms=60_000)


def test_direct_flow_survives_the_loss_of_the_only_root(simulate):
    sim = simulate(seed=10)
    root, alice, bob, lan = lan_of_two(sim, PortRestricted(), FullCone())
    assert sim.run_until(lambda: sim.joined(lan, alice, bob), within_ms=30_000)
    assert sim.ping(alice, bob, lan)
    assert sim.run_until(
        lambda: sim.direct(alice, bob) and sim.direct(bob, alice), within_ms=30_000
    )

    root.crash()

    for _minute in range(10):
        sim.run_for(60_000)
        assert sim.ping(alice, bob, lan, within_ms=3_000)


def test_unplugged_host_comes_back(simulate):
    sim = simulate(seed=11)
    _root, alice, bob, lan = lan_of_two(sim, PortRestricted(), FullCone())
    assert sim.run_until(lambda: sim.joined(lan, alice, bob), within_ms=30_000)
    assert sim.ping(alice, bob, lan)

    cable = faults.unplugged("bob")
    sim.internet.faults.append(cable)
    sim.run_for(120_000)
    assert not sim.ping(alice, bob, lan, within_ms=3_000)
    sim.internet.faults.remove(cable)

    assert sim.ping(alice, bob, lan, within_ms=60_000)
