"""Who was put out stays out, whoever did not hear of it at first."""

from __future__ import annotations

import pytest
from controller_lab import LAB, Lab, in_a_group_that_fails

from earthline.controller import authority
from earthline.controller.issue import revocation
from earthline.controller.issue.request import Command
from earthline.controller.issue.revocation import AGAIN_MS, MAX_KEPT, REPEAT_MS
from earthline.controller.members.activity import ONLINE_MS
from earthline.controller.objects.coercion import render
from earthline.controller.objects.terms import DEFAULT_WINDOW_MS, MAX_WINDOW_MS
from earthline.controller.store import Store
from earthline.effects import SendCredentials
from earthline.wire.credentials.common import Verification
from earthline.wire.credentials.revocation import Revocation
from earthline.wire.messages.credentials import NetworkCredentials

ALICE, BOB, CAROL = 1, 2, 3
MINUTE = 60_000
AWAY_MS = 5 * MINUTE


def told(commands: list[Command]) -> dict[int, set[int]]:
    """By receiver: whom it hears of."""
    return {
        command.member: {revocation.target for revocation in carried(command)}
        for command in commands
        if isinstance(command, SendCredentials)
    }


def carried(command: SendCredentials) -> tuple[Revocation, ...]:
    return NetworkCredentials.parse(command.payload).revocations


def revocation_ids(commands: list[Command]) -> set[int]:
    return {
        each.revocation_id
        for command in commands
        if isinstance(command, SendCredentials)
        for each in carried(command)
    }


def network_of(lab: Lab, *members: int) -> None:
    lab.create(private=True)
    for member in members:
        lab.post_member(member, authorized=True)
        lab.config(member)


