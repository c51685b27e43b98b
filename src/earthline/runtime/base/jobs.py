"""What a service does beside its node, as long as it runs: tasks that never end by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog

log = structlog.get_logger()


class Jobs:
    """Tasks by name. ``broken`` is called when one of them has ended."""

    def __init__(self, broken: Callable[[], None]) -> None:
        self._broken = broken
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, jobs: Mapping[str, Coroutine[Any, Any, None]]) -> None:
        """Begin all of them."""
        self._tasks = [asyncio.create_task(job, name=name) for name, job in jobs.items()]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """None of them ever ends by itself: what is left is no service, so let it be restarted."""
        if not task.cancelled():
            log.error("task_ended", task=task.get_name(), exc_info=task.exception())
            self._broken()

    async def cancel(self) -> None:
        """End all of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
