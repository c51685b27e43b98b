"""The table of group members, and which group a frame is for (03, 8.3, 8.5)."""

from __future__ import annotations

from group_bench import ARP, ARP_GROUP, MDNS, NETWORK, OWN_MAC

from earthline.vl2.groups import LIFETIME_MS, RECORDS_PER_MEMBER, GroupKey, GroupTable, group_of
from earthline.wire.mac import BROADCAST, mac_bytes
from earthline.wire.multicast import BROADCAST_GROUP, MulticastGroup


def test_arp_replies_and_short_arps_are_plain_broadcasts():
    head = mac_bytes(BROADCAST) + mac_bytes(OWN_MAC)
    assert group_of(head + ARP) == ARP_GROUP
    assert group_of(head + ARP[:-1]) == BROADCAST_GROUP
    reply = ARP[:9] + b"\x02" + ARP[10:]
    assert group_of(head + reply) == BROADCAST_GROUP


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