def live_on(lab: Lab, ms: int, *members: int) -> None:
    """Members that are there ask each minute."""
    for _ in range(ms // MINUTE):
        lab.now += MINUTE
        for member in members:
            lab.ask(member)


def restarted(lab: Lab) -> Lab:
    again = Lab(lab.store)
    again.now = lab.now
    return again


def test_all_members_are_told_by_a_controller_that_has_just_started(lab: Lab) -> None:
    network_of(lab, ALICE, BOB, CAROL)
    assert told(restarted(lab).post_member(BOB, authorized=False)) == {
        ALICE: {BOB},
        BOB: {BOB},
        CAROL: {BOB},
    }


def test_only_who_is_there_is_told_once_that_is_known(lab: Lab) -> None:
    network_of(lab, ALICE, BOB, CAROL)
    live_on(lab, 2 * ONLINE_MS, ALICE, BOB)
    assert set(told(lab.post_member(BOB, authorized=False))) == {ALICE, BOB}


@pytest.mark.parametrize("step", [ONLINE_MS, -ONLINE_MS])
def test_all_members_are_told_after_the_clock_was_set(lab: Lab, step: int) -> None:
    network_of(lab, ALICE, BOB, CAROL)
    live_on(lab, 2 * ONLINE_MS, ALICE, BOB, CAROL)
    lab.now += 5 * step
    assert set(told(lab.post_member(BOB, authorized=False))) == {ALICE, BOB, CAROL}


def test_so_many_are_told_unseen_and_no_more(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authority, "MAX_TOLD_UNSEEN", 2)
    network_of(lab, *range(1, 6))
    assert set(told(restarted(lab).post_member(5, authorized=False))) == {1, 2, 5}


def test_member_that_was_away_hears_of_it_when_it_comes(lab: Lab) -> None:
    network_of(lab, ALICE, BOB, CAROL)
    live_on(lab, AWAY_MS, ALICE, BOB)
    lab.post_member(BOB, authorized=False)
    live_on(lab, AWAY_MS, ALICE)
    (_, command) = lab.ask(CAROL)
    assert isinstance(command, SendCredentials)
    (heard,) = carried(command)
    assert heard.target == BOB
    assert heard.verify(lab.find_identity) is Verification.VALID


def test_every_member_hears_of_it_from_a_controller_that_was_restarted(lab: Lab) -> None:
    network_of(lab, ALICE, BOB, CAROL)
    lab.post_member(BOB, authorized=False)
    lab.now += MINUTE
    again = restarted(lab)
    assert told(again.ask(ALICE)) == {ALICE: {BOB}}
    assert told(again.ask(CAROL)) == {CAROL: {BOB}}


def test_member_that_hears_of_it_is_told_again_for_a_while(lab: Lab) -> None:
    """Packets are lost; but nobody hears the same for half an hour."""
    network_of(lab, ALICE, BOB)
    live_on(lab, AWAY_MS, ALICE, BOB)
    lab.post_member(BOB, authorized=False)
    heard = []
    for _ in range(10):
        lab.now += MINUTE
        heard.append(bool(told(lab.ask(ALICE))))
    assert heard == [True, True, *[False] * 8]
    assert REPEAT_MS // MINUTE == 3


def test_whatever_is_told_is_told_once_more_after_a_second(lab: Lab) -> None:
    """A member takes one packet of credentials a second from each peer."""
    network_of(lab, ALICE, BOB, CAROL)
    live_on(lab, AWAY_MS, ALICE, BOB)
    first = told(lab.post_member(BOB, authorized=False))
    lab.now += 100
    newcomer = told(lab.ask(CAROL))
    assert lab.authority.handle_timeout(lab.now) == []
    assert lab.authority.next_timeout() == lab.now - 100 + AGAIN_MS
    lab.now += AGAIN_MS - 100
    assert told(lab.authority.handle_timeout(lab.now)) == first == {ALICE: {BOB}, BOB: {BOB}}
    lab.now += 100
    assert told(lab.authority.handle_timeout(lab.now)) == newcomer == {CAROL: {BOB}}
    assert lab.authority.next_timeout() is None


def test_it_is_told_no_longer_than_certificates_agree(lab: Lab) -> None:
    network_of(lab, ALICE, BOB)
    lab.post_member(BOB, authorized=False)
    lab.now += DEFAULT_WINDOW_MS - MINUTE
    assert told(lab.ask(ALICE)) == {ALICE: {BOB}}
    lab.now += AWAY_MS
    assert told(lab.ask(ALICE)) == {}


def test_window_that_is_made_longer_has_old_ones_told_again(lab: Lab) -> None:
    network_of(lab, ALICE, BOB)
    lab.post_member(BOB, authorized=False)
    lab.now += DEFAULT_WINDOW_MS + MINUTE
    stored = lab.authority.get_network(LAB)
    assert stored is not None
    window = {"certificateTimeoutWindowSize": MAX_WINDOW_MS}
    lab.store.write_network(LAB, render(stored | window))
    assert told(lab.ask(ALICE)) == {ALICE: {BOB}}


def test_member_let_in_again_has_a_certificate_above_its_revocation(lab: Lab) -> None:
    network_of(lab, ALICE, BOB)
    lab.post_member(BOB, authorized=False)
    lab.post_member(BOB, authorized=True)
    lab.now += AWAY_MS
    (command,) = (c for c in lab.ask(ALICE) if isinstance(c, SendCredentials))
    assert lab.config(BOB).timestamp > carried(command)[0].threshold


def test_store_keeps_none_that_matters_no_more(lab: Lab) -> None:
    network_of(lab, ALICE, BOB, CAROL)
    lab.post_member(BOB, authorized=False)
    lab.now += MAX_WINDOW_MS
    lab.post_member(CAROL, authorized=False)
    assert list(lab.store.revoked(LAB)) == [CAROL]


def test_beyond_what_is_kept_everybody_is_issued_anew(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation, "MAX_KEPT", 2)
    network_of(lab, *range(1, 7))
    before = lab.config(6).timestamp
    for member in (1, 2):
        lab.post_member(member, authorized=False)
    assert set(lab.store.revoked(LAB)) == {1, 2}
    assert told(lab.post_member(3, authorized=False))[6] == {3}
    assert lab.store.revoked(LAB) == {}
    pushed = {command.member for command in lab.authority.handle_timeout(lab.now)}
    assert pushed == {4, 5, 6}
    assert lab.config(6).timestamp - before > MAX_WINDOW_MS
    assert told(lab.ask(6)) == {}
    assert restarted(lab).config(6).timestamp - before > MAX_WINDOW_MS


def test_most_that_are_kept_go_into_one_packet(lab: Lab) -> None:
    members = range(1, MAX_KEPT + 1)
    network_of(lab, ALICE, *members, 1000)
    for member in members:
        lab.post_member(member, authorized=False)
    lab.now += AWAY_MS
    (_, command) = lab.ask(1000)
    assert isinstance(command, SendCredentials)
    assert {each.target for each in carried(command)} == set(members)
    assert len(command.payload) < 10_024 - 28


def test_network_made_again_does_not_agree_with_the_one_deleted(lab: Lab) -> None:
    network_of(lab, ALICE)
    before = lab.config(ALICE).timestamp
    lab.authority.delete_network(LAB, lab.now)
    again = restarted(lab)
    network_of(again, BOB)
    assert again.config(BOB).timestamp - before > MAX_WINDOW_MS


def test_revocation_that_was_undone_is_told_to_nobody(lab: Lab) -> None:
    network_of(lab, ALICE, BOB)
    with pytest.raises(ZeroDivisionError):
        in_a_group_that_fails(lab.authority, lambda: lab.post_member(BOB, authorized=False))
    lab.now += MINUTE
    assert told(lab.ask(ALICE)) == {}
    assert lab.authority.handle_timeout(lab.now) == []
    assert lab.store.revoked(LAB) == {}


def test_sign_on_that_expired_while_the_controller_was_away_is_revoked(store: Store) -> None:
    lab = Lab(store)
    network_of(lab, ALICE, BOB)
    stored = lab.authority.get_network(LAB)
    assert stored is not None
    store.write_network(LAB, render({**stored, "ssoEnabled": True}))
    lab.post_member(ALICE, authenticationExpiryTime=lab.now + 3_600_000)
    lab.post_member(BOB, authenticationExpiryTime=lab.now + MINUTE)
    lab.ask(BOB)
    again = restarted(lab)
    again.now += 2 * MINUTE
    again.ask(BOB)
    commands = again.authority.handle_timeout(again.now)
    assert told(commands) == {ALICE: {BOB}, BOB: {BOB}}
    (revoked_once,) = revocation_ids(commands)
    again.now += 5_000
    again.ask(BOB)
    told_again = again.authority.handle_timeout(again.now)
    assert revocation_ids(told_again) == {revoked_once}
    again.now += 5_000
    again.ask(BOB)
    assert again.authority.handle_timeout(again.now) == []
