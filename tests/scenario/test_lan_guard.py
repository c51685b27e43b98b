"""lan-guard: impostors get nothing through, others notice nothing (06, 6.2 rows 6 and 7)."""

from __future__ import annotations

import pytest
from guarded_lan import (
    ALL_NODES,
    ARP,
    IPV4,
    IPV6,
    Members,
    arp,
    icmp4,
    icmp6,
    ip,
    ip6,
    neighbour_message,
    udp4,
)

from earthline.controller.lan_guard import (
    PROXY_CAPABILITY,
    SERVER_CAPABILITY,
    lan_guard_capabilities,
    lan_guard_rules,
)
from earthline.sim.nic import EthernetFrame
from earthline.wire.mac import BROADCAST

GUARDED = {
    "rules": lan_guard_rules(),
    "capabilities": lan_guard_capabilities(),
    "v6AssignMode": {"rfc4193": True, "6plane": True, "zt": False},
}
FE80 = ip("fe80::1")

SERVER_FRAMES = {
    "dhcp offer": (IPV4, udp4(ip("10.1.0.9"), ip("255.255.255.255"), 67, 68)),
    "dhcpv6 advertise": (IPV6, ip6(FE80, ip("fe80::2"), 17, bytes.fromhex("02230222001c0000") * 3)),
    "router advertisement": (IPV6, icmp6(FE80, ALL_NODES, 134)),
    "router advertisement behind options": (
        IPV6,
        ip6(FE80, ALL_NODES, 0, bytes.fromhex("3a00000000000000 86000000") + bytes(20)),
    ),
    "fragmented router advertisement": (
        IPV6,
        ip6(FE80, ALL_NODES, 44, bytes.fromhex("3a00000100000001 86000000") + bytes(20)),
    ),
    "ipv6 redirect": (IPV6, icmp6(FE80, ALL_NODES, 137, bytes(36))),
    "ipv4 redirect": (IPV4, icmp4(ip("10.1.0.9"), ip("10.1.0.1"), 5)),
    "ipv4 router advertisement": (IPV4, icmp4(ip("10.1.0.9"), ip("10.1.0.1"), 9)),
}
ORDINARY = {
    "dhcp request": (IPV4, udp4(bytes(4), ip("255.255.255.255"), 68, 67)),
    "dhcpv6 request": (IPV6, ip6(FE80, ip("ff02::1:2"), 17, bytes.fromhex("02220223001c0000") * 3)),
    "router solicitation": (IPV6, icmp6(FE80, ALL_NODES, 133)),
    "later fragment that looks like a redirect": (
        IPV4,
        icmp4(ip("10.1.0.9"), ip("10.1.0.1"), 5, fragment=185),
    ),
    "dns answer": (IPV4, udp4(ip("10.1.0.9"), ip("10.1.0.1"), 53, 4000)),
    "another ethertype": (0x88B5, bytes(60)),
}


def by_name(frames):
    return pytest.mark.parametrize("frame", frames.values(), ids=frames.keys())


@pytest.fixture
def members(simulate):
    members = Members(simulate(seed=31), 2, GUARDED)
    members.acquaint()
    return members


@by_name(SERVER_FRAMES)
def test_frame_of_a_server_passes_only_from_one_with_the_capability(members, frame):
    assert not members.passes(0, 1, *frame)

    members.member(members.hosts[0], {"capabilities": [SERVER_CAPABILITY]})
    members.sim.run_for(2_000)
    assert members.passes(0, 1, *frame)


@by_name(SERVER_FRAMES)
def test_frame_of_a_server_is_stopped_by_its_receiver_too(members, frame):
    """A member that does not judge its own frames is judged by the others."""
    lawless, honest = members.hosts
    entry = next(
        iter(
            command
            for command in _commands(lawless, members)
            if type(command).__name__ == "InstallNetwork"
        )
    )
    lawless.switch.set_network(entry)
    before = honest.switch.counters()["drop_rules"]
    assert not members.passes(0, 1, *frame)
    assert honest.switch.counters()["drop_rules"] == before + 1


def _commands(host, members):
    """The network's entry with rules that let everything leave."""
    from dataclasses import replace

    from earthline.vl2.rule_inputs import network_entry

    config = host.node.ethernet._station.networks[members.lan].config
    yield replace(network_entry(members.lan, config), rules=b"\x01\x00")


