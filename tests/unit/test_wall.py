"""Unix time, made of the boot clock."""

from __future__ import annotations

import pytest

from earthline.wall import Wall

BOOT = 1 << 40
UNIX = 1_700_000_000_000
HOUR = 3_600_000


@pytest.fixture
def wall():
    made = Wall()
    made.set(UNIX - BOOT, BOOT)
    return made


def test_stamp_is_shown_as_unix_time_and_never_stays_never(wall):
    assert wall.at(BOOT + 5) == UNIX + 5
    assert wall.at(0) == 0
    assert wall.moment(UNIX + 5) == BOOT + 5


def test_stamps_of_before_are_shown_by_the_clock_that_was_set_since(wall):
    wall.set(wall.offset_ms + HOUR, BOOT + 1_000)
    assert wall.at(BOOT + 5) == UNIX + HOUR + 5


@pytest.mark.parametrize("step", [-HOUR, -1_000, 1_000, HOUR, 10 * 365 * 24 * HOUR])
def test_what_was_written_before_the_clock_was_set_is_as_old_as_it_is(wall, step):
    written = wall.at(BOOT + 1_000)
    wall.set(wall.offset_ms + step, BOOT + 1_020)
    assert wall.since(written, BOOT + 1_040) == 40
    assert wall.since(wall.at(BOOT + 1_030), BOOT + 1_040) == 10


def test_what_was_never_written_is_as_old_as_it_says(wall):
    assert wall.since(UNIX - HOUR, BOOT) == HOUR
    assert wall.since(UNIX + HOUR, BOOT) == -HOUR
