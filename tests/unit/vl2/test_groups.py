"""The table of group members, and which group a frame is for (03, 8.3, 8.5)."""

from __future__ import annotations

import random

import pytest
from group_bench import ARP, ARP_GROUP, MDNS, NETWORK, OWN_MAC

import earthline.vl2.multicast.groups
from earthline.vl2.multicast.groups import (
    LIFETIME_MS,
    RECORDS_PROVED,
    RECORDS_UNPROVED,
    SWEEP_LEAST,
    SWEEP_PART,
    GroupKey,
    GroupTable,
    group_of,
)
from earthline.wire.mac import BROADCAST, mac_bytes
from earthline.wire.messages.multicast import MulticastLike
from earthline.wire.multicast import BROADCAST_GROUP, MulticastGroup
from earthline.wire.reader import Malformed


def test_arp_replies_and_short_arps_are_plain_broadcasts():
    head = mac_bytes(BROADCAST) + mac_bytes(OWN_MAC)
    assert group_of(head + ARP, broadcast=True) == ARP_GROUP
    assert group_of(head + ARP[:-1], broadcast=True) == BROADCAST_GROUP
    reply = ARP[:9] + b"\x02" + ARP[10:]
    assert group_of(head + reply, broadcast=True) == BROADCAST_GROUP


def test_arp_about_ones_own_address_is_a_broadcast_where_there_are_any():
    frame = mac_bytes(BROADCAST) + mac_bytes(OWN_MAC) + ARP[:16] + ARP[26:30] + ARP[20:]
    assert group_of(frame, broadcast=True) == BROADCAST_GROUP
    assert group_of(frame, broadcast=False) == ARP_GROUP


def test_records_expire_after_10_minutes_without_refresh():
    table, key = GroupTable(), GroupKey(NETWORK, MDNS)
    assert table.record(key, 1, 0)
    assert table.record(key, 2, 0)
    assert not table.record(key, 1, 5_000)
    assert table.expire(LIFETIME_MS) == [key]
    assert table.members(key) == [1]
    assert table.expire(LIFETIME_MS + 5_000) == [key]
    assert len(table) == 0


def group(number):
    return GroupKey(NETWORK, MulticastGroup(number, 0))


def announce(table, member, count, *, proved=False, now=0):
    for number in range(count):
        table.record(group(member << 20 | number), member, now, proved=proved)


def test_stranger_keeps_its_latest_groups_alone():
    table = GroupTable()
    announce(table, 1, RECORDS_UNPROVED + 10)
    assert len(table) == RECORDS_UNPROVED
    assert table.members(group(1 << 20 | 9)) == []
    assert table.members(group(1 << 20 | 10)) == [1]


def test_member_that_proved_itself_keeps_more_on_each_network():
    table = GroupTable()
    announce(table, 1, RECORDS_UNPROVED)
    announce(table, 1, RECORDS_PROVED + 1, proved=True)
    assert len(table) == RECORDS_PROVED
    elsewhere = GroupKey(NETWORK + 1, MDNS)
    table.record(elsewhere, 1, 0, proved=True)
    table.record(GroupKey(NETWORK + 2, MDNS), 1, 0)
    assert len(table) == RECORDS_PROVED + 2


def test_member_of_20_networks_with_dozens_of_addresses_keeps_them_all():
    table = GroupTable()
    for network in range(20):
        for number in range(12):
            table.record(GroupKey(NETWORK + network, MulticastGroup(number, 0)), 1, 0)
    assert len(table) == 240
    assert table.members(GroupKey(NETWORK, MulticastGroup(0, 0))) == [1]


def test_honest_member_is_recorded_in_a_table_that_strangers_have_filled(monkeypatch):
    monkeypatch.setattr(earthline.vl2.multicast.groups, "RECORD_LIMIT", 2_000)
    table = GroupTable()
    table.record(GroupKey(NETWORK, MDNS), 7, 0)
    announce(table, 8, 100, proved=True)
    for stranger in range(100, 130):
        announce(table, stranger, RECORDS_UNPROVED, now=1)
    assert len(table) == 2_000
    assert table.record(group(5), 9, 2)
    assert table.members(group(5)) == [9]
    assert table.members(GroupKey(NETWORK, MDNS)) == [7]
    assert all(table.members(group(8 << 20 | number)) == [8] for number in range(100))
    assert len(table) == 2_000


