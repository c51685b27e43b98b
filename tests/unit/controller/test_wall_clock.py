"""A controller whose wall clock is not that of its timers, and is set meanwhile."""

from __future__ import annotations

import pytest
from controller_lab import LAB, MEMBER, NOW, Lab

from earthline.controller.objects.coercion import render
from earthline.controller.store import Store
from earthline.effects import SendConfig, SendCredentials

HOUR = 3_600_000
BOOT = 1 << 40
"""What the clock of the timers shows when the one on the wall shows `NOW`."""


@pytest.fixture
def lab(store: Store) -> Lab:
    made = Lab(store)
    made.now = BOOT
    made.authority.wall.set(NOW - BOOT, BOOT)
    return made


def step(lab: Lab, ms: int) -> None:
    lab.authority.wall.set(lab.authority.wall.offset_ms + ms, lab.now)


def test_what_is_stored_issued_and_shown_is_unix_time(lab: Lab) -> None:
    lab.create(private=False)
    config = lab.config()
    member = lab.authority.describe_member(LAB, MEMBER, lab.now)
    assert member is not None
    assert config.timestamp == NOW + 5_000
    assert member["creationTime"] == member["lastAuthorizedTime"] == NOW + 5_000
    assert member["earthline"]["lastSeen"] == NOW + 5_000
    network = lab.authority.get_network(LAB)
    assert network is not None
    assert network["creationTime"] == NOW


@pytest.mark.parametrize("by_ms", [-HOUR, -NOW, HOUR])
def test_members_are_answered_and_pushed_to_whatever_the_clock_is_set_to(
    lab: Lab, by_ms: int
) -> None:
    lab.create(private=False)
    issued = lab.config().timestamp
    step(lab, by_ms)
    assert lab.config().timestamp > issued
    assert lab.authority.describe_member(LAB, MEMBER, lab.now)["earthline"]["online"]  # type: ignore[index]
    assert any(isinstance(it, SendConfig) for it in lab.post_member(name="x", activeBridge=True))


@pytest.mark.parametrize("by_ms", [-HOUR, HOUR])
def test_member_that_asks_too_soon_does_not_get_around_it_by_our_clock(
    lab: Lab, by_ms: int
) -> None:
    lab.create(private=False)
    lab.config()
    step(lab, by_ms)
    lab.now += 500
    assert lab.ask() == []


def test_revocation_is_sent_once_more_on_time_though_the_clock_was_set_back(lab: Lab) -> None:
    lab.create(private=True)
    lab.ask()
    lab.post_member(authorized=True)
    lab.config()
    lab.post_member(authorized=False)
    step(lab, -HOUR)
    due_at = lab.authority.next_timeout()
    assert due_at is not None
    assert lab.now < due_at <= lab.now + 1_100
    assert any(isinstance(it, SendCredentials) for it in lab.authority.handle_timeout(due_at))


@pytest.mark.parametrize("by_ms", [-HOUR, HOUR])
def test_sign_on_expires_when_its_date_is_there_by_the_clock_as_it_was_set(
    lab: Lab, by_ms: int
) -> None:
    lab.create()
    stored = lab.authority.get_network(LAB)
    assert stored is not None
    lab.store.write_network(LAB, render({**stored, "ssoEnabled": True}))
    lab.ask()
    lab.post_member(authorized=True, authenticationExpiryTime=NOW + 2 * HOUR)
    assert lab.config().sign_on.authentication_expires_at == NOW + 2 * HOUR
    assert lab.authority.next_timeout() == BOOT + 2 * HOUR
    step(lab, by_ms)
    due_at = BOOT + 2 * HOUR - by_ms
    assert lab.authority.next_timeout() == due_at
    assert lab.authority.handle_timeout(due_at - 1) == []
    assert any(isinstance(it, SendCredentials) for it in lab.authority.handle_timeout(due_at))
