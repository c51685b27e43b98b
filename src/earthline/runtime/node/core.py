"""The pump between the sans-I/O `Node`, the switch, and the native driver.

    punt_fd ──▶ take_punts ──▶ Node.receive ──▶ Node.poll ──▶ switch tables
    timers  ──▶ Activity, Node.handle_timeout ─┘     └──────▶ Transmit, WriteFrame, the others

Everything here runs on the event loop's thread. Commands are carried out in order; what they make
the switch punt comes back as events before the loop goes on.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from itertools import islice, takewhile
from types import MappingProxyType
from typing import Any

import structlog

from earthline._native import Driver, Output, Switch
from earthline.effects import (
    SWITCH_COMMANDS,
    DatagramTooLarge,
    Transmit,
    WallClock,
    WriteFrame,
)
from earthline.node import Node
from earthline.runtime.base.clock import STEP_MS, now_ms, wall_offset_ms
from earthline.runtime.base.logs import Sparing

log = structlog.get_logger()

PUNTS_AT_ONCE = 64
"""More than a round of the driver's queue, which gives each class its share of it."""
COMMANDS_AT_ONCE = 128
"""The switch takes as many in one batch: less than 0.1 ms, for which a lane may have to wait."""
NOBODY: Mapping[type, Callable[[Any], None]] = MappingProxyType({})
TURN_S = 0.005
"""Events and commands are handled for this long before other tasks of the loop have their turn, and
no more than one round of punts: a request to the API takes some dozens of turns, and is to be
answered under any load."""
LAST_STEPS = 2048
"""Events and commands that are still handled at the end."""
ACTIVITY_MS = 500
"""What moved in the switch is read twice a second: paths count as alive for 19 s."""


