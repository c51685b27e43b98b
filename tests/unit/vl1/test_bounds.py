"""Tables that strangers could fill, and timers (02, 4.7, 4.10)."""

from __future__ import annotations

import pytest

from earthline.vl1.ground.gates import Buckets, Interval, prefix_key
from earthline.vl1.ground.local import ALL_SOCKETS
from earthline.vl1.ground.replies import ExpectedReplies
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.ground.turns import Turns
from earthline.vl1.peers.physical import PhysicalNetwork, PhysicalNetworks
from earthline.wire.inet import InetAddress
from earthline.wire.packet import Verb

PATH = (1, bytes([10, 0, 0, 1]), 9993)


def test_reply_must_match_id_verb_and_peer():
    replies = ExpectedReplies()
    replies.expect(0x1111111122222222, Verb.WHOIS, 5, PATH)
    assert replies.matches(0x1111111122222222, Verb.WHOIS, 5)
    assert replies.matches(0x1111111122222222, Verb.WHOIS, 5)
    assert not replies.matches(0x1111111133333333, Verb.WHOIS, 5)
    assert not replies.matches(0x1111111122222222, Verb.ECHO, 5)
    assert not replies.matches(0x1111111122222222, Verb.WHOIS, 6)


def test_pushed_configuration_may_be_acknowledged_as_an_echo():
    replies = ExpectedReplies()
    replies.expect(1, Verb.NETWORK_CONFIG, 5, PATH)
    assert replies.matches(1, Verb.ECHO, 5)
    assert replies.matches(1, Verb.NETWORK_CONFIG, 5)


def test_answer_proves_only_the_place_that_the_question_went_to():
    replies = ExpectedReplies()
    replies.expect(1, Verb.ECHO, 5, PATH)
    replies.expect(2, Verb.HELLO, 5, (ALL_SOCKETS, *PATH[1:]))
    for packet_id in (1, 2):
        assert replies.proves(packet_id, PATH)
        assert not replies.proves(packet_id, (1, bytes([10, 0, 0, 2]), 9993))
        assert not replies.proves(packet_id, (1, bytes([10, 0, 0, 1]), 9994))
    assert not replies.proves(3, PATH)


def test_oldest_expected_reply_goes_first():
    replies = ExpectedReplies(size=3)
    for packet_id in range(5):
        replies.expect(packet_id, Verb.ECHO, 1, PATH)
    assert len(replies) == 3
    assert not replies.matches(1, Verb.ECHO, 1)
    assert replies.matches(2, Verb.ECHO, 1)


def test_interval_gate_opens_again_and_forgets_what_is_open():
    gate = Interval(100)
    for key in range(50):
        assert gate.passes(key, "somebody", 0)
    assert not gate.passes(7, "somebody", 99)
    assert gate.passes(7, "somebody", 100)
    for key in range(100, 125):
        assert gate.passes(key, "somebody", 150)
    assert len(gate) == 26


def test_whoever_fills_an_interval_gate_keeps_nobody_out_and_makes_room():
    gate = Interval(100, limit=100)
    assert gate.passes("first", "honest", 0)
    for key in range(1_000):
        assert gate.passes(key, "flooder", 1)
    assert gate.passes("second", "honest", 2)
    assert not gate.passes("first", "honest", 2)
    assert not gate.passes("second", "honest", 2)
    assert len(gate) == 100


def test_full_interval_gate_costs_no_more_than_one_that_is_not():
    """It went through all of its keys for each one that it refused."""
    gate = Interval(30_000, limit=20_000)
    for key in range(20_000):
        gate.passes(key, key % 7, key // 1_000)

    class Counting(int):
        looked_at = 0

        def __rsub__(self, now):
            Counting.looked_at += 1
            return int(now) - int(self)

    for key in range(1_000):
        gate.passes((key, "more"), "more", Counting(20))
    Counting.looked_at = 0
    gate.passes("another", "more", 21)
    assert Counting.looked_at <= 3
    assert len(gate) == 20_000


def test_buckets_are_bounded_and_those_that_are_full_again_are_forgotten():
    buckets = Buckets(burst=2, refill_ms=100, limit=50)
    for key in range(1_000):
        assert buckets.passes(key, 0)
    assert len(buckets) == 50
    assert buckets.passes(999, 0)
    assert not buckets.passes(999, 0)
    for key in range(30):
        assert buckets.passes(key, 300)
    assert len(buckets) == 30


def test_waiting_work_of_the_largest_holder_makes_room():
    turns = Turns(5, lambda _holder, _now: False)
    assert [turns.put(holder, holder) for holder in (1, 2, 3)] == [None] * 3
    for item in (30, 31):
        assert turns.put(3, item) is None
    assert [turns.put(holder, 40) for holder in (4, 5)] == [3, 30]
    assert turns.put(6, 60) == 1, "of equals who has had so many for longest"
    assert [turns.take(0) for _ in range(5)] == [2, 31, 40, 40, 60]


def test_prefix_keys_group_ipv4_by_24_and_ipv6_by_48_bits():
    assert prefix_key(bytes([10, 1, 2, 3])) == prefix_key(bytes([10, 1, 2, 200]))
    assert prefix_key(bytes([10, 1, 2, 3])) != prefix_key(bytes([10, 1, 3, 3]))
    net = bytes.fromhex("fd0001020304")
    assert prefix_key(net + bytes(10)) == prefix_key(net + b"\xff" * 10) < 1 << 14
    # One octet after the other, doubling: 0xfd * 32 + 1 * 8 + 2 * 4 + 3 * 2 + 4, octet 1 being 0.
    assert prefix_key(net + bytes(10)) == 0xFD * 32 + 1 * 8 + 2 * 4 + 3 * 2 + 4


def test_longest_physical_prefix_decides():
    networks = PhysicalNetworks()
    wide = PhysicalNetwork(InetAddress.parse("10.0.0.0/8"), 9_000, 1)
    networks.configure([wide, PhysicalNetwork(InetAddress.parse("10.1.0.0/16"), 0, 2)])
    assert networks.trusted_path_id(InetAddress.parse("10.1.2.3/9")) == 2
    assert networks.mtu(InetAddress.parse("10.1.2.3/9")) == 1_432
    assert networks.mtu(InetAddress.parse("10.2.2.3/9")) == 9_000
    assert networks.trusted_path_id(InetAddress.parse("9.2.2.3/9")) == 0
    with pytest.raises(ValueError, match="at most 32"):
        networks.configure([wide] * 33)


def test_timers_fire_in_order_and_can_be_hastened():
    timers = Timers()
    assert list(timers.take_due(1_000)) == [Timer.CHECK, Timer.HOUSEKEEPING]
    assert timers.next() == 6_000
    timers.hasten(Timer.CHECK, 9_000)
    assert timers.next() == 6_000
    timers.hasten(Timer.QUEUE, 1_500)
    assert list(timers.take_due(1_500)) == [Timer.QUEUE]
    assert timers.next() == 2_000
    timers.stop(Timer.QUEUE)
    assert timers.next() == 6_000


def test_a_timer_begins_once_and_again_after_it_was_stopped():
    timers = Timers()
    list(timers.take_due(1_000))
    timers.begin(Timer.WATCH, 1_000)
    timers.begin(Timer.WATCH, 1_050)
    assert timers.next() == 1_100
    timers.stop(Timer.WATCH)
    timers.begin(Timer.WATCH, 1_090)
    assert timers.next() == 1_190
