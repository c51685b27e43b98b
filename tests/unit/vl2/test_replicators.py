"""Replicators: who hands frames to them, and what they do with those (03, 8.5a and 8.6)."""

from __future__ import annotations

import pytest
from vl2_bench import Bench, identity

from earthline import effects
from earthline.wire.mac import mac_bytes, mac_of
from earthline.wire.messages.frame import MulticastFrame
from earthline.wire.messages.multicast import MulticastLike
from earthline.wire.multicast import MulticastGroup
from earthline.wire.network_config import ROLE_ACTIVE_BRIDGE, ROLE_MULTICAST_REPLICATOR
from earthline.wire.packet import Verb

CONTROLLER, OWN, NEAR, FAR, PEER, OTHER = (identity(number) for number in range(6))
NETWORK = CONTROLLER.address << 24 | 1
MDNS = MulticastGroup(0x01005E0000FB, 0)
FLAG_SOURCE, FLAG_REPLICATE = 0x04, 0x08


def replicating(*nodes):
    return tuple(node.address | ROLE_MULTICAST_REPLICATOR | ROLE_ACTIVE_BRIDGE for node in nodes)


@pytest.fixture
def bench():
    bench = Bench(OWN)
    for node in (CONTROLLER, NEAR, FAR, PEER, OTHER):
        bench.meet(node.public)
    bench.command(effects.Join(NETWORK))
    return bench


def configure(bench, *specialists):
    config = bench.member_config(
        NETWORK, CONTROLLER, public=True, com=None, specialists=specialists
    )
    bench.command(effects.SendConfig(NETWORK, OWN.address, config.emit(), 1))
    for member in (PEER, OTHER):
        message = MulticastLike(((NETWORK, MDNS),))
        bench.give(member.address, Verb.MULTICAST_LIKE, message.emit())
    bench.forget()


def send(bench):
    source = mac_of(OWN.address, NETWORK)
    bench.tap(NETWORK, mac_bytes(MDNS.mac) + mac_bytes(source) + b"\x08\x00frame")


def sent(bench):
    return [(each.to, each.payload) for each in bench.sent(Verb.MULTICAST_FRAME)]


def test_frame_goes_to_the_nearest_replicator_alone(bench):
    bench.underlay.latencies = {NEAR.address: 5, FAR.address: 50}
    configure(bench, *replicating(FAR, NEAR))
    send(bench)
    ((to, payload),) = sent(bench)
    assert to == NEAR.address
    assert payload[8] == FLAG_SOURCE | FLAG_REPLICATE
    assert payload[9:15] == mac_bytes(mac_of(OWN.address, NETWORK))
    assert bench.sent() == bench.sent(Verb.MULTICAST_FRAME)


def test_next_frames_to_a_replicator_stay_in_the_switch(bench):
    bench.underlay.latencies = {NEAR.address: 5}
    configure(bench, *replicating(NEAR))
    send(bench)
    bench.forget()
    send(bench)
    assert [to for to, _ in sent(bench)] == [NEAR.address]
    assert bench.punts == 0


def test_member_learned_late_does_not_take_a_group_from_its_replicator(bench):
    bench.underlay.latencies = {NEAR.address: 5}
    configure(bench, *replicating(NEAR))
    send(bench)
    message = MulticastLike(((NETWORK, MDNS),))
    bench.give(FAR.address, Verb.MULTICAST_LIKE, message.emit())
    bench.forget()
    send(bench)
    assert [to for to, _ in sent(bench)] == [NEAR.address]


def test_without_a_replicator_in_reach_everybody_gets_the_frame(bench):
    configure(bench, *replicating(NEAR))
    send(bench)
    assert {to for to, _ in sent(bench)} == {NEAR.address, PEER.address, OTHER.address}


@pytest.mark.parametrize("role", [ROLE_ACTIVE_BRIDGE, ROLE_MULTICAST_REPLICATOR])
def test_bridges_and_replicators_hand_nothing_off(bench, role):
    bench.underlay.latencies = {NEAR.address: 5}
    configure(bench, OWN.address | role, *replicating(NEAR))
    send(bench)
    assert {to for to, _ in sent(bench)} == {NEAR.address, PEER.address, OTHER.address}


def replicate(bench, origin, source=None):
    head = NETWORK.to_bytes(8) + bytes([FLAG_SOURCE | FLAG_REPLICATE])
    mac = mac_of(origin.address, NETWORK) if source is None else source
    group = mac_bytes(MDNS.mac) + MDNS.adi.to_bytes(4)
    payload = head + mac_bytes(mac) + group + b"\x08\x00frame"
    bench.wire(origin.address, Verb.MULTICAST_FRAME, payload)


def test_replicator_sends_on_to_all_members_but_the_sender(bench):
    configure(bench, *replicating(OWN))
    for _ in range(2):
        replicate(bench, PEER)
        ((to, payload),) = sent(bench)
        assert to == OTHER.address
        frame = MulticastFrame.parse(payload)
        assert (frame.source, frame.payload) == (mac_of(PEER.address, NETWORK), b"frame")
        assert not payload[8] & FLAG_REPLICATE
        assert len(bench.frames) == 1
        bench.forget()


def test_replicator_gives_late_members_the_frame_but_never_its_sender(bench):
    configure(bench, *replicating(OWN))
    replicate(bench, FAR)
    bench.forget()
    for member in (NEAR, FAR):
        message = MulticastLike(((NETWORK, MDNS),))
        bench.give(member.address, Verb.MULTICAST_LIKE, message.emit())
    assert [to for to, _ in sent(bench)] == [NEAR.address]


def test_frame_to_replicate_from_a_foreign_mac_is_not_sent_on(bench):
    configure(bench, *replicating(OWN))
    replicate(bench, PEER, source=0x0A1122334455)
    assert sent(bench) == []
    assert bench.frames == []
