"""Networks as their members see them: groups, roles, and networks without a controller."""

from __future__ import annotations

from earthline.sim.nat import FullCone, PortRestricted, Symmetric
from earthline.sim.nic import EthernetFrame
from earthline.wire.mac import BROADCAST

POOL = ("10.1.0.1", "10.1.0.254")
ROUTE = "10.1.0.0/24"
IPV4 = 0x0800
EXPERIMENT = 0x88B5
ALL_HOSTS = 0x01005E000001


def crowd(sim, size, **settings):
    root = sim.root("root", "80.1.0.1")
    lan = sim.network(root, POOL, ROUTE, **settings)
    kinds = (FullCone, PortRestricted, Symmetric)
    hosts = [sim.host(f"host-{n}", nat=kinds[n % len(kinds)]()) for n in range(size)]
    for host in hosts:
        host.join(lan)
    assert sim.run_until(lambda: sim.joined(lan, *hosts), within_ms=30_000)
    return root, lan, hosts


def test_broadcast_reaches_every_member_of_a_private_network_once(simulate):
    sim = simulate(seed=20)
    root = sim.root("root", "80.1.0.1")
    lan = sim.network(root, POOL, ROUTE, private=True)
    hosts = [sim.host(f"host-{n}", nat=PortRestricted()) for n in range(12)]
    for host in hosts:
        host.join(lan)
        sim.authorize(root, lan, host)
    assert sim.run_until(lambda: sim.joined(lan, *hosts), within_ms=30_000)
    sim.run_for(2_000)

    hosts[0].nic(lan).broadcast(EXPERIMENT, b"to all of you")
    sim.run_for(5_000)

    wanted = EthernetFrame(BROADCAST, hosts[0].nic(lan).mac, EXPERIMENT, b"to all of you")
    assert [list(host.nic(lan).frames).count(wanted) for host in hosts[1:]] == [1] * 11


def test_steady_multicast_flow_stays_in_the_switch(simulate):
    sim = simulate(seed=21)
    _root, lan, hosts = crowd(sim, 8)
    sender = hosts[0].nic(lan)
    hosts[0].node.peers.mtu.enable(False, sim.clock.now)  # Its answers would be punts, too.
    frame = EthernetFrame(ALL_HOSTS, sender.mac, EXPERIMENT, b"tick")
    for _ in range(20):
        sender.send(frame)
        sim.run_for(100)

    before = hosts[0].switch.counters()["punts"]
    received = [len(host.nic(lan).frames) for host in hosts[1:]]
    for _ in range(200):
        sender.send(frame)
        sim.run_for(10)
    sim.run_for(1_000)

    assert hosts[0].switch.counters()["punts"] - before < 50
    gained = [len(h.nic(lan).frames) - n for h, n in zip(hosts[1:], received, strict=True)]
    assert gained == [200] * 7


def test_controller_is_a_member_of_its_own_network(simulate):
    sim = simulate(seed=22)
    root, lan, (alice,) = crowd(sim, 1)
    root.join(lan)
    assert sim.run_until(lambda: sim.joined(lan, root), within_ms=10_000)
    assert sim.ping(alice, root, lan)
    assert sim.ping(root, alice, lan)


def test_adhoc_network_needs_no_controller(simulate):
    sim = simulate(seed=23)
    sim.root("root", "80.1.0.1")
    adhoc = 0xFF0A000000000001
    alice, bob = sim.host("alice", nat=PortRestricted()), sim.host("bob", nat=FullCone())
    alice.join(adhoc)
    bob.join(adhoc)
    assert sim.run_until(lambda: sim.joined(adhoc, alice, bob), within_ms=10_000)
    assert alice.nic(adhoc).ipv4[0] == 10
    assert sim.ping(alice, bob, adhoc)


def test_members_go_on_without_their_controller_for_an_hour(simulate):
    sim = simulate(seed=24)
    first = sim.root("first", "80.1.0.1", "second", "80.2.0.1")
    alice, bob = sim.host("alice", nat=PortRestricted()), sim.host("bob", nat=FullCone())
    lan = sim.network(first, POOL, ROUTE, private=True)
    for host in (alice, bob):
        host.join(lan)
        sim.authorize(first, lan, host)
    assert sim.run_until(lambda: sim.joined(lan, alice, bob), within_ms=30_000)
    assert sim.ping(alice, bob, lan)

    first.crash()
    sim.run_for(3_600_000)

    assert sim.ping(alice, bob, lan, within_ms=30_000)


def test_restarted_member_uses_its_cached_configuration_without_a_controller(simulate):
    sim = simulate(seed=25)
    first = sim.root("first", "80.1.0.1", "second", "80.2.0.1")
    alice, bob = sim.host("alice", nat=PortRestricted()), sim.host("bob", nat=FullCone())
    lan = sim.network(first, POOL, ROUTE, private=True)
    for host in (alice, bob):
        host.join(lan)
        sim.authorize(first, lan, host)
    assert sim.run_until(lambda: sim.joined(lan, alice, bob), within_ms=30_000)

    first.crash()
    alice.crash()
    sim.run_for(10_000)
    alice.start()

    assert sim.joined(lan, alice)
    assert sim.ping(alice, bob, lan, within_ms=60_000)


def test_member_that_left_gets_no_frames_any_more(simulate):
    sim = simulate(seed=26)
    _root, lan, (alice, bob) = crowd(sim, 2)
    assert sim.ping(alice, bob, lan)
    bob.leave(lan)
    assert lan not in bob.nics
    assert not bob.switch.ingest_frames([(lan, bytes(60))], sim.clock.now).datagrams

    bob.join(lan)
    assert sim.run_until(lambda: sim.joined(lan, bob), within_ms=10_000)
    # Who left forgot its neighbours, and resolves them anew.
    assert sim.ping(bob, alice, lan)
