"""Whoever is told of a bridge hears of it at once: until then it drops what the bridge sends."""

from __future__ import annotations

from collections.abc import Iterable

from controller_lab import LAB, Lab, only_config

from earthline.controller.authority import PUSHES_AT_ONCE
from earthline.controller.issue.request import Command
from earthline.effects import SendConfig

ALICE, BOB, CAROL = 1, 2, 3


def network_of(lab: Lab, members: Iterable[int]) -> None:
    lab.create(private=False)
    for member in members:
        lab.config(member)


def bridges_told(commands: list[Command]) -> dict[int, tuple[int, ...]]:
    """By member that is sent a configuration: the bridges in it."""
    configs = [command for command in commands if isinstance(command, SendConfig)]
    return {config.member: only_config([config]).bridges for config in configs}


def test_all_members_hear_of_a_new_bridge(lab: Lab) -> None:
    network_of(lab, (ALICE, BOB, CAROL))
    commands = lab.post_member(BOB, activeBridge=True)
    assert len(commands) == 3
    told = bridges_told(commands)
    assert told == dict.fromkeys((ALICE, BOB, CAROL), (BOB,))


def test_all_members_hear_that_a_bridge_is_none_any_more(lab: Lab) -> None:
    network_of(lab, (ALICE, BOB))
    lab.post_member(BOB, activeBridge=True)
    assert bridges_told(lab.post_member(BOB, activeBridge=False)) == {ALICE: (), BOB: ()}


def test_all_members_hear_that_a_bridge_was_deleted(lab: Lab) -> None:
    network_of(lab, (ALICE, BOB))
    lab.post_member(BOB, activeBridge=True)
    _, commands = lab.authority.delete_member(LAB, BOB, lab.now)
    assert bridges_told(commands) == {ALICE: ()}


def test_bridge_that_never_asked_is_told_of(lab: Lab) -> None:
    network_of(lab, (ALICE,))
    assert bridges_told(lab.post_member(BOB, activeBridge=True)) == {ALICE: (BOB,)}


def test_nobody_is_sent_anything_when_another_member_changes(lab: Lab) -> None:
    network_of(lab, (ALICE, BOB))
    lab.post_member(BOB, activeBridge=True)
    assert bridges_told(lab.post_member(BOB, name="bridge", activeBridge=True)) == {BOB: (BOB,)}


def test_large_network_hears_of_a_bridge_bit_by_bit(lab: Lab) -> None:
    members = range(1, PUSHES_AT_ONCE + 5)
    lab.create(private=False)
    for member in members:
        lab.now += 10
        lab.ask(member)
    told = bridges_told(lab.post_member(ALICE, activeBridge=True))
    assert len(told) == 1 + PUSHES_AT_ONCE
    told |= bridges_told(lab.authority.handle_timeout(lab.now))
    assert told == dict.fromkeys(members, (ALICE,))
