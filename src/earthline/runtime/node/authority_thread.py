"""The controller's authority on a thread of its own: the loop never waits for a database.

    requests ─▶ in turn by source prefix ─┐                    ┌─▶ the node's commands
    calls of the API ─▶ as they come ─────┼─▶ group ─▶ commit ─┤
    timers of the authority ──────────────┘                    └─▶ results of the calls

What waits when the thread has time makes a group: one transaction, one sync to disk. Nobody hears
of a result before, so what anybody was told survives whatever happens.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar

import structlog

from earthline.controller.authority import Authority
from earthline.controller.issue.request import Command
from earthline.controller.members.newcomers import source_prefix
from earthline.controller.store import StoreFault
from earthline.controller.store.changes import Change, Changed, ignored
from earthline.effects import RequestConfig
from earthline.runtime.base.clock import now_ms, wall_offset_ms
from earthline.runtime.base.logs import Sparing
from earthline.vl1.ground.turns import Turns

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")

MAX_REQUESTS = 1024
"""Waiting: some 0.3 s of work. Of more, the oldest of the prefix that has most goes."""
AT_ONCE = 32
"""Requests of a group: so many are answered together."""
LOOK_AGAIN_S = 1.0
"""While a timer runs: the wall clock may have been set, which sign-ons expire by."""

_Tell: TypeAlias = Callable[[], None]
"""To be called on the loop when the group is durable."""


class _Job(Protocol):
    """Something to do in a group."""

    def do(self) -> _Tell: ...
    def fail(self, fault: StoreFault) -> _Tell:
        """It was undone."""


@dataclass(frozen=True, slots=True)
class _Call:
    work: Callable[[], Any]
    future: asyncio.Future[Any]

    def do(self) -> _Tell:
        try:
            result = self.work()
        except Exception as error:  # noqa: BLE001 - the caller's to handle
            return self._raise(error)
        return lambda: None if self.future.done() else self.future.set_result(result)

    def fail(self, fault: StoreFault) -> _Tell:
        return self._raise(fault)

    def _raise(self, error: Exception) -> _Tell:
        return lambda: None if self.future.done() else self.future.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Answer:
    request: RequestConfig
    authority: Authority
    carry_out: Callable[..., None]

    def do(self) -> _Tell:
        return partial(self.carry_out, *self.authority.handle_request(self.request, now_ms()))

    def fail(self, _fault: StoreFault) -> _Tell:
        return partial(self.carry_out, *self.authority.fail_request(self.request))


@dataclass(frozen=True, slots=True)
class _Timers:
    authority: Authority
    carry_out: Callable[..., None]

    def do(self) -> _Tell:
        return partial(self.carry_out, *self.authority.handle_timeout(now_ms()))

    def fail(self, _fault: StoreFault) -> _Tell:
        return self.carry_out


class AuthorityThread:
    """Whatever is asked of an authority in a running service."""

    def __init__(
        self,
        authority: Authority,
        carry_out: Callable[..., None],
        changed: Changed = ignored,
    ) -> None:
        """``carry_out`` takes commands for the node, on the loop that this is made in.

        ``changed`` is told there of each change of the records, once it is durable.
        """
        self._authority = authority
        self._send = carry_out
        self._changed = changed
        self._changes: list[Change] = []
        """Of the group that is being done: the thread's own."""
        authority.tell(self._changes.append)
        self._loop = asyncio.get_running_loop()
        self._counted: Counter[str] = Counter()
        self._sparing = Sparing()
        self._news = threading.Condition()
        # Guarded by it:
        self._requests: Turns[RequestConfig] = Turns(MAX_REQUESTS, lambda _holder, _now: False)
        self._calls: deque[_Call] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="earthline-controller")
        self._thread.start()

    def close(self) -> None:
        """Finish the group that has begun; whatever else waits is not done."""
        with self._news:
            self._closed = True
            self._news.notify()
        self._thread.join()
        for call in self._calls:
            call.fail(StoreFault("the service ends"))()

    @property
    def counters(self) -> Counter[str]:
        """What became of requests, and what was saved, by name."""
        return Counter(self._authority.counters) + Counter(self._counted)

    @property
    def waiting(self) -> int:
        """Requests that nobody has looked at yet."""
        return len(self._requests)

    def ask(self, request: RequestConfig) -> None:
        """Have a member's request answered, some time."""
        with self._news:
            gone = self._requests.put(source_prefix(request.path), request)
            self._news.notify()
        if gone is not None:
            self._counted["dropped_out_of_line"] += 1

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of one of the authority's methods, once what it changed is durable.

        Raises what it raises, and `StoreFault` if it was undone.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        with self._news:
            if self._closed:
                raise StoreFault("the service ends")
            self._calls.append(_Call(lambda: call(*args, **kwargs), future))
            self._news.notify()
        return await future

    # --- on the thread ----------------------------------------------------------------------------

    def _work(self) -> None:
        while (group := self._next_group()) is not None:
            self._loop.call_soon_threadsafe(self._tell, self._done(group))

    def _next_group(self) -> list[_Job] | None:
        """What there is to do, once there is something; None at the end."""
        with self._news:
            self._news.wait_for(self._has_work, timeout=self._patience_s())
            if self._closed:
                return None
            jobs: list[_Job] = [*self._calls]
            self._calls.clear()
            now = now_ms()
            while len(jobs) < AT_ONCE and (request := self._requests.take(now)) is not None:
                jobs.append(_Answer(request, self._authority, self._carry_out))
        if self._authority.next_timeout() is not None:
            jobs.append(_Timers(self._authority, self._carry_out))
        return jobs

    def _has_work(self) -> bool:
        return self._closed or bool(self._calls) or bool(self._requests)

    def _patience_s(self) -> float | None:
        due_at = self._authority.next_timeout()
        if due_at is None:
            return None
        return min(max(due_at - now_ms(), 0) / 1000, LOOK_AGAIN_S)

    def _done(self, jobs: list[_Job]) -> list[_Tell]:
        self._authority.wall.set(wall_offset_ms(), now_ms())
        self._changes.clear()
        try:
            with self._authority.group():
                tells = [self._do(job) for job in jobs]
        except StoreFault as fault:
            return [job.fail(fault) for job in jobs]
        except Exception as error:  # noqa: BLE001 - it must not end the controller
            ours = self._fault(error)
            return [job.fail(ours) for job in jobs]
        return [*(partial(self._changed, change) for change in self._changes), *tells]

    def _do(self, job: _Job) -> _Tell:
        """A fault of ours in one request is nothing to the others, who may be its sender's aim."""
        try:
            return job.do()
        except Exception as error:  # noqa: BLE001 - whatever it is
            return job.fail(self._fault(error))

    def _fault(self, error: Exception) -> StoreFault:
        """What whoever asked hears of it; the log has it all."""
        self._counted["faults"] += 1
        fields = self._sparing.line("fault in controller", {"action": "controller"}, now_ms())
        if fields is not None:
            log.error("fault", exc_info=error, **fields)
        return StoreFault("a fault of ours: see the log")

    # --- on the loop ------------------------------------------------------------------------------

    @staticmethod
    def _tell(tells: list[_Tell]) -> None:
        for tell in tells:
            tell()

    def _carry_out(self, *commands: Command) -> None:
        if commands and not self._closed:
            self._send(*commands)
