"""Members never seen before: how many are put on file, and whose turn it is.

Everybody can make up identities, and each that asks costs a row and a write that is synced to disk.
So they have a budget together. Beyond it they take turns by the source prefix they come from; of
many that wait the oldest of the prefix that has most goes, and asks again by itself.
"""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

from earthline.effects import Path, RequestConfig
from earthline.vl1.ground.gates import drawn, prefix_key
from earthline.vl1.ground.turns import Turns

BURST = 256
"""At once after a rest: an office that is switched on."""
EVERY_MS = 50
"""Twenty a second in the long run: some hundredths of a core."""
MAX_IN_LINE = 256
"""Requests of members never seen that wait; of more the oldest goes of the largest prefix."""

RELAYED = 1 << 14
"""The prefix of all whom roots bring to us: above those that `prefix_key` gives."""

Key: TypeAlias = tuple[int, int]
"""(network, member)"""


def source_prefix(path: Path | None) -> int:
    """Whom a request shares its turns with."""
    return RELAYED if path is None else prefix_key(path[1])


class Newcomers:
    """The line of those who wait for their turn."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self._turns: Turns[Key] = Turns(MAX_IN_LINE, lambda _holder, _now: False)
        self._requests: dict[Key, RequestConfig] = {}
        """What each of them asked last."""
        self._full_at = 0
        """When the whole burst will be there again."""

    def __len__(self) -> int:
        return len(self._requests)

    def is_next(self, request: RequestConfig, now: int) -> bool:
        """Whether it is this one's turn at once; else it waits for it."""
        if not self._requests and self._draw(now):
            return True
        key = (request.network, request.member)
        known = key in self._requests
        self._requests[key] = request
        if not known and (gone := self._turns.put(source_prefix(request.path), key)) is not None:
            del self._requests[gone]
            self._counters["dropped_newcomer"] += 1
        return False

    def take(self, now: int) -> RequestConfig | None:
        """The request of the one whose turn it is, if it is anybody's."""
        if not self._requests or not self._draw(now):
            return None
        key = self._turns.take(now)
        return None if key is None else self._requests.pop(key)

    def ready_at(self) -> int | None:
        """When `take` has one; None while nobody waits."""
        return self._full_at - (BURST - 1) * EVERY_MS if self._requests else None

    def _draw(self, now: int) -> bool:
        full_at = drawn(self._full_at, BURST, EVERY_MS, now)
        if full_at is None:
            return False
        self._full_at = full_at
        return True
