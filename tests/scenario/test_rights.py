"""What the controller grants and takes: tags, capabilities, ownership, bridging (03)."""

from __future__ import annotations

import pytest
from guarded_lan import IPV4, IPV6, Members, icmp6, ip, udp4

from earthline.sim.nat import FullCone, PortRestricted
from earthline.sim.nic import EthernetFrame
from earthline.wire.computed_ip import six_plane

DROP, ACCEPT = {"type": "ACTION_DROP"}, {"type": "ACTION_ACCEPT"}
EXPERIMENT = 0x88B5
VLAN = 0x8100
DEVICE = 0x0A1122334455
"""A device behind a bridge."""
SAME_DEPARTMENT = {
    "rules": [
        {"type": "MATCH_ETHERTYPE", "etherType": EXPERIMENT},
        {"type": "MATCH_TAGS_DIFFERENCE", "id": 1, "value": 0, "not": True},
        DROP,
        ACCEPT,
    ],
    "tags": [{"id": 1, "default": 100}],
}
ONLY_BY_CAPABILITY = {
    "rules": [
        {"type": "MATCH_ETHERTYPE", "etherType": EXPERIMENT},
        {"type": "ACTION_BREAK"},
        ACCEPT,
    ],
    "capabilities": [
        {"id": 7, "rules": [{"type": "MATCH_ETHERTYPE", "etherType": EXPERIMENT}, ACCEPT]}
    ],
}


def test_members_with_different_tags_are_kept_apart(simulate):
    members = Members(simulate(seed=40), 3, SAME_DEPARTMENT)
    members.acquaint()
    assert members.passes(0, 1, EXPERIMENT, b"one of us")

    members.member(members.hosts[1], {"tags": [[1, 200]]})
    members.sim.run_for(2_000)
    assert not members.passes(0, 1, EXPERIMENT, b"not one of us any more")
    assert not members.passes(1, 0, EXPERIMENT, b"nor the other way")
    assert members.passes(0, 2, EXPERIMENT, b"the others go on")

    members.member(members.hosts[0], {"tags": [[1, 200]]})
    members.sim.run_for(2_000)
    # Each learns the other's new tag with the first frame that its old one does not hold back.
    members.acquaint()
    assert members.passes(0, 1, EXPERIMENT, b"together again")
    assert members.passes(1, 0, EXPERIMENT, b"both ways")


def test_capability_lets_pass_what_the_rules_leave_open_until_it_is_taken(simulate):
    members = Members(simulate(seed=41), 2, ONLY_BY_CAPABILITY)
    members.acquaint()
    assert not members.passes(0, 1, EXPERIMENT, b"without")

    members.member(members.hosts[0], {"capabilities": [7]})
    members.sim.run_for(2_000)
    assert members.passes(0, 1, EXPERIMENT, b"with")
    assert not members.passes(1, 0, EXPERIMENT, b"it is not the other's")

    members.member(members.hosts[0], {"capabilities": []})
    members.sim.run_for(2_000)
    assert not members.passes(0, 1, EXPERIMENT, b"without again")


def test_only_the_owner_of_an_address_sends_from_it(simulate):
    authentic = {"type": "MATCH_CHARACTERISTICS", "mask": f"{1 << 60:x}", "not": True}
    udp = {"type": "MATCH_IP_PROTOCOL", "ipProtocol": 17}
    members = Members(simulate(seed=42), 2, {"rules": [udp, authentic, DROP, ACCEPT]})
    members.acquaint()
    own, theirs = members.nic(0).ipv4, members.nic(1).ipv4
    assert members.passes(0, 1, IPV4, udp4(own, theirs, 5000, 5001))
    assert not members.passes(0, 1, IPV4, udp4(ip("10.1.0.99"), theirs, 5000, 5001))


def test_observer_gets_a_copy_of_what_others_send(simulate):
    members = Members(simulate(seed=43), 3, {})
    members.acquaint()
    observer = f"{members.hosts[2].address:010x}"
    kind = {"type": "MATCH_ETHERTYPE", "etherType": EXPERIMENT}
    members.change({"rules": [kind, {"type": "ACTION_TEE", "address": observer}, ACCEPT]})
    members.sim.run_for(2_000)

    watched = EthernetFrame(members.nic(1).mac, members.nic(0).mac, EXPERIMENT, b"seen")
    members.nic(0).send(watched)
    assert members.gets(1, watched)
    assert members.sim.run_until(lambda: watched.emit() in members.taps[2], within_ms=3_000)


