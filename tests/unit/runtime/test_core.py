"""The pump between node, switch and driver: when it wakes."""

from __future__ import annotations

import asyncio
import os

import pytest

from earthline.effects import Activity
from earthline.runtime import core as module
from earthline.runtime.core import ACTIVITY_MS, Core

NOW = 1_700_000_000_000
HOUR_MS = 3_600_000


class QuietNode:
    """A node that wants to be woken in an hour, and notes what it is told."""

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


class QuietHost:
    """A switch in which nothing moves."""

    def activity(self):
        return Activity((), (), ())

    def events(self, _punts):
        return ()


class Clock:
    """The wall clock, to be set."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "now_ms", clock)
    return clock


class Driver:
    """A driver that punts nothing."""

    def __init__(self, pipe):
        self._pipe = pipe

    def punt_fd(self):
        return self._pipe

    def take_punts(self, _count):
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
    core = Core(QuietNode(), QuietHost(), driver, {})
    core.start()
    core._wake()
    return core


async def test_switch_is_asked_twice_a_second_what_moved(clock, driver):
    core = await woken(driver)
    assert core.node.heard == [(Activity, NOW)]
    assert 0 < delay_ms(core) <= ACTIVITY_MS
    clock.now += 100
    core._wake()
    assert len(core.node.heard) == 1
    clock.now += ACTIVITY_MS
    core._wake()
    assert len(core.node.heard) == 2
    core.stop()


@pytest.mark.parametrize("back_ms", [10_000, HOUR_MS])
async def test_clock_that_was_set_back_does_not_put_the_node_to_sleep(clock, driver, back_ms):
    core = await woken(driver)
    clock.now -= back_ms
    core._punted()
    assert 0 < delay_ms(core) <= ACTIVITY_MS
    core._wake()
    assert core.node.heard[-1] == (Activity, NOW - back_ms)
    assert 0 < delay_ms(core) <= ACTIVITY_MS
    core.stop()
