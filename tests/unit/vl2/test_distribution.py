"""Sending to groups (03, 8.5)."""

from __future__ import annotations

from group_bench import (
    ARP,
    ARP_GROUP,
    CONTROLLER,
    MDNS,
    NETWORK,
    OWN,
    OWN_MAC,
    PEERS,
    ROOT,
    addresses,
    arp,
    configured,
    gathered,
    like,
    multicast,
    receivers,
)
from vl2_bench import identity

from earthline import effects
from earthline.vl2.multicast.distribution import LATE_AT_ONCE, STATE_LIMIT
from earthline.vl2.multicast.groups import GroupKey
from earthline.vl2.multicast.sending import QUEUE_LIMIT
from earthline.wire.inet import InetAddress
from earthline.wire.mac import BROADCAST, mac_bytes, mac_of
from earthline.wire.messages.error import UnwantedMulticast
from earthline.wire.messages.frame import MulticastFrame
from earthline.wire.messages.ok import Gathered, Ok, OkMulticastFrame
from earthline.wire.multicast import MulticastGroup
from earthline.wire.network_config import ROLE_ACTIVE_BRIDGE
from earthline.wire.packet import ErrorCode, Verb


def test_arp_reaches_a_member_that_a_root_knows(bench):
    arp(bench)
    asked = bench.sent(Verb.MULTICAST_GATHER)
    assert sorted(sent.to for sent in asked) == addresses(ROOT, CONTROLLER)
    assert receivers(bench) == []

    gathered(bench, ARP_GROUP, PEERS[0])
    assert receivers(bench) == [PEERS[0].address]


def test_late_member_gets_queued_frames_and_earlier_ones_get_them_once(bench):
    like(bench, PEERS[0], MDNS)
    for _ in range(3):
        multicast(bench)
    gathered(bench, MDNS, PEERS[0], PEERS[1])
    assert sorted(receivers(bench)) == sorted(addresses(*PEERS[:2]) * 3)


def test_late_member_does_not_get_frames_older_than_5_s(bench):
    multicast(bench)
    bench.now += 5_000
    gathered(bench, MDNS, PEERS[0])
    assert receivers(bench) == []


def test_settled_group_stays_in_the_switch_until_the_next_gather(bench):
    like(bench, PEERS[0], MDNS)
    multicast(bench)
    bench.now += 1_000
    multicast(bench)
    bench.forget()
    for _ in range(100):
        multicast(bench)
    assert bench.punts == 0
    assert len(receivers(bench)) == 100
    assert bench.sent(Verb.MULTICAST_GATHER) == []

    bench.now += 59_000
    multicast(bench)
    assert len(bench.sent(Verb.MULTICAST_GATHER)) == 2


def test_member_learned_after_settling_is_sent_to_as_well(bench):
    like(bench, PEERS[0], MDNS)
    multicast(bench)
    bench.now += 1_000
    multicast(bench)
    like(bench, PEERS[1], MDNS)
    bench.forget()
    multicast(bench)
    assert sorted(receivers(bench)) == addresses(*PEERS[:2])
    assert bench.punts == 0


def test_member_that_does_not_want_a_group_gets_no_more_of_it(bench):
    like(bench, PEERS[0], MDNS)
    like(bench, PEERS[1], MDNS)
    multicast(bench)
    bench.now += 1_000
    multicast(bench)
    bench.forget()
    unwanted = UnwantedMulticast(NETWORK, MDNS).emit()
    bench.give_error(PEERS[0].address, Verb.MULTICAST_FRAME, ErrorCode.UNWANTED_MULTICAST, unwanted)
    multicast(bench)
    assert receivers(bench) == [PEERS[1].address]


def test_group_as_large_as_the_limit_is_not_gathered_for(bench):
    configured(bench, public=True, com=None, multicast_limit=2)
    for peer in PEERS[:2]:
        like(bench, peer, MDNS)
    multicast(bench)
    assert sorted(receivers(bench)) == addresses(*PEERS[:2])
    assert bench.sent(Verb.MULTICAST_GATHER) == []
    frames = [MulticastFrame.parse(s.payload) for s in bench.sent(Verb.MULTICAST_FRAME)]
    assert {frame.gather_limit for frame in frames} == {1}


def test_members_beyond_the_limit_take_turns(bench):
    configured(bench, public=True, com=None, multicast_limit=2)
    for peer in PEERS:
        like(bench, peer, MDNS)
    for _ in range(60):
        bench.forget()
        multicast(bench)
        assert len(receivers(bench)) == 2
        bench.now += 1_000
    recipients = set()
    for _ in range(60):
        multicast(bench)
        recipients.update(receivers(bench))
        bench.now += 1_000
    assert recipients == set(addresses(*PEERS))


def test_bridges_get_every_multicast_frame(bench):
    bridge = PEERS[5].address
    configured(bench, public=True, com=None, specialists=(bridge | ROLE_ACTIVE_BRIDGE,))
    multicast(bench)
    assert receivers(bench) == [bridge]


