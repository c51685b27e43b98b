"""The time of issue: it never goes back, and never stands still."""

from __future__ import annotations

import pytest
from controller_lab import LAB, NOW, Lab, in_a_group_that_fails

from earthline.controller.issue.issue_clock import IssueClock
from earthline.controller.objects.terms import MAX_WINDOW_MS
from earthline.controller.store import IssueMark, Store
from earthline.wall import Wall

MINUTE = 60_000
FIVE_YEARS = 5 * 365 * 86_400_000
OTHER = LAB + 1
_ALL = 0


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def clock(store: Store, wall: Wall) -> IssueClock:
    return IssueClock(store, wall)


def set_by(wall: Wall, ms: int) -> None:
    wall.set(wall.offset_ms + ms, NOW)


def test_it_is_the_hosts_clock_as_long_as_that_goes_on(clock: IssueClock) -> None:
    assert [clock.stamp(LAB, NOW + ms) for ms in (0, 1, FIVE_YEARS)] == [
        NOW,
        NOW + 1,
        NOW + FIVE_YEARS,
    ]


@pytest.mark.parametrize("back_ms", [1_000, 2 * MINUTE, 3_600_000, FIVE_YEARS])
def test_it_goes_on_as_it_was_when_the_host_is_set_back(
    clock: IssueClock, wall: Wall, back_ms: int
) -> None:
    clock.stamp(LAB, NOW)
    set_by(wall, -back_ms)
    for minutes in (0, 1, 30, 45):
        assert clock.stamp(LAB, NOW + minutes * MINUTE) == NOW + minutes * MINUTE


@pytest.mark.parametrize("back_ms", [2 * MINUTE, 3_600_000, FIVE_YEARS])
def test_it_goes_on_at_its_pace_when_the_host_was_set_back_before_a_start(
    store: Store, back_ms: int
) -> None:
    before = IssueClock(store, Wall()).stamp(LAB, NOW)
    clock = IssueClock(store, Wall())
    at = clock.stamp(LAB, NOW - back_ms)
    assert before < at <= before + MINUTE
    for minutes in (1, 30, 45):
        assert clock.stamp(LAB, NOW - back_ms + minutes * MINUTE) == at + minutes * MINUTE


