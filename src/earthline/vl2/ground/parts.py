"""Work that is done a part at a time: one packet may ask for more than the loop has time for."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from earthline.bounded import FairQueue

H = TypeVar("H", bound=Hashable)
V = TypeVar("V")

PAUSE_MS = 10
"""From one part to the next. None takes longer than 1 ms."""


class Parts(Generic[H, V]):
    """What is still to be done, and when to go on: at most so much, and ``per_holder`` for one.

    Of more, the oldest goes of whoever has most.
    """

    def __init__(self, limit: int, per_holder: int | None = None) -> None:
        self._waiting: FairQueue[H, V] = FairQueue(limit, per_holder)
        self._due_at = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put_off(self, holder: H, work: V, now: int) -> V | None:
        """Let something wait for its turn; what had to go for it."""
        if not len(self._waiting):
            self._due_at = now + PAUSE_MS
        return self._waiting.append(holder, work)

    def take(self, count: int, now: int) -> list[V]:
        """Up to so much of what waits longest, if it is time to go on."""
        if now < self._due_at:
            return []
        self._due_at = now + PAUSE_MS
        return self._waiting.take_first(count)

    def next_timeout(self) -> int | None:
        """When to be woken, if anything waits."""
        return self._due_at if len(self._waiting) else None