def test_frames_to_an_empty_group_are_bounded_in_memory_and_in_punts(bench):
    for _ in range(500):
        multicast(bench)
    (sending,) = bench.engine._distribution._sending.values()
    assert len(sending.queue) == QUEUE_LIMIT
    assert bench.punts == QUEUE_LIMIT
    assert len(bench.sent(Verb.MULTICAST_GATHER)) == 2

    bench.now += 500
    multicast(bench)
    assert len(bench.sent(Verb.MULTICAST_GATHER)) == 4


def test_scan_of_a_whole_subnet_is_bounded_in_memory(bench):
    for number in range(STATE_LIMIT + 10):
        ip = number.to_bytes(4, "big")
        frame = mac_bytes(BROADCAST) + mac_bytes(OWN_MAC) + ARP[:-4] + ip
        bench.engine.receive(effects.FramePunted(NETWORK, frame, "multicast"), bench.now)
    assert len(bench.engine._distribution._sending) == STATE_LIMIT


def test_member_out_of_reach_gets_the_frame_once_there_is_a_route(bench):
    far = identity(9)
    like(bench, far, MDNS)
    multicast(bench)
    assert far.address in bench.underlay.asked
    assert receivers(bench) == []
    bench.meet(far.public)
    assert receivers(bench) == [far.address]


def test_credentials_go_ahead_of_multicast_frames(bench):
    configured(bench)
    bench.engine._announcer.hear(
        GroupKey(NETWORK, MDNS), [PEERS[0].address], ROOT.address, bench.now
    )
    multicast(bench)
    verbs = [sent.verb for sent in bench.sent() if sent.to == PEERS[0].address]
    assert verbs == [Verb.NETWORK_CREDENTIALS, Verb.MULTICAST_FRAME]


def test_answer_to_a_frame_that_asked_for_members_is_believed_of_those_asked_only(bench):
    like(bench, PEERS[0], MDNS)
    multicast(bench)
    answer = OkMulticastFrame(NETWORK, MDNS, gathered=Gathered(1, (PEERS[1].address,)))
    ok = Ok(Verb.MULTICAST_FRAME, 1, answer.emit())
    asked = bench.engine._gathering._asked_by_frame
    assert asked(PEERS[0].address, ok, bench.now)
    assert not asked(PEERS[2].address, ok, bench.now)
    assert not asked(PEERS[0].address, ok, bench.now + 5_000)


def test_solicitation_nobody_can_answer_here_goes_out_once(bench):
    configured(bench, public=True, com=None, flags=0x06)
    six_plane = bytes.fromhex("fc") + (NETWORK & 0xFFFFFFFF ^ NETWORK >> 32).to_bytes(4, "big")
    target = six_plane + PEERS[0].address.to_bytes(5, "big") + bytes(6)
    group = MulticastGroup(0x3333FF000000, 0)
    like(bench, PEERS[1], group)
    payload = bytes([0x60, 0, 0, 0, 0, 32, 0x3A, 255]) + bytes(32) + b"\x87" + bytes(7) + target
    multicast(bench, group.mac, b"\x86\xdd" + payload)
    assert receivers(bench) == [PEERS[1].address]
    assert bench.punts == 1


def test_solicitation_for_a_computed_address_is_answered_on_the_spot(bench):
    six_plane = bytes.fromhex("fc") + (NETWORK & 0xFFFFFFFF ^ NETWORK >> 32).to_bytes(4, "big")
    own = InetAddress(six_plane + OWN.address.to_bytes(5, "big") + bytes(5) + b"\x01", 40)
    configured(bench, public=True, com=None, flags=0x06, static_ips=(own,), multicast_limit=0)
    target = six_plane + PEERS[0].address.to_bytes(5, "big") + bytes(5) + b"\x01"
    payload = bytes([0x60, 0, 0, 0, 0, 32, 0x3A, 255]) + bytes(32) + b"\x87" + bytes(7) + target
    multicast(bench, 0x3333FF000001, b"\x86\xdd" + payload)
    ((network, frame),) = bench.frames
    assert network == NETWORK
    assert frame[6:12] == mac_bytes(mac_of(PEERS[0].address, NETWORK))
    assert bench.sent() == []


def test_who_joins_hundreds_of_groups_gets_their_frames_a_few_groups_at_a_time(bench):
    """What the switch is told for each takes longer than one packet may take."""
    ips = [bytes((10, 0, 1, number)) for number in range(100)]
    groups = [MulticastGroup(BROADCAST, int.from_bytes(ip, "big")) for ip in ips]
    for ip in ips:
        multicast(bench, BROADCAST, ARP[:-4] + ip)
    bench.forget()
    like(bench, PEERS[0], *groups)
    assert len(receivers(bench)) == LATE_AT_ONCE
    bench.advance(1_000)
    assert receivers(bench) == [PEERS[0].address] * 100
    assert bench.engine._distribution.next_timeout() is None