@pytest.mark.parametrize("forward_ms", [1_000, 3_600_000, FIVE_YEARS])
def test_it_follows_a_host_that_is_set_forward_by_an_eighth_of_what_passes(
    clock: IssueClock, wall: Wall, forward_ms: int
) -> None:
    clock.stamp(LAB, NOW)
    set_by(wall, forward_ms)
    for minutes in (0, 1, 60, 480, 1_000):
        passed = minutes * MINUTE
        caught_up = min(forward_ms, passed // 8)
        assert clock.stamp(LAB, NOW + passed) == NOW + passed + caught_up


def test_host_that_is_asked_all_the_time_is_followed_as_fast(clock: IssueClock, wall: Wall) -> None:
    clock.stamp(LAB, NOW)
    set_by(wall, 3_600_000)
    issued = [clock.stamp(LAB, NOW + ms) for ms in range(80_000)]
    assert issued[-1] - NOW == 79_999 + 79_999 // 8


def test_host_that_is_set_forward_and_back_again_leaves_no_trace(
    store: Store, clock: IssueClock, wall: Wall
) -> None:
    clock.stamp(LAB, NOW)
    set_by(wall, FIVE_YEARS)
    clock.stamp(LAB, NOW + 1)
    set_by(wall, -FIVE_YEARS)
    assert [clock.stamp(LAB, NOW + ms) for ms in (2, MINUTE)] == [NOW + 2, NOW + MINUTE]
    assert store.issue_mark(_ALL).ahead == 0


def test_clock_that_starts_in_1970_at_each_start_does_not_run_away(store: Store) -> None:
    """As on a board without a battery, whose clock is set once it is online."""
    IssueClock(store, Wall()).stamp(LAB, NOW)
    for boot in range(1, 6):
        booted_at = NOW + boot * 10 * MINUTE
        wall = Wall()
        wall.set(-booted_at, booted_at)
        clock = IssueClock(store, wall)
        clock.stamp(LAB, booted_at)
        wall.set(0, booted_at)
        on_at = booted_at + 9 * MINUTE
        clock.stamp(LAB, booted_at)
        assert on_at - 10 * MINUTE < clock.stamp(LAB, on_at) <= on_at + MINUTE


def test_small_differences_of_two_looks_at_the_wall_are_not_written_down(
    store: Store, clock: IssueClock, wall: Wall
) -> None:
    clock.stamp(LAB, NOW)
    noted = store.issue_mark(_ALL)
    for number in range(1, 100):
        set_by(wall, -1 if number % 2 else 1)
        assert clock.stamp(LAB, NOW + number) == NOW + number
    assert store.issue_mark(_ALL) == noted


def test_restarts_after_the_host_was_set_back_do_not_add_up(store: Store) -> None:
    IssueClock(store, Wall()).stamp(LAB, NOW)
    at = IssueClock(store, Wall()).stamp(LAB, NOW - FIVE_YEARS)
    for seconds in range(1, 50):
        now = NOW - FIVE_YEARS + seconds * 1_000
        assert IssueClock(store, Wall()).stamp(LAB, now) == at + seconds * 1_000


def test_start_finds_the_wall_clock_ahead_again_and_goes_by_it(store: Store) -> None:
    IssueClock(store, Wall()).stamp(LAB, NOW)
    at = IssueClock(store, Wall()).stamp(LAB, NOW - FIVE_YEARS)
    later = at + 2 * MINUTE
    assert IssueClock(store, Wall()).stamp(LAB, later) == later


def test_restarts_of_a_right_clock_leave_it_right(store: Store) -> None:
    for seconds in range(50):
        assert IssueClock(store, Wall()).stamp(LAB, NOW + seconds * 1_000) == NOW + seconds * 1_000


def test_calls_a_little_out_of_order_do_not_drive_it_ahead(clock: IssueClock) -> None:
    clock.stamp(LAB, NOW)
    for _ in range(1_000):
        assert clock.stamp(LAB, NOW - 20) == NOW
    assert clock.stamp(LAB, NOW + 1) == NOW + 1


def test_it_goes_on_from_what_an_earlier_release_left_standing(store: Store) -> None:
    store.note_issue(_ALL, IssueMark(NOW + FIVE_YEARS))
    clock = IssueClock(store, Wall())
    at = clock.stamp(LAB, NOW)
    assert at >= NOW + FIVE_YEARS
    assert clock.stamp(LAB, NOW + 45 * MINUTE) == at + 45 * MINUTE


def test_what_is_issued_after_a_revocation_is_above_it(store: Store) -> None:
    clock = IssueClock(store, Wall())
    threshold = clock.revoke(LAB, NOW)
    assert clock.stamp(LAB, NOW) > threshold
    assert IssueClock(store, Wall()).stamp(LAB, NOW - MINUTE) > threshold


def test_network_that_left_all_behind_goes_on_from_there_alone(store: Store) -> None:
    clock = IssueClock(store, Wall())
    before = clock.stamp(LAB, NOW)
    clock.leave_behind(LAB, NOW)
    assert clock.stamp(LAB, NOW) - before > MAX_WINDOW_MS
    assert clock.stamp(OTHER, NOW) == before
    at = clock.stamp(LAB, NOW)
    assert IssueClock(store, Wall()).stamp(LAB, NOW + MINUTE) == at + MINUTE


def test_what_was_undone_is_made_again(store: Store) -> None:
    lab = Lab(store)
    lab.create(private=False)
    lab.config(1)
    lab.authority.wall.set(-FIVE_YEARS, lab.now)
    issued = []
    with pytest.raises(ZeroDivisionError):
        in_a_group_that_fails(lab.authority, lambda: issued.append(lab.config(1).timestamp))
    assert store.issue_mark(_ALL).ahead == 0
    lab.now += 5_000
    assert lab.config(1).timestamp >= issued[0]
    assert store.issue_mark(_ALL).ahead == FIVE_YEARS