@pytest.mark.parametrize("talker", [0, 1], ids=["others-send", "it-sends"])
def test_deauthorised_member_is_cut_off_within_two_seconds_of_traffic(simulate, talker):
    members = Members(simulate(seed=44), 3, {})
    members.acquaint()
    alice, bob, carol = members.hosts
    sender, receiver = ((alice, bob), (bob, alice))[talker]
    frame = EthernetFrame(
        receiver.nic(members.lan).mac, sender.nic(members.lan).mac, EXPERIMENT, b""
    )

    def flow(milliseconds):
        """A frame each 20 ms; how many arrive."""
        nic = receiver.nic(members.lan)
        before = nic.frames.maxlen and sum(f.ethertype == EXPERIMENT for f in nic.frames)
        for number in range(milliseconds // 20):
            payload = number.to_bytes(50)
            sender.nic(members.lan).send(
                EthernetFrame(frame.destination, frame.source, EXPERIMENT, payload)
            )
            members.sim.run_for(20)
        return sum(f.ethertype == EXPERIMENT for f in nic.frames) - before

    assert flow(1_000) >= 45
    members.sim.authorize(members.root, members.lan, bob, yes=False)
    flow(2_000)
    if talker:
        assert flow(2_000) == 0
    assert members.sim.ping(alice, carol, members.lan)
    for number in (0, 2):
        assert not members.passes(1, number, EXPERIMENT, b"nobody hears of it")

    members.sim.authorize(members.root, members.lan, bob)
    assert members.sim.run_until(lambda: flow(500) > 20, within_ms=20_000)


def test_ad_hoc_network_opens_its_ports_alone(simulate):
    sim = simulate(seed=45)
    sim.root("root", "80.1.0.1")
    adhoc = 0xFF00500051000000
    alice, bob = sim.host("alice", nat=PortRestricted()), sim.host("bob", nat=FullCone())
    for host in (alice, bob):
        host.join(adhoc)
    assert sim.run_until(lambda: sim.joined(adhoc, alice, bob), within_ms=10_000)
    own, theirs = (six_plane(adhoc, host.address).ip for host in (alice, bob))
    sender, receiver = alice.nic(adhoc), bob.nic(adhoc)

    def passes(ethertype, payload):
        frame = EthernetFrame(receiver.mac, sender.mac, ethertype, payload)
        sender.send(frame)
        return sim.run_until(lambda: frame in receiver.frames, within_ms=5_000)

    def syn(port):
        segment = (
            bytes.fromhex("1234") + port.to_bytes(2) + bytes(8) + bytes.fromhex("5002") + bytes(6)
        )
        return bytes.fromhex("60000000 0014 06 40") + own + theirs + segment

    assert passes(IPV6, icmp6(own, theirs, 128))
    assert passes(IPV6, syn(0x50))
    assert passes(IPV6, syn(0x51))
    assert not passes(IPV6, syn(0x52))
    assert not passes(IPV4, udp4(bytes(4), bytes(4), 80, 80))


def bridged(simulate, seed, bridges=(1,)):
    members = Members(simulate(seed=seed), 3, {})
    for number in bridges:
        members.member(members.hosts[number], {"activeBridge": True})
    # A change of a member goes to that member alone, one of the network to all.
    members.change({"name": "bridged"})
    members.sim.run_for(2_000)
    members.acquaint()
    return members


@pytest.mark.parametrize("ethertype", [EXPERIMENT, VLAN], ids=["plain", "tagged"])
def test_device_behind_a_bridge_is_reached_and_answers(simulate, ethertype):
    members = bridged(simulate, 46)
    alice = members.nic(0)
    question = EthernetFrame(DEVICE, alice.mac, ethertype, bytes.fromhex("000a0800") + b"question")
    alice.send(question)
    assert members.sim.run_until(lambda: question.emit() in members.taps[1], within_ms=5_000)

    answer = EthernetFrame(alice.mac, DEVICE, ethertype, bytes.fromhex("000a0800") + b"answer")
    members.nic(1).send(answer)
    assert members.gets(0, answer)


def test_learned_device_is_sent_to_its_own_bridge_alone(simulate):
    members = bridged(simulate, 47, bridges=(1, 2))
    members.nic(2).send(EthernetFrame(members.nic(0).mac, DEVICE, EXPERIMENT, b"here I am"))
    members.sim.run_for(1_000)
    for frames in members.taps:
        frames.clear()

    frame = EthernetFrame(DEVICE, members.nic(0).mac, EXPERIMENT, b"for you")
    members.nic(0).send(frame)
    members.sim.run_for(1_000)
    assert frame.emit() in members.taps[2]
    assert frame.emit() not in members.taps[1]


def test_member_that_is_no_bridge_sends_for_nobody_else(simulate):
    members = bridged(simulate, 48)
    foreign = EthernetFrame(members.nic(0).mac, DEVICE, EXPERIMENT, b"not mine")
    members.nic(2).send(foreign)
    assert not members.gets(0, foreign)
