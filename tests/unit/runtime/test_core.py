"""The pump between node, switch and driver: when it wakes."""

from __future__ import annotations

import asyncio
import os

import pytest

from earthline.effects import Activity, RemoveSession, WallClock
from earthline.runtime.base.clock import STEP_MS
from earthline.runtime.node import core as module
from earthline.runtime.node.core import ACTIVITY_MS, COMMANDS_AT_ONCE, Core

NOW = 1_700_000_000_000
HOUR_MS = 3_600_000


class QuietNode:
    """A node that wants to be woken in an hour, and notes what it is told."""

    newcomers_room = 128

    def __init__(self):
        self.heard = []

    def receive(self, event, now):
        self.heard.append((type(event), now))

    def handle_timeout(self, now):
        raise AssertionError("nothing is due")

    def next_timeout(self):
        return NOW + HOUR_MS

    def poll(self):
        return []


class QuietSwitch:
    """A switch in which nothing moves; of commands it takes all that are good, or none."""

    def __init__(self):
        self.batches = []

    def take_activity(self):
        return Activity((), (), ())

    def apply(self, commands, _now):
        if any(command.address == 0 for command in commands):
            raise ValueError("no node has the address 0")
        self.batches.append(list(commands))


class Clock:
    """The clock, and by how much the one on the wall is ahead of it."""

    def __init__(self):
        self.now = NOW
        self.wall_offset_ms = HOUR_MS

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "now_ms", clock)
    monkeypatch.setattr(module, "wall_offset_ms", lambda: clock.wall_offset_ms)
    return clock


class Driver:
    """A driver that punts nothing."""

    def __init__(self, pipe):
        self._pipe = pipe

    def punt_fd(self):
        return self._pipe

    def take_punts(self, _count, _newcomers):
        return ()


@pytest.fixture
def driver():
    reader, writer = os.pipe()
    yield Driver(reader)
    os.close(reader)
    os.close(writer)


def delay_ms(core):
    """How long from now the core sleeps."""
    return round((core._timer.when() - asyncio.get_running_loop().time()) * 1000)


async def woken(driver):
    """A core that has reported to its node once."""
    core = Core(QuietNode(), QuietSwitch(), driver, {})
    core.start()
    core._wake()
    return core


async def test_switch_is_asked_twice_a_second_what_moved(clock, driver):
    core = await woken(driver)
    assert core.node.heard == [(WallClock, NOW), (Activity, NOW)]
    assert 0 < delay_ms(core) <= ACTIVITY_MS
    clock.now += 100
    core._wake()
    assert len(core.node.heard) == 2
    clock.now += ACTIVITY_MS
    core._wake()
    assert core.node.heard[2:] == [(Activity, clock.now)]
    core.stop()


@pytest.mark.parametrize("step_ms", [-HOUR_MS, -1_000, 1_000, HOUR_MS])
async def test_node_is_told_within_half_a_second_that_the_wall_clock_was_set(
    clock, driver, step_ms
):
    core = await woken(driver)
    clock.wall_offset_ms += step_ms
    clock.now += ACTIVITY_MS
    core._wake()
    assert core.node.heard[2:] == [(WallClock, clock.now), (Activity, clock.now)]
    assert 0 < delay_ms(core) <= ACTIVITY_MS
    core.stop()


async def test_reading_two_clocks_one_after_the_other_is_no_step(clock, driver):
    core = await woken(driver)
    clock.wall_offset_ms += STEP_MS - 1
    clock.now += ACTIVITY_MS
    core._wake()
    assert core.node.heard[2:] == [(Activity, clock.now)]
    core.stop()


class BusyNode(QuietNode):
    """A node that has something due, and notes when it is called."""

    def __init__(self, due):
        super().__init__()
        self.due = due
        self.woken = 0

    def next_timeout(self):
        return self.due

    def handle_timeout(self, now):
        self.woken += 1
        self.due = now + HOUR_MS


class EndlessDriver(Driver):
    """A driver that always has one more round of punts."""

    def __init__(self, pipe):
        super().__init__(pipe)
        self.rounds = 0

    def take_punts(self, _count, _newcomers):
        self.rounds += 1
        return [f"punt of round {self.rounds}"] * 36


