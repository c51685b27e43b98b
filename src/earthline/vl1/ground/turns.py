"""Work of many that waits: taken in turns, bounded, and nobody is kept out by whoever filled it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from earthline.bounded import Weights

T = TypeVar("T")

_REGULARS_TURNS = 3
_ROUND = 4
"""Three turns of four go to holders that are preferred, if any wait; the fourth to the others."""


class Turns(Generic[T]):
    """Up to ``limit`` items of holders. ``preferred`` says which holders come more often."""

    def __init__(self, limit: int, preferred: Callable[[int, int], bool]) -> None:
        """``preferred`` takes the holder and the time."""
        self._limit = limit
        self._preferred = preferred
        self._waiting: dict[int, deque[T]] = {}
        """By holder; the one whose turn it is comes first."""
        self._weights: Weights[int] = Weights()
        self._count = 0
        self._turn = 0

    def __len__(self) -> int:
        return self._count

    def put(self, holder: int, item: T) -> T | None:
        """Let an item wait; returned is the one that has to go for it, if any.

        That is the oldest of the holder of most; of equals, of the one that has had so many for
        longest.
        """
        items = self._waiting.setdefault(holder, deque())
        items.append(item)
        self._weights.set(holder, len(items))
        self._count += 1
        return self._pop(self._weights.heaviest()) if self._count > self._limit else None

    def take(self, now: int) -> T | None:
        """The item whose turn it is; its holder goes to the end of the line."""
        if not self._waiting:
            return None
        regulars = self._turn % _ROUND < _REGULARS_TURNS
        self._turn += 1
        matching = (one for one in self._waiting if self._preferred(one, now) is regulars)
        holder = next(matching, next(iter(self._waiting)))
        item = self._pop(holder)
        if holder in self._waiting:
            self._waiting[holder] = self._waiting.pop(holder)
        return item

    def _pop(self, holder: int) -> T:
        items = self._waiting[holder]
        item = items.popleft()
        self._weights.set(holder, len(items))
        if not items:
            del self._waiting[holder]
        self._count -= 1
        return item


class Regulars:
    """The source prefixes from which proved peers greeted us lately: at most 16,384 keys."""

    LASTS_MS = 600_000
    """Two full HELLOs of a peer are at most a few minutes apart."""

    def __init__(self) -> None:
        self._seen_at: dict[int, int] = {}

    def note(self, prefix: int, now: int) -> None:
        """A proved peer greeted us from there."""
        self._seen_at[prefix] = now

    def known(self, prefix: int, now: int) -> bool:
        """Whether one did lately."""
        at = self._seen_at.get(prefix)
        return at is not None and now - at < self.LASTS_MS
