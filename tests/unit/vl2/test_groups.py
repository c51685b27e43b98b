"""Sending to groups, announcing and gathering (03, 8)."""

from __future__ import annotations

import pytest
from vl2_bench import Bench, identity

from earthline import effects
from earthline.vl2.distribution import QUEUE_LIMIT, STATE_LIMIT, group_of
from earthline.vl2.groups import LIFETIME_MS, RECORDS_PER_MEMBER, GroupKey, GroupTable
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.inet import InetAddress
from earthline.wire.mac import BROADCAST, mac_bytes, mac_of
from earthline.wire.messages.error import UnwantedMulticast
from earthline.wire.messages.frame import MulticastFrame
from earthline.wire.messages.multicast import MulticastGather, MulticastLike
from earthline.wire.messages.ok import Gathered, Ok, OkMulticastFrame, OkMulticastGather
from earthline.wire.multicast import BROADCAST_GROUP, MulticastGroup
from earthline.wire.network_config import ROLE_ACTIVE_BRIDGE, ROLE_ANCHOR
from earthline.wire.packet import ErrorCode, Verb

CONTROLLER = identity(0)
OWN = identity(1)
ROOT = identity(2)
PEERS = [identity(number) for number in range(3, 9)]
NETWORK = CONTROLLER.address << 24 | 1
OWN_MAC = mac_of(OWN.address, NETWORK)
MDNS = MulticastGroup(0x01005E0000FB, 0)
ASKED_IP = bytes([10, 0, 0, 9])
ARP_GROUP = MulticastGroup(BROADCAST, int.from_bytes(ASKED_IP, "big"))
ARP = bytes.fromhex("0806000108000604 0001") + bytes(16) + ASKED_IP


def configured(bench, **changes):
    config = bench.member_config(NETWORK, CONTROLLER, **changes)
    bench.command(effects.SendConfig(NETWORK, OWN.address, config.emit(), 1))
    bench.forget()
    return bench


@pytest.fixture
def bench():
    """A member of a public network, with a root and six peers in reach."""
    bench = Bench(OWN)
    for node in (CONTROLLER, ROOT, *PEERS):
        bench.meet(node.public)
    bench.underlay.upstreams = (ROOT.address,)
    bench.command(effects.Join(NETWORK))
    bench.advance(0)
    return configured(bench, public=True, com=None)


def multicast(bench, mac=MDNS.mac, rest=b"\x08\x00" + b"frame", source=OWN_MAC):
    bench.tap(NETWORK, mac_bytes(mac) + mac_bytes(source) + rest)


def arp(bench):
    multicast(bench, BROADCAST, ARP)


def like(bench, member, *groups, network=NETWORK):
    message = MulticastLike(tuple((network, group) for group in groups))
    bench.give(member.address, Verb.MULTICAST_LIKE, message.emit())


def gathered(bench, group, *members):
    answer = OkMulticastGather(
        NETWORK, group, Gathered(len(members), tuple(m.address for m in members))
    )
    bench.give_ok(ROOT.address, Verb.MULTICAST_GATHER, answer.emit())


def receivers(bench):
    return [sent.to for sent in bench.sent(Verb.MULTICAST_FRAME)]


def addresses(*nodes):
    return sorted(node.address for node in nodes)


# Sending


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
    bench.engine._announcer.learn(GroupKey(NETWORK, MDNS), PEERS[0].address, bench.now)
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


def test_arp_replies_and_short_arps_are_plain_broadcasts():
    head = mac_bytes(BROADCAST) + mac_bytes(OWN_MAC)
    assert group_of(head + ARP) == ARP_GROUP
    assert group_of(head + ARP[:-1]) == BROADCAST_GROUP
    reply = ARP[:9] + b"\x02" + ARP[10:]
    assert group_of(head + reply) == BROADCAST_GROUP


# Announcing


def test_groups_are_announced_with_the_first_configuration_then_every_minute():
    bench = Bench(OWN)
    bench.meet(CONTROLLER.public)
    bench.underlay.upstreams = (ROOT.address,)
    bench.command(effects.Join(NETWORK))
    bench.tell(effects.SubscriptionsChanged(NETWORK, (tuple(MDNS),)))
    assert bench.sent(Verb.MULTICAST_LIKE) == []

    config = bench.member_config(NETWORK, CONTROLLER)
    bench.command(effects.SendConfig(NETWORK, OWN.address, config.emit(), 1))
    expected = MulticastLike(((NETWORK, MDNS), (NETWORK, BROADCAST_GROUP))).emit()
    announced = bench.sent(Verb.MULTICAST_LIKE)
    assert [(s.to, s.payload) for s in sorted(announced)] == [
        (address, expected) for address in addresses(ROOT, CONTROLLER)
    ]

    # Once more after the first tick, for it may be lost; then at minutes.
    bench.forget()
    bench.advance(5_000)
    assert len(bench.sent(Verb.MULTICAST_LIKE)) == 2
    bench.forget()
    bench.advance(55_000)
    assert bench.sent(Verb.MULTICAST_LIKE) == []
    bench.advance(5_000)
    assert len(bench.sent(Verb.MULTICAST_LIKE)) == 2


def test_new_group_is_announced_at_once_and_alone(bench):
    bench.tell(effects.SubscriptionsChanged(NETWORK, (tuple(MDNS),)))
    bench.forget()
    other = MulticastGroup(0x01005E000001, 0)
    bench.tell(effects.SubscriptionsChanged(NETWORK, (tuple(MDNS), tuple(other))))
    payloads = {sent.payload for sent in bench.sent(Verb.MULTICAST_LIKE)}
    assert payloads == {MulticastLike(((NETWORK, other),)).emit()}


