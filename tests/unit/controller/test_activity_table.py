"""Who asked lately: bounded, and never confused by the clock."""

from __future__ import annotations

from controller_lab import secret_identity

from earthline.controller.issue.expiry import ExpiryList
from earthline.controller.members.activity import ONLINE_MS, Activity, Requester

WHO = Requester(secret_identity(1).public, b"")


def test_members_are_forgotten_after_two_minutes() -> None:
    activity = Activity()
    activity.note(1, 10, WHO, 0, 1)
    activity.note(1, 11, WHO, 60_000, 1)
    assert activity.online(1, ONLINE_MS - 1) == [10, 11]
    assert activity.online(1, ONLINE_MS) == [11]
    assert activity.requester(1, 10, ONLINE_MS) is None
    assert len(activity) == 1


def test_table_stays_within_its_bound() -> None:
    activity = Activity(max_entries=100)
    for member in range(1000):
        activity.note(member % 7, member, WHO, member, 1)
    assert len(activity) == 100
    assert sum(len(activity.online(network, 1000)) for network in range(7)) == 100


def test_expiry_list_is_bounded_and_gives_each_once() -> None:
    expiry = ExpiryList()
    expiry.note(1, 2, 50)
    expiry.note(1, 2, 50)
    expiry.note(1, 3, 40)
    assert expiry.next_check() == 40
    assert expiry.expired(50) == [(1, 3), (1, 2)]
    assert expiry.next_check() is None


def test_sign_on_that_was_renewed_expires_once_and_later():
    expiry = ExpiryList()
    for at in range(50, 250):
        expiry.note(1, 2, at)
    assert expiry.expired(248) == []
    assert expiry.expired(249) == [(1, 2)]
    assert len(expiry) == 0
