"""The time of issue: it never goes back, and never stands still."""

from __future__ import annotations

import pytest
from controller_lab import LAB, NOW, Lab, in_a_group_that_fails

from earthline.controller.issue_clock import IssueClock
from earthline.controller.store import IssueMark, Store
from earthline.controller.terms import MAX_WINDOW_MS
from earthline.wall import Wall

MINUTE = 60_000
FIVE_YEARS = 5 * 365 * 86_400_000
OTHER = LAB + 1
_ALL = 0


@pytest.fixture
def clock(store: Store) -> IssueClock:
    return IssueClock(store, Wall())


def test_it_is_the_hosts_clock_as_long_as_that_goes_on(clock: IssueClock) -> None:
    assert [clock.stamp(LAB, NOW + ms) for ms in (0, 1, FIVE_YEARS)] == [
        NOW,
        NOW + 1,
        NOW + FIVE_YEARS,
    ]


@pytest.mark.parametrize("back_ms", [2 * MINUTE, 3_600_000, FIVE_YEARS])
@pytest.mark.parametrize("restarted", [False, True])
def test_it_goes_on_at_its_pace_when_the_host_is_set_back(
    store: Store, back_ms: int, restarted: bool
) -> None:
    clock = IssueClock(store, Wall())
    before = clock.stamp(LAB, NOW)
    if restarted:
        clock = IssueClock(store, Wall())
    at = clock.stamp(LAB, NOW - back_ms)
    assert before < at <= before + MINUTE
    for minutes in (1, 30, 45):
        assert clock.stamp(LAB, NOW - back_ms + minutes * MINUTE) == at + minutes * MINUTE


def test_restarts_after_the_host_was_set_back_do_not_add_up(store: Store) -> None:
    first = IssueClock(store, Wall())
    first.stamp(LAB, NOW)
    at = first.stamp(LAB, NOW - FIVE_YEARS)
    for seconds in range(1, 50):
        now = NOW - FIVE_YEARS + seconds * 1_000
        assert IssueClock(store, Wall()).stamp(LAB, now) == at + seconds * 1_000


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
    assert store.issue_mark(_ALL).ahead > FIVE_YEARS