def test_members_learn_our_groups_when_they_are_admitted(bench):
    configured(bench)
    certificate = CertificateOfMembership.build(
        NETWORK, bench.now, 1_800_000, PEERS[0].public
    ).sign(CONTROLLER)
    payload = certificate.emit() + b"\x00"
    for _ in range(3):
        bench.give(PEERS[0].address, Verb.NETWORK_CREDENTIALS, payload)
    assert [sent.to for sent in bench.sent(Verb.MULTICAST_LIKE)] == [PEERS[0].address]


def test_many_groups_are_announced_in_several_packets(bench):
    groups = tuple((0x01005E000000 + number, 0) for number in range(1_200))
    bench.tell(effects.SubscriptionsChanged(NETWORK, groups))
    to_root = [s for s in bench.sent(Verb.MULTICAST_LIKE) if s.to == ROOT.address]
    assert [len(s.payload) // 18 for s in to_root] == [540, 540, 120]


# Gathering


def gather(bench, member, group=MDNS, limit=10, network=NETWORK):
    message = MulticastGather(network, group, limit)
    bench.give(member.address, Verb.MULTICAST_GATHER, message.emit())
    answers = [OkMulticastGather.parse(s.payload[9:]) for s in bench.sent(Verb.OK)]
    return answers[0].gathered if answers else None


def test_gather_names_ourselves_first_and_never_the_asker(bench):
    bench.tell(effects.SubscriptionsChanged(NETWORK, (tuple(MDNS),)))
    for peer in PEERS[:3]:
        like(bench, peer, MDNS)
    bench.forget()
    answer = gather(bench, PEERS[0])
    assert answer.members[0] == OWN.address
    assert sorted(answer.members[1:]) == addresses(*PEERS[1:3])
    assert answer.total == 4


def test_gather_of_an_unknown_group_is_not_answered(bench):
    assert gather(bench, PEERS[0]) is None


def test_stranger_neither_announces_nor_gathers_on_a_private_network(bench):
    configured(bench)
    like(bench, PEERS[0], MDNS)
    assert len(bench.engine._groups) == 0
    bench.engine._announcer.learn(GroupKey(NETWORK, MDNS), PEERS[1].address, bench.now)
    assert gather(bench, PEERS[0]) is None


def test_root_keeps_groups_of_networks_it_has_not_joined(bench):
    elsewhere = 0x1234567890000007
    like(bench, PEERS[0], MDNS, network=elsewhere)
    assert gather(bench, PEERS[1], network=elsewhere) is None
    bench.underlay.acting_as_upstream = True
    like(bench, PEERS[0], MDNS, network=elsewhere)
    assert gather(bench, PEERS[1], network=elsewhere).members == (PEERS[0].address,)


def test_controller_keeps_groups_of_members_it_configured_for_3_minutes():
    bench = Bench(CONTROLLER)
    for peer in PEERS[:2]:
        bench.meet(peer.public)
        bench.command(effects.SendConfig(NETWORK, peer.address, b"v=7", 5))
    like(bench, PEERS[0], MDNS)
    bench.forget()
    assert gather(bench, PEERS[1]).members == (PEERS[0].address,)

    bench.forget()
    bench.advance(180_000)
    assert gather(bench, PEERS[1]) is None
    assert len(bench.engine._delegate._configured_at) == 0


def test_anchors_are_asked_too_and_nobody_twice(bench):
    anchors = (PEERS[0].address | ROLE_ANCHOR, CONTROLLER.address | ROLE_ANCHOR)
    configured(bench, public=True, com=None, specialists=anchors)
    multicast(bench)
    asked = sorted(sent.to for sent in bench.sent(Verb.MULTICAST_GATHER))
    assert asked == addresses(ROOT, CONTROLLER, PEERS[0])


def test_members_of_networks_not_joined_are_not_learned_from_answers(bench):
    answer = OkMulticastGather(0x1234567890000007, MDNS, Gathered(1, (PEERS[0].address,)))
    bench.give_ok(ROOT.address, Verb.MULTICAST_GATHER, answer.emit())
    gathered(bench, MDNS, OWN)
    assert len(bench.engine._groups) == 0


def test_gather_that_rides_on_a_frame_is_answered(bench):
    for peer in PEERS[:3]:
        like(bench, peer, MDNS)
    frame = MulticastFrame(NETWORK, MDNS, 0x0800, b"x", gather_limit=1)
    bench.forget()
    bench.wire(PEERS[0].address, Verb.MULTICAST_FRAME, frame.emit(), packet_id=77)
    (sent,) = bench.sent(Verb.OK)
    ok = Ok.parse(sent.payload)
    assert (ok.in_re_verb, ok.in_re_packet_id) == (Verb.MULTICAST_FRAME, 77)
    members = OkMulticastFrame.parse(ok.payload).gathered.members
    assert len(members) == 1
    assert PEERS[0].address not in members


# The table


def test_records_expire_after_10_minutes_without_refresh():
    table, key = GroupTable(), GroupKey(NETWORK, MDNS)
    assert table.record(key, 1, 0)
    assert table.record(key, 2, 0)
    assert not table.record(key, 1, 5_000)
    assert table.expire(LIFETIME_MS) == [key]
    assert table.members(key) == [1]
    assert table.expire(LIFETIME_MS + 5_000) == [key]
    assert len(table) == 0


def test_one_member_cannot_fill_the_table():
    table = GroupTable()
    for number in range(RECORDS_PER_MEMBER + 10):
        table.record(GroupKey(NETWORK, MulticastGroup(number, 0)), 1, 0)
    assert len(table) == RECORDS_PER_MEMBER
    assert table.record(GroupKey(NETWORK, MDNS), 2, 0)
    assert table.forget(GroupKey(NETWORK, MulticastGroup(0, 0)), 1)
    assert table.record(GroupKey(NETWORK, MDNS), 1, 0)
