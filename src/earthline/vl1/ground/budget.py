"""How much work strangers may have us do: a share of one core, with credit saved while idle."""

from __future__ import annotations


class WorkBudget:
    """``share`` percent of one core over time, and ``credit_ms`` of work at once after a rest."""

    def __init__(self, share: int, credit_ms: int) -> None:
        self._gain_us = 10 * share
        """Microseconds of work earned per millisecond."""
        self._limit_us = 1_000 * credit_ms
        self._credit_us = self._limit_us
        self._at: int | None = None

    def ready_at(self, now: int) -> int:
        """When work may begin: now, or once what the last work cost too much was earned."""
        self._earn(now)
        if self._credit_us > 0:
            return now
        return now + 1 - self._credit_us // self._gain_us

    def spend(self, work_us: int, now: int) -> None:
        """Note work done; it may exceed what is left, since nobody knows beforehand."""
        self._earn(now)
        self._credit_us -= work_us

    def _earn(self, now: int) -> None:
        if self._at is not None:
            earned = self._gain_us * (now - self._at)
            self._credit_us = min(self._limit_us, self._credit_us + earned)
        self._at = now
