"""What happens in a service, told to whoever listens, and kept for who comes back.

    node, controller, doctor ──▶ publish ─┬─▶ the newest of each kind ──▶ who comes (back)
                                          └─▶ queues of the listeners

All of it is on the loop's thread. Nothing here waits: a listener that does not keep up is ended,
and finds what it missed among what is kept when it comes back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from earthline.runtime.base.clock import wall_ms

KEPT: Final = 64
"""Events of each kind: strangers can cause some kinds, which push out no other."""
MAX_LISTENERS: Final = 32
"""Far below the connections that the API has."""
MAX_WAITING: Final = 2048
"""Events that one listener may have before it: more than are kept of all kinds together."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    number: int
    """Counts from 1 in a run of the service."""
    at: int
    """Milliseconds since the epoch."""
    kind: str
    """One of `event_kinds.KINDS`."""
    fields: Mapping[str, Any]

    def as_object(self) -> dict[str, Any]:
        """As the API shows it."""
        return {**self.fields, "at": self.at, "event": self.kind}


@dataclass(slots=True, eq=False)
class Listener:
    """Somebody who is told of events."""

    waiting: deque[Event]
    missed: bool
    """Whether events that it asks for are not kept any more."""
    ended: str = ""
    """Why it is told of nothing more, once it is not."""
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, event: Event) -> None:
        """Have one more event wait, unless there are too many."""
        if self.ended:
            return
        if len(self.waiting) >= MAX_WAITING:
            self.waiting.clear()
            self.end("events were not read fast enough")
            return
        self.waiting.append(event)
        self._woken.set()

    def end(self, why: str) -> None:
        """Nothing comes after what waits already."""
        self.ended = self.ended or why
        self._woken.set()

    async def take(self, patience_s: float) -> list[Event]:
        """What waits, as soon as something does; nothing after a time, or at the end."""
        if not self.waiting and not self.ended:
            self._woken.clear()
            try:
                async with asyncio.timeout(patience_s):
                    await self._woken.wait()
            except TimeoutError:
                return []
        taken = list(self.waiting)
        self.waiting.clear()
        return taken


class Events:
    """The bus of one run of the service, which ``run`` tells from others."""

    def __init__(self, run: int) -> None:
        self._run = run
        self._number = 0
        self._kept: dict[str, deque[Event]] = {}
        self._forgotten = 0
        """The newest event that is not kept any more."""
        self._listeners: dict[Listener, None] = {}

    @property
    def listeners(self) -> int:
        """How many there are."""
        return len(self._listeners)

    def publish(self, kind: str, **fields: Any) -> None:
        """Tell everybody of an event of one of `event_kinds.KINDS`."""
        self._number += 1
        event = Event(self._number, wall_ms(), kind, fields)
        kept = self._kept.setdefault(kind, deque())
        kept.append(event)
        if len(kept) > KEPT:
            self._forgotten = max(self._forgotten, kept.popleft().number)
        for listener in self._listeners:
            listener.put(event)

    def name(self, event: Event) -> str:
        """The ID of an event, for `listen`."""
        return f"{self._run:x}-{event.number}"

    def listen(self, last: str | None) -> Listener:
        """Be told of all events after the one of an ID; None: of those that are to come.

        An ID of another run, or none of ours, stands before all. `leave` ends it. Where there are
        too many listeners, the oldest is ended.
        """
        after = self._number if last is None else self._number_of(last)
        waiting = [event for kept in self._kept.values() for event in kept if event.number > after]
        waiting.sort(key=lambda event: event.number)
        listener = Listener(deque(waiting), missed=bool(last) and after < self._forgotten)
        self._listeners[listener] = None
        if len(self._listeners) > MAX_LISTENERS:
            oldest = next(iter(self._listeners))
            self.leave(oldest)
            oldest.end("too many listeners came after this one")
        return listener

    def leave(self, listener: Listener) -> None:
        """Have it told of nothing more. Idempotent."""
        self._listeners.pop(listener, None)

    def end_all(self, why: str) -> None:
        """End every listener, once it has what waits for it."""
        for listener in self._listeners:
            listener.end(why)
        self._listeners.clear()

    def _number_of(self, last: str) -> int:
        run, _, number = last.partition("-")
        known = run == f"{self._run:x}" and number.isascii() and number.isdigit()
        # A number that is longer than any of ours is none of ours, and costs no arithmetic.
        return min(int(number), self._number) if known and len(number) < 20 else 0
