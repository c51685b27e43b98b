"""Tables that others can make entries in: they hold no more than so many, and refuse nobody.

A table that refuses when it is full belongs to whoever fills it first. One that forgets its oldest
entry belongs to whoever fills it fastest. Here each entry is held by somebody, and the one that
goes is the oldest of who holds most: who floods a table pushes out nothing but entries of its own.

    holder of 3:  D                      full, and a new one comes: A1 goes,
    holder of 2:  B                      since A holds most
    holder of 5:  A ── A1 A2 A3 A4 A5

Every step takes constant time, however full the table is. Holders are only as good as what tells
them apart: those that cost an attacker nothing, such as forged addresses, should share one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
H = TypeVar("H", bound=Hashable)
V = TypeVar("V")


class Weights(Generic[H]):
    """Who weighs most. Of equals the one comes first whose last change is the longest ago."""

    def __init__(self) -> None:
        self._weight_of: dict[H, int] = {}
        # An OrderedDict finds its first key at once; a plain one looks past all keys removed since.
        self._at: dict[int, OrderedDict[H, None]] = {}
        self._most = 0

    def __len__(self) -> int:
        return len(self._weight_of)

    def set(self, holder: H, weight: int) -> None:
        """Note what a holder weighs; 0 forgets it. Constant time for changes by one."""
        before = self._weight_of.pop(holder, 0)
        if before:
            equals = self._at[before]
            del equals[holder]
            if not equals:
                del self._at[before]
        if weight:
            self._weight_of[holder] = weight
            if weight not in self._at:
                self._at[weight] = OrderedDict()
            self._at[weight][holder] = None
            self._most = max(self._most, weight)
        while self._most and self._most not in self._at:
            self._most -= 1

    def heaviest(self) -> H:
        """Who weighs most; KeyError where there is nobody."""
        return next(iter(self._at[self._most]))


class Evicted(NamedTuple, Generic[K, V]):
    """An entry that had to go."""

    key: K
    value: V


class FairTable(Generic[K, H, V]):
    """At most ``limit`` entries, and ``per_holder`` of one holder, each under a key of its own.

    Iteration is in the order in which entries were last put.
    """

    def __init__(self, limit: int, per_holder: int | None = None) -> None:
        self._limit = limit
        self._per_holder = limit if per_holder is None else per_holder
        self._entries: OrderedDict[K, tuple[H, V]] = OrderedDict()
        self._of: dict[H, OrderedDict[K, None]] = {}
        """The keys of each holder, the oldest first."""
        self._weights: Weights[H] = Weights()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)

    def __getitem__(self, key: K) -> V:
        return self._entries[key][1]

    def get(self, key: K) -> V | None:
        """The value, if there is one."""
        entry = self._entries.get(key)
        return None if entry is None else entry[1]

    def values(self) -> Iterator[V]:
        return (value for _, value in self._entries.values())

    def items(self) -> Iterator[tuple[K, V]]:
        return ((key, value) for key, (_, value) in self._entries.items())

    def holder_of(self, key: K) -> H | None:
        """Whose an entry is."""
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def held_by(self, holder: H) -> list[K]:
        """The keys of one holder, the oldest first."""
        return list(self._of.get(holder, ()))

    def put(
        self, key: K, holder: H, value: V, *, old: Callable[[V], bool] | None = None
    ) -> Evicted[K, V] | None:
        """Enter or replace; it is the holder's newest entry then. What had to go for it.

        In a full table whose oldest entry of all is ``old``, that one goes, whoever holds it:
        where entries are worth nothing after a while, those who left must not crowd out the rest.
        """
        before = self._entries.pop(key, None)
        if before is not None and before[0] != holder:
            self._take_from(before[0], key)
        self._entries[key] = (holder, value)
        held = self._of.get(holder)
        if held is None:
            held = self._of[holder] = OrderedDict()
        held[key] = None
        held.move_to_end(key)
        self._weights.set(holder, len(held))
        if len(held) > self._per_holder:
            return self._evict(holder)
        if len(self._entries) <= self._limit:
            return None
        first, (owner, stale) = next(iter(self._entries.items()))
        if old is not None and first != key and old(stale):
            self._entries.pop(first)
            self._take_from(owner, first)
            return Evicted(first, stale)
        return self._evict(self._weights.heaviest())

    def next_to_go(self) -> K | None:
        """The oldest entry of who holds most; None if there is none."""
        return self._oldest_of(self._weights.heaviest()) if self._entries else None

    def touch(self, key: K) -> None:
        """Make an entry the newest of its holder, as if it had been put again."""
        entry = self._entries.get(key)
        if entry is not None:
            self.put(key, *entry)

    def pop(self, key: K) -> V | None:
        """Take an entry out, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return None
        self._take_from(entry[0], key)
        return entry[1]

    def drop(self, unwanted: Callable[[K, V], bool]) -> list[K]:
        """Take out whatever is unwanted, looking at every entry; the keys of that."""
        gone = [key for key, (_, value) in self._entries.items() if unwanted(key, value)]
        for key in gone:
            self.pop(key)
        return gone

    def expire(self, old: Callable[[V], bool]) -> list[K]:
        """Take out what is old, if entries are put anew whenever they become younger; the keys.

        Of each holder no more is looked at than goes, and one.
        """
        gone = [key for held in self._of.values() for key in self._oldest(held, old)]
        for key in gone:
            self.pop(key)
        return gone

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._of.clear()
        self._weights = Weights()

    def _oldest(self, held: Iterable[K], old: Callable[[V], bool]) -> Iterator[K]:
        for key in held:
            if not old(self._entries[key][1]):
                return
            yield key

    def _evict(self, holder: H) -> Evicted[K, V]:
        key = self._oldest_of(holder)
        _, value = self._entries.pop(key)
        self._take_from(holder, key)
        return Evicted(key, value)

    def _oldest_of(self, holder: H) -> K:
        return next(iter(self._of[holder]))

    def _take_from(self, holder: H, key: K) -> None:
        held = self._of[holder]
        del held[key]
        self._weights.set(holder, len(held))
        if not held:
            del self._of[holder]


class FairQueue(Generic[H, V]):
    """What waits, the oldest first: at most ``limit`` things, and ``per_holder`` of one holder."""

    def __init__(self, limit: int, per_holder: int | None = None) -> None:
        self._waiting: FairTable[int, H, V] = FairTable(limit, per_holder)
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[V]:
        return self._waiting.values()

    def append(self, holder: H, value: V) -> V | None:
        """Put it last; what had to go for it."""
        self._count += 1
        evicted = self._waiting.put(self._count, holder, value)
        return None if evicted is None else evicted.value

    def of(self, holder: H) -> list[V]:
        """What waits of one holder."""
        waiting = (self._waiting.get(key) for key in self._waiting.held_by(holder))
        return [value for value in waiting if value is not None]

    def take_first(self, count: int) -> list[V]:
        """Take out so many of those that have waited longest."""
        found = [(key, value) for key, value in islice(self._waiting.items(), count)]
        for key, _ in found:
            self._waiting.pop(key)
        return [value for _, value in found]

    def take(self, wanted: Callable[[V], bool]) -> list[V]:
        """Take out whatever is wanted."""
        if not self._waiting:
            return []
        found = [(key, value) for key, value in self._waiting.items() if wanted(value)]
        for key, _ in found:
            self._waiting.pop(key)
        return [value for _, value in found]
