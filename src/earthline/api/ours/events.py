"""``/earthline/events``: what happens, as server-sent events.

::

    id: 19f2a-17                                       for `Last-Event-ID`, when one comes back
    event: peer.relayed                                a kind of `runtime.node.event_kinds.KINDS`
    data: {"address":"0a1b2c3d4e","at":1795337000000,"event":"peer.relayed","reason":"trying"}

    : alive                                            a comment, when nothing happened for 15 s

Two events have no ID, since they are of one stream alone: ``stream.missed`` comes first where some
of what was asked for is not kept any more, and ``stream.ended`` last, with ``why``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from earthline.diagnosis.judge import ALL_WELL, report
from earthline.runtime.node.event_kinds import ENDED, MISSED
from earthline.runtime.node.events import Event, Events, Listener
from earthline.runtime.probes.glance import glance
from earthline.runtime.probes.twin import TwinWatch
from earthline.runtime.service import Service

ALIVE_S = 15.0
"""A stream says something this often, so that either end notices when the other is gone."""
GLANCE_S = 10.0
"""A glance takes milliseconds: this is some thousandth of a core, while somebody listens."""
COME_BACK_MS = 2_000
"""When a browser whose stream broke off tries again."""
MEDIA_TYPE = "text/event-stream"


class EventStream(StreamingResponse):
    """The stream of one listener, which is left however the stream ends."""

    media_type = MEDIA_TYPE

    def __init__(self, events: Events, listener: Listener) -> None:
        super().__init__(told(events, listener), headers={"cache-control": "no-store"})
        self._leave = partial(events.leave, listener)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the listener is ended, or gone."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


async def told(events: Events, listener: Listener) -> AsyncIterator[str]:
    """What one listener is sent."""
    yield f"retry: {COME_BACK_MS}\n\n"
    if listener.missed:
        yield _of_stream(MISSED)
    while True:
        taken = await listener.take(ALIVE_S)
        if taken:
            yield "".join(encoded(events, event) for event in taken)
        elif listener.ended:
            yield _of_stream(ENDED, why=listener.ended)
            return
        else:
            yield ": alive\n\n"


def encoded(events: Events, event: Event) -> str:
    """One event of the bus as it is sent."""
    return f"id: {events.name(event)}\n{_lines(event.kind, event.as_object())}"


def _of_stream(kind: str, **fields: str) -> str:
    return _lines(kind, {**fields, "event": kind})


def _lines(kind: str, fields: Mapping[str, Any]) -> str:
    data = json.dumps(fields, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n"


class WorstFinding:
    """Has an event tell when the doctor's first finding is another one."""

    def __init__(self, service: Service, twins: TwinWatch) -> None:
        self._service = service
        self._twins = twins
        self._said: tuple[str, str] = (ALL_WELL, "")
        self._looking: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Somebody listens: look, as long as anybody does."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="worst finding")

    async def _look(self) -> None:
        while self._service.events.listeners:
            try:
                found = report(await glance(self._service, self._twins))
            except OSError:  # the kernel does not say: another time
                pass
            else:
                self._tell(found["cause"], found["line"])
            await asyncio.sleep(GLANCE_S)

    def _tell(self, cause: str, line: str) -> None:
        if (cause, line) != self._said:
            self._said = (cause, line)
            self._service.events.publish("doctor.changed", cause=cause, line=line)


def events_router(service: Service, twins: TwinWatch) -> APIRouter:
    """One route, whose answer goes on until either end has enough."""
    router = APIRouter(prefix="/earthline/events", tags=["events"])
    worst = WorstFinding(service, twins)

    @router.get("", response_class=EventStream, status_code=200)
    async def events(request: Request, last: str | None = None, follow: bool = True) -> Response:
        """What happens from now on, as `text/event-stream`.

        The header `Last-Event-ID`, or `last`, names the event after which to begin, `0` all that
        is kept; with `follow=false` the stream ends with what is kept.
        """
        listener = service.events.listen(request.headers.get("last-event-id", last))
        if request.scope["asked_method"] == "HEAD":
            service.events.leave(listener)
            return Response(media_type=MEDIA_TYPE)
        if follow:
            worst.wake()
        else:
            service.events.leave(listener)
            listener.end("this is all that is kept")
        return EventStream(service.events, listener)

    return router
