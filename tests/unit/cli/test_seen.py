"""What the list of members says of one, by what its controller and its peers tell."""

from __future__ import annotations

import time

import pytest

from earthline.cli.control.seen import ago, seen

OWN, OTHER = "0a1b2c3d4e", "1122334455"


def member(**more: object) -> dict[str, object]:
    return {"address": OTHER, "vMajor": -1, "vMinor": -1, "vRev": -1} | more


def peer(state: str, heard_at: int) -> dict[str, object]:
    paths = [{"lastReceive": heard_at, "preferred": True, "address": "192.0.2.1/9993"}]
    version = {"versionMajor": 1, "version": "1.14.1"}
    return {"address": OTHER, "paths": paths, "earthline": {"state": state}} | version


def test_member_that_is_a_peer_is_as_that_is_reached():
    now = time.time_ns() // 1_000_000
    assert seen(member(), peer("relayed", now - 90_000), OWN) == ("relayed", "1 min ago", "1.14.1")


def test_member_that_nobody_knows_is_no_more_than_that():
    assert seen(member(), None, OWN) == ("-", "-", "-")


@pytest.mark.parametrize("place", ["beside", "below"])
def test_controller_that_says_more_is_believed(place):
    told = {"online": False, "lastSeen": time.time_ns() // 1_000_000 - 3 * 3_600_000}
    version = {"vMajor": 1, "vMinor": 12, "vRev": 2}
    asked = member(**version, **(told if place == "beside" else {"earthline": told}))
    assert seen(asked, None, OWN) == ("offline", "3 h ago", "1.12.2")
    assert seen(asked, peer("direct", 0), OWN)[0] == "offline"


def test_own_membership_is_there():
    assert seen(member(address=OWN), None, OWN)[:2] == ("this node", "now")


@pytest.mark.parametrize(
    ("span", "said"),
    [(-5, "0 s ago"), (59_999, "59 s ago"), (7_300_000, "2 h ago"), (1e8, "1 d ago")],
)
def test_spans_are_in_the_unit_that_they_fill(span, said):
    assert ago(int(span)) == said
