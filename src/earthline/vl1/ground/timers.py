"""The engine's timers, each with its period and when it fires (02, 1.4).

Whoever has something to be done later begins the timer for it. The engine ends it when it fires and
nobody has anything left.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum


class Timer(Enum):
    """What is done from time to time."""

    CHECK = "check"
    """Always, at once for new worlds or sockets: keep-alive, upstreams, online state (02, 1.5)."""
    HOUSEKEEPING = "housekeeping"
    """Always: expiry of peers, paths, surface records; saving changed peers (02, 3.3, 6.1, 7.1)."""
    WATCH = "watch"
    """While traffic flows or peers are to be found again: proof of ways, punching."""
    QUEUE = "queue"
    """While packets wait: repeats of WHOIS (02, 1.4)."""
    CONTACT = "contact"
    """While an upstream was not reached yet: HELLO."""
    PROOF = "proof"
    """While identities of strangers wait until work for them may be done again."""


PERIOD_MS = {
    Timer.CHECK: 5_000,
    Timer.HOUSEKEEPING: 30_000,
    Timer.WATCH: 100,
    Timer.QUEUE: 500,
    Timer.CONTACT: 500,
    Timer.PROOF: 1_000,
}
FRUGAL_CHECK_MS = 25_000
"""The check's period in low-bandwidth mode (02, 1.7)."""


class Timers:
    """When each timer is due. CHECK is due at once, so that a new node contacts its upstreams."""

    def __init__(self) -> None:
        self._due: dict[Timer, int] = {Timer.CHECK: 0, Timer.HOUSEKEEPING: 0}
        self._periods = dict(PERIOD_MS)

    def set_frugal(self, frugal: bool) -> None:
        """Check seldom, or as usual, after the check that is due next."""
        self._periods[Timer.CHECK] = FRUGAL_CHECK_MS if frugal else PERIOD_MS[Timer.CHECK]

    def hasten(self, timer: Timer, at: int) -> None:
        """Fire at ``at`` unless it is due earlier."""
        due = self._due.get(timer)
        if due is None or at < due:
            self._due[timer] = at

    def begin(self, timer: Timer, now: int) -> None:
        """Something is to be done: fire in its period from now, unless it is due already."""
        if timer not in self._due:
            self._due[timer] = now + self._periods[timer]

    def restart(self, now: int) -> None:
        """The host slept: all is due in its period from now, the check at once."""
        self._due = {timer: now + self._periods[timer] for timer in self._due}
        self._due[Timer.CHECK] = now

    def stop(self, timer: Timer) -> None:
        self._due.pop(timer, None)

    def take_due(self, now: int) -> Iterator[Timer]:
        """The timers due, in the order of the enum, each set to its next time."""
        for timer in Timer:
            due = self._due.get(timer)
            if due is not None and due <= now:
                self._due[timer] = now + self._periods[timer]
                yield timer

    def next(self) -> int:
        """When the first timer is due."""
        return min(self._due.values())
