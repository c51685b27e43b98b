"""Gathering the members of groups (03, 8.4)."""

from __future__ import annotations

from group_bench import (
    ARP_GROUP,
    CONTROLLER,
    MDNS,
    NETWORK,
    OWN,
    PEERS,
    ROOT,
    addresses,
    configured,
    gathered,
    like,
    multicast,
)
from vl2_bench import Bench

from earthline import effects
from earthline.vl2.multicast.gather import NAMED_AT_ONCE, UNKNOWN_BURST, UNKNOWN_REFILL_MS
from earthline.vl2.multicast.groups import GroupKey
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.messages.frame import MulticastFrame
from earthline.wire.messages.multicast import MulticastGather
from earthline.wire.messages.ok import Gathered, Ok, OkMulticastFrame, OkMulticastGather
from earthline.wire.network_config import ROLE_ANCHOR
from earthline.wire.packet import Verb


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
    bench.engine._announcer.hear(
        GroupKey(NETWORK, MDNS), [PEERS[1].address], ROOT.address, bench.now
    )
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


def test_who_got_a_frame_may_name_as_many_members_as_were_asked_for(bench):
    configured(bench, public=True, com=None, multicast_limit=4)
    like(bench, PEERS[0], MDNS)
    multicast(bench)
    invented = tuple(range(0x1000000001, 0x1000000101))
    answer = OkMulticastFrame(NETWORK, MDNS, gathered=Gathered(len(invented), invented))
    for _ in range(3):
        bench.give_ok(PEERS[0].address, Verb.MULTICAST_FRAME, answer.emit())
    assert bench.engine._groups.members(GroupKey(NETWORK, MDNS)) == [
        PEERS[0].address,
        *invented[:4],
    ]


def as_root(bench, members=500):
    """Of a network it did not join, with many members of a group."""
    bench.underlay.acting_as_upstream = True
    elsewhere = 0x1234567890000007
    for member in range(0x2000000000, 0x2000000000 + members):
        bench.engine._groups.record(GroupKey(elsewhere, MDNS), member, bench.now)
    return elsewhere


def answers(bench, member, count, **settings):
    """How many of so many gathers are answered."""
    bench.forget()
    for _ in range(count):
        gather(bench, member, **settings)
    return len(bench.sent(Verb.OK))


def test_who_announced_nothing_gets_few_answers(bench):
    """Its announcement may have been lost, or the root may have started again."""
    elsewhere = as_root(bench)
    assert answers(bench, PEERS[0], 200, network=elsewhere) == UNKNOWN_BURST
    assert answers(bench, PEERS[1], 10, network=elsewhere) == 10
    bench.now += 10 * UNKNOWN_REFILL_MS
    assert answers(bench, PEERS[0], 200, network=elsewhere) == 10
    like(bench, PEERS[0], MDNS, network=elsewhere + 1)
    assert answers(bench, PEERS[0], 200, network=elsewhere) == 0


def test_who_announced_itself_on_the_network_is_answered(bench):
    elsewhere = as_root(bench)
    like(bench, PEERS[0], ARP_GROUP, network=elsewhere)
    assert answers(bench, PEERS[0], 200, network=elsewhere) == 200


def test_member_by_certificate_is_answered_before_it_announces_itself(bench):
    configured(bench)
    certificate = CertificateOfMembership.build(
        NETWORK, bench.now, 1_800_000, PEERS[0].public
    ).sign(CONTROLLER)
    bench.give(PEERS[0].address, Verb.NETWORK_CREDENTIALS, certificate.emit() + b"\x00")
    bench.engine._announcer.hear(
        GroupKey(NETWORK, MDNS), [PEERS[1].address], ROOT.address, bench.now
    )
    assert answers(bench, PEERS[0], 200) == 200


def test_members_named_cost_more_than_a_question(bench):
    elsewhere = as_root(bench, 1_960)
    like(bench, PEERS[0], ARP_GROUP, network=elsewhere)
    before = bench.underlay.tokens_spent
    assert answers(bench, PEERS[0], 1, network=elsewhere, limit=5) == 1
    assert bench.underlay.tokens_spent == before
    bench.underlay.tokens = before + 300
    assert answers(bench, PEERS[0], 50, network=elsewhere, limit=0xFFFFFFFF) == 27


def test_gathers_that_ride_on_frames_cost_as_much(bench):
    for peer in PEERS[:3]:
        like(bench, peer, MDNS)
    frame = MulticastFrame(NETWORK, MDNS, 0x0800, b"x", gather_limit=1).emit()
    bench.forget()
    bench.wire(PEERS[0].address, Verb.MULTICAST_FRAME, frame)
    assert len(bench.sent(Verb.OK)) == bench.underlay.tokens_spent == 1
    bench.underlay.tokens = 1
    bench.now += 2_000
    bench.wire(PEERS[0].address, Verb.MULTICAST_FRAME, frame)
    assert len(bench.sent(Verb.OK)) == 1


def names(bench, count):
    """A root answers with members that nobody can find."""
    invented = tuple(range(0x2000000000, 0x2000000000 + count))
    answer = OkMulticastGather(NETWORK, MDNS, Gathered(count, invented))
    bench.give_ok(ROOT.address, Verb.MULTICAST_GATHER, answer.emit())


def test_answer_that_names_thousands_is_noted_a_part_at_a_time(bench):
    names(bench, 1_960)
    assert len(bench.engine._groups) == NAMED_AT_ONCE
    bench.advance(1_000)
    assert len(bench.engine._groups) == 1_960
    assert bench.engine._gathering.next_timeout() is None


def test_no_more_members_are_looked_for_than_may_get_a_frame(bench):
    configured(bench, public=True, com=None, multicast_limit=4)
    multicast(bench)
    names(bench, 200)
    bench.advance(1_000)
    assert len(bench.engine._groups) == 200
    assert 0 < len(set(bench.underlay.asked)) <= 4
    (sending,) = bench.engine._distribution._sending.values()
    assert 0 < len(sending.unreached) <= 4
