"""Work that is repeated: at an interval, and at once when something says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger()

DEBOUNCE_S = 0.03
"""News come in bursts: one pass for all of a burst."""
RETRY_S = 1.0
"""A failed pass is tried again so soon."""


class Watch:
    """Runs ``action`` every ``interval_s`` seconds, and soon after each `wake`."""

    def __init__(self, name: str, interval_s: float, action: Callable[[], Awaitable[None]]) -> None:
        self._name = name
        self._interval_s = interval_s
        self._action = action
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Do not wait for the interval."""
        self._woken.set()

    async def run(self) -> None:
        """For ever. A failed pass is logged, and tried again."""
        while True:
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._woken.wait()
                await asyncio.sleep(DEBOUNCE_S)
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                await self._action()
            except Exception:
                log.exception("watch_failed", watch=self._name)
                await asyncio.sleep(RETRY_S)
                self._woken.set()
