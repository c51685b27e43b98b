"""The slow work of identities (`vl1.work`), on threads of its own: the loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from earthline.effects import (
    Event,
    HellosOpened,
    IdentityProved,
    OpenHellos,
    ProveIdentity,
)
from earthline.vl1.work import open_hellos, prove
from earthline.wire.identity import SecretIdentity

T = TypeVar("T")


class Proving:
    """Carries out `OpenHellos` and `ProveIdentity`; the engine gives no second of a kind before."""

    def __init__(self, identity: SecretIdentity, report: Callable[[Event], None]) -> None:
        """``report`` takes the answers, on the loop that this is made in."""
        self._identity = identity
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._closed = False
        # An agreement takes 0.05 ms, and must not wait for a slow hash of 10 ms.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="earthline-proving")

    def close(self) -> None:
        """Answer nothing any more. What has begun is waited for, some ms."""
        self._closed = True
        self._threads.shutdown(wait=True, cancel_futures=True)

    def open_hellos(self, command: OpenHellos) -> None:
        """Answer with `HellosOpened`."""
        self._run(lambda: open_hellos(self._identity, command), HellosOpened)

    def prove(self, command: ProveIdentity) -> None:
        """Answer with `IdentityProved`."""
        address, key = command.address, command.public_key
        self._run(
            lambda: prove(command),
            lambda valid, took_us: IdentityProved(address, key, valid, took_us),
        )

    def _run(self, work: Callable[[], T], answer: Callable[[T, int], Event]) -> None:
        def timed() -> Event:
            started = time.thread_time_ns()
            found = work()
            return answer(found, (time.thread_time_ns() - started) // 1000)

        def done(future: Future[Event]) -> None:
            if not future.cancelled():
                self._loop.call_soon_threadsafe(self._answer, future.result())

        if not self._closed:
            self._threads.submit(timed).add_done_callback(done)

    def _answer(self, event: Event) -> None:
        if not self._closed:
            self._report(event)
