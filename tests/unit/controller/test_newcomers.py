"""Members never seen before have a budget together, and take turns by where they come from."""

from __future__ import annotations

from typing import Any

from controller_lab import LAB, Lab

from earthline.controller.members.newcomers import BURST, EVERY_MS, MAX_IN_LINE
from earthline.controller.store import Store
from earthline.effects import SendConfig

ATTACKERS = range(1_000, 1_000 + BURST + 3 * MAX_IN_LINE)


def on_file(lab: Lab) -> set[int]:
    return set(lab.authority.members(LAB) or ())


def flood(lab: Lab, prefix: int = 1) -> None:
    """More strangers of one prefix than the budget and the line have room for."""
    lab.create(private=False)
    for address in ATTACKERS:
        lab.ask(address, prefix=prefix)


def pass_time(lab: Lab, ms: int) -> list[Any]:
    """Do what is due meanwhile."""
    end, commands = lab.now + ms, []
    while (due := lab.authority.next_timeout()) is not None and due <= end:
        lab.now = max(lab.now, due)
        commands += lab.authority.handle_timeout(lab.now)
    lab.now = end
    return commands


def test_strangers_beyond_the_budget_are_not_put_on_file_and_counted(lab: Lab) -> None:
    flood(lab)
    assert len(on_file(lab)) == BURST
    assert lab.authority.counters["dropped_newcomer"] == 2 * MAX_IN_LINE


def test_those_in_line_are_answered_at_the_rate_of_the_budget(lab: Lab) -> None:
    flood(lab)
    commands = pass_time(lab, 20 * EVERY_MS)
    assert len([each for each in commands if isinstance(each, SendConfig)]) == 20
    assert len(on_file(lab)) == BURST + 20


def test_stranger_of_another_prefix_has_its_turn_at_once(lab: Lab) -> None:
    flood(lab)
    assert lab.ask(7, prefix=2) == []
    commands = pass_time(lab, 2 * EVERY_MS)
    assert 7 in [command.member for command in commands]


def test_prefix_of_most_makes_room_and_nobody_else(lab: Lab) -> None:
    flood(lab)
    for address in range(10):
        lab.ask(address, prefix=2)
    for address in range(5_000, 5_000 + MAX_IN_LINE):
        lab.ask(address, prefix=1)
    pass_time(lab, 20 * EVERY_MS)
    assert set(range(10)) <= on_file(lab)


def test_repeating_oneself_gives_no_second_place_and_the_last_request_is_answered(
    lab: Lab,
) -> None:
    flood(lab)
    lab.ask(7, prefix=2, packet_id=1)
    dropped = lab.authority.counters["dropped_newcomer"]
    lab.now += 1_001
    lab.ask(7, prefix=2, packet_id=2)
    assert lab.authority.counters["dropped_newcomer"] == dropped
    commands = [each for each in pass_time(lab, 10_000) if each.member == 7]
    assert [(each.member, each.in_re) for each in commands] == [(7, 2)]


def test_members_on_file_and_the_controller_itself_need_no_budget(lab: Lab) -> None:
    lab.create(private=False)
    lab.post_member(5, name="printer")
    flood(lab)
    assert lab.ask(5, prefix=1)
    assert lab.ask(lab.identity.address, identity=lab.identity.public)


def test_network_change_puts_nobody_on_file_who_waits_in_line(lab: Lab) -> None:
    flood(lab)
    known = on_file(lab)
    _, commands = lab.authority.post_network(LAB, {"name": "renamed"}, lab.now)
    pushed = {command.member for command in commands}
    assert pushed <= known
    assert on_file(lab) == known


def test_member_that_asks_all_the_time_is_answered_now_and_then(lab: Lab) -> None:
    lab.create(private=False)
    answers = 0
    for _ in range(600):
        answers += len(lab.ask())
        lab.now += 1_001
    assert 32 + 100 < answers < 32 + 140
    lab.now += 160_000
    assert lab.ask()


def test_stranger_that_is_not_let_in_costs_no_write_when_it_asks_again(store: Store) -> None:
    lab = Lab(store)
    lab.create(private=True)
    lab.ask(7)
    written = Written(store)
    lab = Lab(written)  # type: ignore[arg-type]
    for _ in range(5):
        lab.now += 5_000
        assert lab.ask(7)
    assert written.calls == []
    lab.ask(8)
    assert written.calls == ["write_member"]


class Written:
    """A store, and the names of the changes it was asked for."""

    CHANGES = (
        "write_network",
        "delete_network",
        "write_member",
        "delete_member",
        "touch_member",
        "note_seen",
        "evict_waiting",
        "note_issue",
        "note_revoked",
        "forget_revoked",
    )

    def __init__(self, store: Store) -> None:
        self._store = store
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name in self.CHANGES:
            self.calls.append(name)
        return getattr(self._store, name)