class Core:
    """One running node. ``commands`` maps the types of commands that the service carries out.

    ``observers`` see commands of some types, once they are carried out.
    """

    def __init__(
        self,
        node: Node,
        switch: Switch,
        driver: Driver,
        commands: Mapping[type, Callable[[Any], None]],
        observers: Mapping[type, Callable[[Any], None]] = NOBODY,
    ) -> None:
        self.node = node
        self.driver = driver
        self.counters: Counter[str] = Counter()
        self._sparing = Sparing()
        self._switch = switch
        self._carry_out: dict[type, Callable[[Any], None]] = {
            Transmit: self._transmit,
            WriteFrame: self._write_frame,
            **commands,
        }
        self._observers = observers
        self._events: deque[Any] = deque()
        self._commands: deque[Any] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._again: asyncio.Handle | None = None
        self._settling = False
        self._punts_wait = False
        self._newcomers_wait = False
        """Whether the last round left those where they were, if there were any."""
        self._round_taken = False
        """Whether this turn had its round of punts."""
        self._active_at = 0
        self._wall_offset_ms: int | None = None
        self._loop = asyncio.get_running_loop()
        self._look_at_wall()

    def start(self) -> None:
        """Listen to the switch and to the clock."""
        self._loop.add_reader(self.driver.punt_fd(), self._punted)
        self._settle()

    def stop(self) -> None:
        """Listen to nothing any more; what the node still has to say is carried out."""
        self._loop.remove_reader(self.driver.punt_fd())
        self._punts_wait = self._newcomers_wait = False
        for _ in range(LAST_STEPS):
            if not self._step():
                break
        for handle in (self._timer, self._again):
            if handle is not None:
                handle.cancel()

    def receive(self, event: Any) -> None:
        """Hand the node an event, and carry out what follows."""
        self._events.append(event)
        self._settle()

    def send(self, *commands: Any) -> None:
        """Hand the node commands of the host, and carry out what follows at once.

        However long that takes: whoever asked may look at what has become of it.
        """
        now = now_ms()
        for command in commands:
            self._guarded(self.node.send, command, now)
        self._commands.extend(self.node.poll())
        self._settle(at_once=True)

    # --- waking up --------------------------------------------------------------------------------

    def _punted(self) -> None:
        self._punts_wait = True
        if self._again is None:
            # Else we are behind: the next turn takes them.
            self._settle()

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if now_ms() >= min(self._active_at + ACTIVITY_MS, self.node.next_timeout()):
            self._look_at_wall()
            activity = self._switch.take_activity()
            # Nothing in it is later than that.
            self._active_at = now_ms()
            self._guarded(self.node.receive, activity, self._active_at)
        if (now := now_ms()) >= self.node.next_timeout():
            self._guarded(self.node.handle_timeout, now)
        self._settle()

    def _look_at_wall(self) -> None:
        """Tell the node of the wall clock, at the start and when it was set."""
        offset_ms, known = wall_offset_ms(), self._wall_offset_ms
        if known is None or abs(offset_ms - known) >= STEP_MS:
            self._wall_offset_ms = offset_ms
            self._guarded(self.node.receive, WallClock(offset_ms), now_ms())

    def _arm(self) -> None:
        """See to it that we are woken in time; too early does no harm."""
        wake_at = min(self.node.next_timeout(), self._active_at + ACTIVITY_MS)
        # Never longer than that: the loop's clock stands still in suspend, ours does not.
        delay_ms = min(max(1, wake_at - now_ms()), ACTIVITY_MS)
        when = self._loop.time() + delay_ms / 1000
        if self._timer is not None:
            if self._timer.when() <= when:
                # One that is due already would never ring if each turn put it off by another 1 ms.
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._wake)

    # --- carrying out -----------------------------------------------------------------------------

    def _settle(self, *, at_once: bool = False) -> None:
        """Have a turn: handle events and carry out commands until none is left, or it is over.

        ``at_once``: it is not over before the commands there are have been carried out.
        """
        if self._settling:
            return
        self._settling = True
        try:
            until = self._loop.time() + TURN_S
            self._round_taken = False
            while self._step():
                if self._loop.time() >= until and not (at_once and self._commands):
                    self._go_on_later()
                    break
        finally:
            self._settling = False
        self._arm()

    def _go_on_later(self) -> None:
        if self._again is None:
            self._again = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._again = None
        self._settle()

    def _step(self) -> bool:
        """A batch of commands or one, else one event, else one of the next punts; or False."""
        if not self._commands:
            self._commands.extend(self.node.poll())
        if self._commands:
            self._perform_next()
            return True
        if not self._events and not self._round_taken and self._may_take():
            self._take_punts()
        if self._events:
            self._guarded(self.node.receive, self._events.popleft(), now_ms())
            return True
        return False

    def _may_take(self) -> bool:
        """Whether punts wait; those of newcomers only once there is room for them."""
        return self._punts_wait or (self._newcomers_wait and self.node.newcomers_room > 0)

    def _take_punts(self) -> None:
        """A round of what waits: a few of each kind, so that what comes next waits for no more."""
        room = self.node.newcomers_room
        punts = self.driver.take_punts(PUNTS_AT_ONCE, room)
        self._round_taken = True
        self._punts_wait = bool(punts)
        self._newcomers_wait = room == 0
        self.counters["punts_taken"] += len(punts)
        self._events.extend(punts)

    def _perform_next(self) -> None:
        """The next command, with those after it if they are for the switch, too."""
        batch = list(islice(takewhile(_is_for_switch, self._commands), COMMANDS_AT_ONCE))
        if not batch:
            batch.append(self._commands.popleft())
            self._guarded(self._perform, *batch)
        else:
            for _ in batch:
                self._commands.popleft()
            self._guarded(self._write, batch)
        for command in batch:
            if (observe := self._observers.get(type(command))) is not None:
                self._guarded(observe, command)

    def _perform(self, command: Any) -> None:
        self._carry_out[type(command)](command)

    def _write(self, batch: list[Any]) -> None:
        """Hand the switch a batch. It takes all or none: what is wrong with one harms no other."""
        try:
            output = self._switch.apply(batch, now_ms())
        except (OverflowError, TypeError, ValueError):
            if len(batch) == 1:
                raise
            for command in batch:
                self._guarded(self._write, [command])
            return
        if output:
            self._apply(output)

    def _apply(self, output: Output) -> None:
        self.driver.apply(output)
        self._events.extend(output.punts)

    def _transmit(self, command: Transmit) -> None:
        if command.dont_fragment:
            if not self.driver.transmit_whole(*command.path, command.datagram):
                self._events.append(DatagramTooLarge(command.path, len(command.datagram)))
        elif not self.driver.transmit(*command.path, command.datagram, command.ttl):
            self.counters["transmit_refused"] += 1

    def _write_frame(self, command: WriteFrame) -> None:
        if not self.driver.write_frame(command.network, command.frame):
            self.counters["frame_refused"] += 1

    def _guarded(self, action: Callable[..., None], *arguments: Any) -> None:
        """A fault of ours in one event must not take the node down: it is logged and counted."""
        try:
            action(*arguments)
        except Exception:
            self.counters["faults"] += 1
            name = getattr(action, "__name__", str(action))
            fields = self._sparing.line(f"fault in {name}", {"action": name}, now_ms())
            if fields is not None:
                log.exception("fault", **fields)


def _is_for_switch(command: object) -> bool:
    return type(command) in SWITCH_COMMANDS