@pytest.fixture
def endless():
    reader, writer = os.pipe()
    os.write(writer, b"punts wait")
    yield EndlessDriver(reader)
    os.close(reader)
    os.close(writer)


async def turns(count):
    """Let everything else that is ready on the loop have so many turns."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_endless_punts_keep_neither_timers_nor_other_tasks_waiting(clock, endless):
    node = BusyNode(due=NOW + HOUR_MS)
    core = Core(node, QuietSwitch(), endless, {})
    core.start()
    await turns(10)
    assert endless.rounds > 0
    node.due = clock.now
    await turns(1_000)
    assert node.woken == 1
    core.stop()


async def test_backlog_is_worked_off_by_one_turn_at_a_time(clock, endless, monkeypatch):
    core = Core(BusyNode(due=NOW + HOUR_MS), QuietSwitch(), endless, {})
    monkeypatch.setattr(module, "TURN_S", 0)
    core.start()
    core._wake()  # Else it reports to its node some time during the turns that are counted.
    await turns(10)
    before = len(core.node.heard)
    await turns(100)
    assert len(core.node.heard) - before <= 101
    core.stop()


async def test_next_round_is_taken_only_after_the_last_one(clock, endless, monkeypatch):
    core = Core(BusyNode(due=NOW + HOUR_MS), QuietSwitch(), endless, {})
    monkeypatch.setattr(module, "TURN_S", 0)
    core.start()
    await turns(100)
    waiting = len(core._events)
    handled = sum(kind is str for kind, _ in core.node.heard)
    assert waiting < 36
    assert waiting + handled == 36 * endless.rounds
    core.stop()


async def test_command_of_the_host_is_carried_out_at_once_in_a_flood(clock, endless):
    done = []
    core = Core(BusyNode(due=NOW + HOUR_MS), QuietSwitch(), endless, {str: done.append})
    core.node.send = lambda command, _now: commands.append(command)
    commands = []
    core.node.poll = lambda: [commands.pop() for _ in commands[:]]
    core.start()
    await turns(10)
    core.send("join")
    assert done == ["join"]
    core.stop()


class CrowdedDriver(Driver):
    """A driver in which nothing but newcomers waits."""

    def __init__(self, pipe):
        super().__init__(pipe)
        self.rounds = []

    def take_punts(self, _count, newcomers):
        self.rounds.append(newcomers)
        return ["hello"] * min(newcomers, 4)


async def test_newcomers_wait_below_until_the_node_has_room_for_them(clock, driver):
    crowded = CrowdedDriver(driver.punt_fd())
    node = BusyNode(due=NOW + HOUR_MS)
    node.newcomers_room = 0
    core = Core(node, QuietSwitch(), crowded, {})
    core.start()
    core._punted()
    await turns(100)
    assert crowded.rounds == [0], "nothing is taken, nor asked for again and again"
    node.newcomers_room = 2
    core.receive("the threads have done some")
    await turns(1)
    assert crowded.rounds[1] == 2
    assert [kind for kind, _ in node.heard].count(str) >= 3
    core.stop()


def commanded(core, *commands):
    """Have the node say all of this at once."""
    said = [list(commands)]
    core.node.poll = lambda: said.pop() if said else []
    core.receive("whatever")


async def test_commands_for_the_switch_cross_in_batches_and_in_order(clock, driver):
    switch, done = QuietSwitch(), []
    core = Core(QuietNode(), switch, driver, {str: lambda _: done.append(len(switch.batches))})
    many = [RemoveSession(number) for number in range(1, 2 * COMMANDS_AT_ONCE)]
    commanded(core, *many, "host", RemoveSession(1))
    await turns(1_000)
    assert [len(batch) for batch in switch.batches] == [COMMANDS_AT_ONCE, COMMANDS_AT_ONCE - 1, 1]
    assert [command for batch in switch.batches for command in batch] == [*many, RemoveSession(1)]
    assert done == [2]
    core.stop()


async def test_command_that_cannot_be_harms_no_other_of_its_batch(clock, driver):
    switch = QuietSwitch()
    core = Core(QuietNode(), switch, driver, {})
    commanded(core, RemoveSession(1), RemoveSession(0), RemoveSession(2))
    await turns(1_000)
    assert switch.batches == [[RemoveSession(1)], [RemoveSession(2)]]
    assert core.counters["faults"] == 1
    core.stop()
