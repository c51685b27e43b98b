"""The slow work of identities (`vl1.ground.work`), on threads of its own: the loop goes on
meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import structlog

from earthline.effects import (
    Event,
    HellosOpened,
    IdentityProved,
    OpenHellos,
    ProveIdentity,
)
from earthline.runtime.base.clock import now_ms
from earthline.runtime.base.logs import Sparing
from earthline.vl1.ground.work import open_hellos, prove
from earthline.wire.identity import SecretIdentity

log = structlog.get_logger()

T = TypeVar("T")


class Proving:
    """Carries out `OpenHellos` and `ProveIdentity`, each kind in the order it comes.

    The engine waits for each answer before it asks again, so there always is one, and it is no
    where the work itself fails: an engine that waits for ever would let nobody new in any more.
    """

    def __init__(self, identity: SecretIdentity, report: Callable[[Event], None]) -> None:
        """``report`` takes the answers, on the loop that this is made in."""
        self._identity = identity
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._sparing = Sparing()
        # An agreement takes 0.05 ms, and must not wait for a slow hash of 10 ms.
        self._agreeing = ThreadPoolExecutor(1, thread_name_prefix="earthline-agreeing")
        self._hashing = ThreadPoolExecutor(1, thread_name_prefix="earthline-hashing")

    def close(self) -> None:
        """Answer nothing any more. What has begun is waited for, some ms. Idempotent."""
        self._closed = True
        for threads in (self._agreeing, self._hashing):
            threads.shutdown(wait=True, cancel_futures=True)

    def open_hellos(self, command: OpenHellos) -> None:
        """Answer with `HellosOpened`."""
        none: tuple[bytes | None, ...] = (None,) * len(command.hellos)
        self._run(self._agreeing, lambda: open_hellos(self._identity, command), none, HellosOpened)

    def prove(self, command: ProveIdentity) -> None:
        """Answer with `IdentityProved`."""
        address, key = command.address, command.public_key
        self._run(
            self._hashing,
            lambda: prove(command),
            False,
            lambda valid, took_us: IdentityProved(address, key, valid, took_us),
        )

    def _run(
        self,
        threads: ThreadPoolExecutor,
        work: Callable[[], T],
        otherwise: T,
        answer: Callable[[T, int], Event],
    ) -> None:
        def timed() -> tuple[Event, BaseException | None]:
            started, fault, found = time.thread_time_ns(), None, otherwise
            try:
                found = work()
            except BaseException as error:  # noqa: BLE001 - a panic of Rust is no Exception
                fault = error
            return answer(found, (time.thread_time_ns() - started) // 1000), fault

        def done(future: Future[tuple[Event, BaseException | None]]) -> None:
            if not future.cancelled():
                self._loop.call_soon_threadsafe(self._answer, *future.result())

        if not self._closed:
            threads.submit(timed).add_done_callback(done)

    def _answer(self, event: Event, fault: BaseException | None) -> None:
        if self._closed:
            return
        if fault is not None:
            fields = self._sparing.line("identity_work_failed", {}, now_ms())
            if fields is not None:
                log.error("identity_work_failed", exc_info=fault, **fields)
        self._report(event)
