"""Virtual time: a queue of callbacks, run in the order of their moment and then of their making."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

EPOCH_MS = 1_700_000_000_000
"""Where virtual time starts: a plausible Unix time, in ms."""


@dataclass(eq=False, slots=True)
class Timer:
    """A pending callback; `cancel` makes it a no-op."""

    callback: Callable[[], None] | None

    def cancel(self) -> None:
        """Forget the callback."""
        self.callback = None


class Clock:
    """The only source of time in a simulation."""

    def __init__(self, start: int = EPOCH_MS) -> None:
        self.now = start
        self._queue: list[tuple[int, int, Timer]] = []
        """(moment, number, timer): tuples of integers are what a heap compares fastest."""
        self._sequence = 0

    def at(self, when: int, callback: Callable[[], None]) -> Timer:
        """Run ``callback`` at ``when``, or at once if that is past."""
        self._sequence += 1
        timer = Timer(callback)
        heapq.heappush(self._queue, (max(when, self.now), self._sequence, timer))
        return timer

    def after(self, delay_ms: int, callback: Callable[[], None]) -> Timer:
        """Run ``callback`` in ``delay_ms``."""
        return self.at(self.now + delay_ms, callback)

    def run_until(self, when: int, stop: Callable[[], bool] | None = None) -> bool:
        """Run all that is due up to ``when``; end early, and say True, once ``stop()`` holds."""
        while self._queue and self._queue[0][0] <= when:
            at, _, timer = heapq.heappop(self._queue)
            if timer.callback is None:
                continue
            self.now = at
            timer.callback()
            if stop is not None and stop():
                return True
        self.now = when
        return stop is not None and stop()
