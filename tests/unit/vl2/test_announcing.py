"""Announcing groups (03, 8.3)."""

from __future__ import annotations

from group_bench import CONTROLLER, MDNS, NETWORK, OWN, PEERS, ROOT, addresses, configured
from vl2_bench import Bench

from earthline import effects
from earthline.vl2.multicast.announce import MAX_NETWORKS
from earthline.vl2.multicast.groups import RECORDS_UNPROVED, GroupKey
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.messages.multicast import MulticastLike
from earthline.wire.multicast import BROADCAST_GROUP, MulticastGroup
from earthline.wire.packet import Verb


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


def test_root_that_is_a_member_is_told_our_groups_as_a_root_alone():
    bench = Bench(OWN)
    bench.meet(CONTROLLER.public)
    bench.command(effects.Join(NETWORK))
    bench.tell(effects.SubscriptionsChanged(NETWORK, (tuple(MDNS),)))
    configured(bench)
    # Its certificate comes a moment after the configuration.
    certificate = CertificateOfMembership.build(
        NETWORK, bench.now, 1_800_000, CONTROLLER.public
    ).sign(CONTROLLER)
    bench.give(CONTROLLER.address, Verb.NETWORK_CREDENTIALS, certificate.emit() + b"\x00")
    assert bench.engine._station.networks[NETWORK].members[CONTROLLER.address].installed.admitted
    assert bench.sent(Verb.MULTICAST_LIKE) == []


def test_many_groups_are_announced_in_several_packets(bench):
    groups = tuple((0x01005E000000 + number, 0) for number in range(1_200))
    bench.tell(effects.SubscriptionsChanged(NETWORK, groups))
    to_root = [s for s in bench.sent(Verb.MULTICAST_LIKE) if s.to == ROOT.address]
    assert [len(s.payload) // 18 for s in to_root] == [540, 540, 120]


def announced(bench, member, count, first=0):
    likes = tuple((NETWORK, MulticastGroup(0x01005E000000 + first + n, 0)) for n in range(count))
    bench.give(member.address, Verb.MULTICAST_LIKE, MulticastLike(likes).emit())
    return sum(member.address in bench.engine._groups.members(GroupKey(*like)) for like in likes)


def test_stranger_of_a_root_is_recorded_under_256_groups_whatever_networks_it_invents(bench):
    bench.underlay.acting_as_upstream = True
    for network in range(10):
        likes = tuple((network, MulticastGroup(n, 0)) for n in range(100))
        bench.give(PEERS[0].address, Verb.MULTICAST_LIKE, MulticastLike(likes).emit())
    assert len(bench.engine._groups) == RECORDS_UNPROVED


def test_member_of_a_private_network_may_announce_what_is_behind_a_large_bridge(bench):
    configured(bench)
    certificate = CertificateOfMembership.build(
        NETWORK, bench.now, 1_800_000, PEERS[0].public
    ).sign(CONTROLLER)
    bench.give(PEERS[0].address, Verb.NETWORK_CREDENTIALS, certificate.emit() + b"\x00")
    assert announced(bench, PEERS[0], 500) == 500
    assert announced(bench, PEERS[0], 500, 500) == 500
    assert len(bench.engine._groups) == 1_000


def test_everybody_passes_on_a_public_network_which_proves_nothing(bench):
    assert announced(bench, PEERS[0], 500) == RECORDS_UNPROVED


def test_groups_of_many_networks_in_one_packet_are_recorded_as_far_as_anybody_honest_names(bench):
    bench.underlay.acting_as_upstream = True
    likes = tuple((network, MulticastGroup(1, 0)) for network in range(MAX_NETWORKS + 5))
    bench.give(PEERS[0].address, Verb.MULTICAST_LIKE, MulticastLike(likes).emit())
    assert len(bench.engine._groups) == MAX_NETWORKS
    assert "multicast_like_too_long" in bench.underlay.counted


def test_one_packet_holds_as_many_groups_as_a_bridge_sends(bench):
    configured(bench)
    certificate = CertificateOfMembership.build(
        NETWORK, bench.now, 1_800_000, PEERS[0].public
    ).sign(CONTROLLER)
    bench.give(PEERS[0].address, Verb.NETWORK_CREDENTIALS, certificate.emit() + b"\x00")
    assert announced(bench, PEERS[0], 540) == 540
    assert announced(bench, PEERS[0], 540) == 540
    assert len(bench.engine._groups) == 540