def test_invented_members_push_out_what_their_inventor_said_alone(monkeypatch):
    monkeypatch.setattr("earthline.vl2.multicast.hearsay.HEARD_LIMIT", 50)
    table, key = GroupTable(), GroupKey(NETWORK, MDNS)
    table.record(key, 1, 0)
    for member in range(10, 20):
        table.hear(key, [member], 2, 0)
    for member in range(100, 1_000):
        table.hear(key, [member], 3, 0)
    assert set(table.members(key)) >= {1, *range(10, 20)}
    assert table.count(key) == len(table.members(key)) == 51
    assert len(table) == 51


def test_member_that_several_name_stays_until_none_of_them_does():
    table, key = GroupTable(), GroupKey(NETWORK, MDNS)
    assert table.hear(key, [1], 8, 0)
    assert not table.hear(key, [1], 9, 1_000)
    assert table.expire(LIFETIME_MS) == [key]
    assert table.members(key) == [1]
    assert table.expire(LIFETIME_MS + 1_000) == [key]
    assert table.members(key) == []
    assert table.hear(key, [1], 8, 0)
    assert table.record(key, 2, 0)
    assert table.forget(key, 1)
    assert not table.forget(key, 1)
    assert table.members(key) == [2]


def test_members_are_drawn_without_repeats():
    table, key = GroupTable(), GroupKey(NETWORK, MDNS)
    for member in range(1, 101):
        table.record(key, member, 0)
    table.forget(key, 50)
    drawn = table.sample(key, 98, lambda length: b"\xff" * length)
    assert len(set(drawn)) == 98
    assert set(drawn) <= set(table.members(key))
    assert 50 not in drawn
    assert sorted(table.sample(key, 1_000, bytes)) == sorted(table.members(key))


def test_members_that_announced_themselves_and_those_named_are_drawn_from_together():
    table, key, entropy = GroupTable(), GroupKey(NETWORK, MDNS), random.Random(7).randbytes
    for member in range(1, 11):
        table.record(key, member, 0)
    table.hear(key, range(5, 21), 99, 0)
    assert table.count(key) == 20
    assert sorted(table.sample(key, 1_000, entropy)) == [*range(1, 21)]
    drawn = [table.sample(key, 12, entropy) for _ in range(50)]
    assert all(len(set(members)) == 12 for members in drawn)
    assert {member for members in drawn for member in members} == {*range(1, 21)}
    table.hear(key, [30], 98, 0)
    assert table.forget(key, 30)
    assert sorted(table.sample(key, 1_000, entropy)) == [*range(1, 21)]


@pytest.mark.parametrize("each", [1, 200], ids=["many holders", "large holders"])
def test_large_table_is_expired_a_part_at_a_time(each):
    table, total = GroupTable(), 400_000 // 8
    for number in range(total):
        table.record(group(number), 1 + number // each, 0)
    left, most = total, max(SWEEP_LEAST, total // SWEEP_PART)
    for _ in range(2 * SWEEP_PART):
        table.expire(LIFETIME_MS)
        assert left - len(table) <= most
        left = len(table)
    assert left == 0


def test_old_records_are_found_behind_any_number_of_fresh_ones():
    table = GroupTable()
    for member in range(1, 10_001):
        table.record(group(member), member, 0 if member % 1_000 == 0 else 1)
    gone = []
    for _ in range(10):
        gone += table.expire(LIFETIME_MS)
    assert sorted(gone) == [group(member) for member in range(1_000, 10_001, 1_000)]


def test_groups_repeated_in_a_packet_are_read_once():
    like = (NETWORK, MDNS)
    message = MulticastLike.parse(MulticastLike((like,) * 550).emit())
    assert message.groups == (like,)
    with pytest.raises(Malformed):
        MulticastLike.parse(bytes(19))


def test_groups_chosen_to_collide_as_numbers_do_not_collide_here():
    # Python's hash of a number is the number modulo this prime, which everybody knows.
    step = (1 << 61) - 1
    codes = [GroupKey(number * step % (1 << 64), MDNS).emit() for number in range(1, 9)]
    assert len({hash(code) for code in codes}) > 1
    assert [GroupKey.parse(code).emit() for code in codes] == codes
