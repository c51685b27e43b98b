"""Tables with owners: whatever is put into them, who holds most gives way (see `bounded`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import takewhile

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from earthline.bounded import Evicted, FairQueue, FairTable, Weights

KEYS = st.integers(0, 30)
HOLDERS = st.integers(0, 5)


@dataclass
class NaiveTable:
    """The same by looking at everything: (key, holder, value), the one put last comes last."""

    limit: int
    per_holder: int
    entries: list[tuple[int, int, int]] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)
    """Holders by their last change."""

    def of(self, holder):
        return [entry for entry in self.entries if entry[1] == holder]

    def changed(self, holder):
        self.moved = [other for other in self.moved if other != holder]
        if self.of(holder):
            self.moved.append(holder)

    def put(self, key, holder, value, old=0):
        before = [entry for entry in self.entries if entry[0] == key and entry[1] != holder]
        self.entries = [entry for entry in self.entries if entry[0] != key]
        for entry in before:
            self.changed(entry[1])
        self.entries.append((key, holder, value))
        self.changed(holder)
        if len(self.of(holder)) > self.per_holder:
            return self.evict(holder)
        if len(self.entries) > self.limit:
            first, _, stale = self.entries[0]
            if stale < old:
                self.pop(first)
                return first, stale
            return self.evict(self.largest())
        return None

    def largest(self):
        return max(self.moved, key=lambda holder: len(self.of(holder)))

    def evict(self, holder):
        oldest = self.of(holder)[0]
        self.pop(oldest[0])
        return oldest[0], oldest[2]

    def pop(self, key):
        gone = [entry for entry in self.entries if entry[0] == key]
        self.entries = [entry for entry in self.entries if entry[0] != key]
        for entry in gone:
            self.changed(entry[1])
        return gone[0][2] if gone else None


class AnyUse(RuleBasedStateMachine):
    @initialize(limit=st.integers(1, 12), per_holder=st.integers(1, 12))
    def begin(self, limit, per_holder):
        self.table = FairTable(limit, per_holder)
        self.naive = NaiveTable(limit, per_holder)
        self.values = 0

    @rule(key=KEYS, holder=HOLDERS, age=st.none() | st.integers(0, 20))
    def put(self, key, holder, age):
        self.values += 1
        before = 0 if age is None else self.values - age
        old = None if age is None else (lambda value: value < before)
        expected = self.naive.put(key, holder, self.values, before)
        assert self.table.put(key, holder, self.values, old=old) == expected
        assert self.table.get(key) == self.values, "what is put is never what goes"

    @rule(key=KEYS)
    def touch(self, key):
        known = [entry for entry in self.naive.entries if entry[0] == key]
        self.table.touch(key)
        for entry in known:
            self.naive.put(*entry)

    @rule(key=KEYS)
    def pop(self, key):
        assert self.table.pop(key) == self.naive.pop(key)

    @rule(value=st.integers(0, 60))
    def expire(self, value):
        expected = set()
        for holder in range(6):
            expected |= {e[0] for e in takewhile(lambda e: e[2] < value, self.naive.of(holder))}
        gone = self.table.expire(lambda known: known < value)
        assert sorted(gone) == sorted(expected)
        for key in gone:
            self.naive.pop(key)

    @rule(odd=st.booleans())
    def drop(self, odd):
        gone = self.table.drop(lambda key, _value: key % 2 == odd)
        for key in gone:
            self.naive.pop(key)

    @invariant()
    def next_to_go_is_the_oldest_of_the_largest(self):
        if self.naive.entries:
            oldest, *_ = self.naive.of(self.naive.largest())
            assert self.table.next_to_go() == oldest[0]
        else:
            assert self.table.next_to_go() is None

    @invariant()
    def same(self):
        assert [*self.table.items()] == [(key, value) for key, _, value in self.naive.entries]
        assert [*self.table] == [key for key, _, _ in self.naive.entries]
        assert [*self.table.values()] == [value for _, _, value in self.naive.entries]
        for holder in range(6):
            assert self.table.held_by(holder) == [key for key, _, _ in self.naive.of(holder)]
        for key, holder, value in self.naive.entries:
            assert (self.table.holder_of(key), self.table.get(key)) == (holder, value)


AnyUse.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestAnyUse = AnyUse.TestCase


@given(st.lists(st.tuples(HOLDERS, st.integers(0, 8))))
def test_heaviest_is_whom_a_search_would_find(changes):
    weights, naive = Weights(), {}
    for holder, weight in changes:
        weights.set(holder, weight)
        naive.pop(holder, None)
        if weight:
            naive[holder] = weight
        assert len(weights) == len(naive)
        if naive:
            assert weights.heaviest() == max(naive, key=naive.__getitem__)


def test_flood_of_one_holder_pushes_out_nothing_but_its_own():
    table = FairTable(limit=100)
    for number in range(10):
        table.put(("honest", number), number, number)
    evicted = [table.put(("flood", number), "stranger", number) for number in range(1_000)]
    assert all(("honest", number) in table for number in range(10))
    assert len(table) == 100
    assert {gone.key[0] for gone in evicted if gone} == {"flood"}
    assert table.put(("honest", 10), 10, 10) == Evicted(("flood", 910), 910)


def test_holders_of_one_entry_each_go_in_the_order_of_their_last_use():
    table = FairTable(limit=3)
    for holder in "abc":
        table.put(holder, holder, None)
    table.touch("a")
    assert table.put("d", "d", None) == Evicted("b", None)


def test_entries_of_those_who_left_go_before_those_of_who_holds_most():
    table = FairTable(limit=3)
    for number in range(3):
        table.put(number, f"left {number}", 0)
    for at in range(10, 12):
        table.put(at, "here", at, old=lambda value: value < 5)
    assert [*table] == [2, 10, 11]


def test_queue_keeps_its_order_and_who_waits_little_stays():
    queue = FairQueue(limit=4)
    assert queue.append("honest", "h") is None
    gone = [queue.append("stranger", number) for number in range(5)]
    assert gone == [None, None, None, 0, 1]
    assert [*queue] == ["h", 2, 3, 4]
    assert queue.of("stranger") == [2, 3, 4]
    assert queue.take(lambda thing: thing in (2, "h")) == ["h", 2]
    assert len(queue) == 2