@by_name(ORDINARY)
def test_ordinary_frame_passes(members, frame):
    assert members.passes(0, 1, *frame)


def test_arp_for_an_address_of_another_is_stopped(members):
    alice, bob = members.nic(0), members.nic(1)
    bob.neighbours.clear()
    stolen = ip("10.1.0.77")
    alice.broadcast(ARP, arp(1, alice.mac, stolen, bob.ipv4))
    alice.send(EthernetFrame(bob.mac, alice.mac, ARP, arp(2, alice.mac, stolen, bob.ipv4)))
    members.sim.run_for(3_000)
    assert stolen not in bob.neighbours

    members.member(members.hosts[0], {"capabilities": [PROXY_CAPABILITY]})
    members.sim.run_for(2_000)
    alice.send(EthernetFrame(bob.mac, alice.mac, ARP, arp(2, alice.mac, stolen, bob.ipv4)))
    assert members.sim.run_until(lambda: stolen in bob.neighbours, within_ms=3_000)


def test_arp_probe_before_an_address_is_used_passes(members):
    alice, bob = members.nic(0), members.nic(1)
    probe = EthernetFrame(BROADCAST, alice.mac, ARP, arp(1, alice.mac, bytes(4), bob.ipv4))
    alice.send(probe)
    assert members.sim.run_until(lambda: bytes(4) in bob.neighbours, within_ms=3_000)


@pytest.mark.parametrize("family", ["six_plane", "rfc4193"])
def test_neighbour_discovery_of_computed_addresses_works(members, family):
    alice, bob = members.nic(0), members.nic(1)
    own, theirs = getattr(members, family)(0), getattr(members, family)(1)
    group = 0x3333FF000000 | int.from_bytes(theirs[-3:])
    question = neighbour_message(0x87, own, theirs, theirs, alice.mac)
    alice.send(EthernetFrame(group, alice.mac, IPV6, question))

    def answered():
        return any(
            frame.ethertype == IPV6
            and frame.payload[40] == 0x88
            and frame.payload[48:64] == theirs
            and frame.payload[66:72] == bob.mac.to_bytes(6)
            for frame in alice.frames
        )

    assert members.sim.run_until(answered, within_ms=3_000)
    advertisement = neighbour_message(0x88, theirs, own, theirs, bob.mac)
    assert members.passes(1, 0, IPV6, advertisement)
    assert members.passes(0, 1, IPV6, icmp6(own, theirs, 128))
    assert members.passes(1, 0, IPV6, icmp6(theirs, own, 129))


def test_neighbour_discovery_of_link_local_addresses_works(members):
    alice, bob = members.nic(0), members.nic(1)
    question = neighbour_message(0x87, FE80, ip("ff02::1:ff00:2"), ip("fe80::2"), alice.mac)
    assert members.passes(0, 1, IPV6, question)
    answer = neighbour_message(0x88, ip("fe80::2"), FE80, ip("fe80::2"), bob.mac)
    assert members.passes(1, 0, IPV6, answer)


def test_neighbour_advertisement_of_an_address_of_another_is_stopped(members):
    alice = members.nic(0)
    mine, stolen = members.rfc4193(0), ip("fd00::77")
    lie = neighbour_message(0x88, mine, ALL_NODES, stolen, alice.mac)
    assert not members.passes(0, 1, IPV6, lie)

    hidden = bytes.fromhex("3a00000000000000") + lie[40:]
    assert not members.passes(0, 1, IPV6, ip6(mine, ALL_NODES, 60, hidden))


def test_ping_works_after_addresses_change_hands(members):
    """Ownership follows what the controller assigns."""
    alice, bob = members.hosts
    members.member(alice, {"ipAssignments": ["10.1.0.200"]})
    assert members.sim.run_until(
        lambda: alice.nic(members.lan).ipv4 == ip("10.1.0.200"), within_ms=5_000
    )
    assert members.sim.ping(bob, alice, members.lan)
    assert members.sim.ping(alice, bob, members.lan)


def test_member_that_lost_what_it_knew_of_others_asks_again(simulate):
    lan = Members(simulate(seed=31), 2, GUARDED, private=False)
    alice, bob = lan.hosts
    assert lan.sim.ping(alice, bob, lan.lan)

    bob.crash()
    bob.start()
    assert lan.sim.run_until(lambda: lan.sim.joined(lan.lan, bob), within_ms=10_000)

    assert lan.sim.ping(alice, bob, lan.lan, within_ms=5_000)
