"""The controller's thread: the loop never waits for it, and nobody hears of what is not durable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from earthline.controller.authority import Authority
from earthline.controller.objects.coercion import UnfitObject
from earthline.controller.store import StoreFault
from earthline.controller.store.changes import Change, What
from earthline.controller.store.sqlite import IN_MEMORY, SqliteStore
from earthline.effects import RequestConfig, SendConfig, SendConfigError
from earthline.runtime.base.clock import now_ms
from earthline.runtime.node.authority_thread import AT_ONCE, MAX_REQUESTS, AuthorityThread
from earthline.runtime.node.event_kinds import KINDS
from earthline.sim.simulation import throwaway_identities
from earthline.wire.identity import Identity
from earthline.wire.metadata import RequestMetadata
from earthline.wire.packet import ErrorCode

SELF = next(throwaway_identities())
NETWORK = SELF.address << 24 | 1
METADATA = RequestMetadata(1, 14, 1, "linux/x86_64").emit()


class SlowStore(SqliteStore):
    """One whose commits wait until they may, and fail if they are to."""

    def __init__(self) -> None:
        super().__init__(IN_MEMORY)
        self.may_commit = threading.Event()
        self.may_commit.set()
        self.fails = False
        self.groups = 0

    @contextmanager
    def group(self) -> Iterator[None]:
        with super().group():
            yield
            self.groups += 1
            assert self.may_commit.wait(20)
            if self.fails:
                raise StoreFault("the disk is full")


class Bench:
    """A thread over a slow store, and what it had carried out."""

    def __init__(self) -> None:
        self.store = SlowStore()
        self.authority = Authority(SELF, self.store, bytes)
        self.authority.post_network(NETWORK, {"private": False}, now_ms())
        self.commands: list[Any] = []
        self.changes: list[Change] = []
        self.thread = AuthorityThread(self.authority, self._carry_out, self._changed)

    def _carry_out(self, *commands: Any) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.commands += commands

    def _changed(self, change: Change) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.changes.append(change)

    def ask(self, member: int, *, prefix: int | None = None) -> None:
        identity = Identity(member, SELF.public.public_key).emit()
        path = None if prefix is None else (1, bytes((81, prefix, 0, 1)), 9993)
        self.thread.ask(RequestConfig(NETWORK, member, identity, member, METADATA, path))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - of another thread
                await asyncio.sleep(0.001)


@pytest.fixture
async def bench() -> Any:
    bench = Bench()
    yield bench
    bench.store.may_commit.set()
    bench.thread.close()
    bench.store.close()


async def test_request_is_answered_once_it_is_durable_and_the_loop_goes_on(bench: Bench) -> None:
    bench.store.may_commit.clear()
    bench.ask(7)
    await bench.until(lambda: bench.store.groups == 1)
    assert bench.commands == []
    bench.store.may_commit.set()
    await bench.until(lambda: bool(bench.commands))
    (command,) = bench.commands
    assert isinstance(command, SendConfig)
    assert (command.member, command.in_re) == (7, 7)


async def test_what_waits_is_done_in_one_transaction(bench: Bench) -> None:
    bench.store.may_commit.clear()
    bench.ask(1)
    await bench.until(lambda: bench.store.groups == 1)
    for member in range(2, AT_ONCE):
        bench.ask(member)
    name = asyncio.create_task(bench.thread.run(post, bench.authority, {"name": "renamed"}))
    await asyncio.sleep(0)
    bench.store.may_commit.set()
    assert (await name)["name"] == "renamed"
    await bench.until(lambda: len(bench.commands) >= AT_ONCE - 1)
    assert bench.store.groups <= 3


async def test_group_that_fails_is_told_as_a_failure_to_everybody(bench: Bench) -> None:
    bench.store.fails = True
    bench.store.may_commit.clear()
    bench.ask(1)
    await bench.until(lambda: bench.store.groups == 1)
    bench.ask(2)
    name = asyncio.create_task(bench.thread.run(post, bench.authority, {"name": "renamed"}))
    await asyncio.sleep(0)
    bench.store.may_commit.set()
    with pytest.raises(StoreFault, match="the disk is full"):
        await name
    await bench.until(lambda: len(bench.commands) == 2)
    assert all(isinstance(command, SendConfigError) for command in bench.commands)
    assert {command.code for command in bench.commands} == {ErrorCode.OBJECT_NOT_FOUND}
    bench.store.fails = False
    found = await bench.thread.run(bench.authority.get_network, NETWORK)
    assert found["name"] == ""
    assert await bench.thread.run(bench.authority.members, NETWORK) == {}


async def test_call_that_raises_does_not_undo_the_others(bench: Bench) -> None:
    bench.store.may_commit.clear()
    bench.ask(1)
    await bench.until(lambda: bench.store.groups == 1)
    good = asyncio.create_task(bench.thread.run(post, bench.authority, {"name": "renamed"}))
    bad = asyncio.create_task(bench.thread.run(refuse))
    await asyncio.sleep(0)
    bench.store.may_commit.set()
    assert (await good)["name"] == "renamed"
    with pytest.raises(UnfitObject):
        await bad


async def test_fault_of_ours_hits_the_request_that_caused_it_and_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = bench.authority.handle_request

    def break_down(request: RequestConfig, now: int) -> list[Any]:
        if request.member == 2:
            raise ZeroDivisionError
        return handle(request, now)

    monkeypatch.setattr(bench.authority, "handle_request", break_down)
    bench.store.may_commit.clear()
    bench.ask(9)
    await bench.until(lambda: bench.store.groups == 1)
    for member in (1, 2, 3):
        bench.ask(member)
    bench.store.may_commit.set()
    await bench.until(lambda: len(bench.commands) == 4)
    kinds = {command.member: type(command) for command in bench.commands}
    assert kinds == {9: SendConfig, 1: SendConfig, 2: SendConfigError, 3: SendConfig}
    assert bench.thread.counters["faults"] == 1


async def test_timers_of_the_authority_are_kept(bench: Bench) -> None:
    for member in range(1, 301):
        bench.ask(member)
    await bench.until(lambda: len(bench.commands) == 300)


async def test_prefix_that_asks_most_makes_room_in_the_queue(bench: Bench) -> None:
    bench.store.may_commit.clear()
    bench.ask(1)
    await bench.until(lambda: bench.store.groups == 1)
    bench.ask(2, prefix=2)
    for member in range(10, 10 + MAX_REQUESTS + 5):
        bench.ask(member, prefix=1)
    assert bench.thread.waiting == MAX_REQUESTS
    assert bench.thread.counters["dropped_out_of_line"] == 6
    bench.store.may_commit.set()
    await bench.until(lambda: 2 in [command.member for command in bench.commands])


async def test_changes_are_told_once_they_are_durable_and_before_their_result(
    bench: Bench,
) -> None:
    bench.store.may_commit.clear()
    bench.ask(7)
    await bench.until(lambda: bench.store.groups == 1)
    assert bench.changes == []
    bench.store.may_commit.set()
    await bench.until(lambda: bool(bench.commands))
    assert bench.changes == [
        Change(What.MEMBER_ASKED, NETWORK, 7),
        Change(What.MEMBER_AUTHORIZED, NETWORK, 7),
    ]
    run, authority = bench.thread.run, bench.authority
    await run(authority.post_network, NETWORK, {"private": True}, now_ms())
    bench.changes.clear()
    for authorized in (False, False, True):
        await run(authority.post_member, NETWORK, 7, {"authorized": authorized}, now_ms())
    await run(authority.post_member, NETWORK, 8, {"name": "typed"}, now_ms())
    await run(authority.post_network, NETWORK, {"name": "renamed"}, now_ms())
    await run(authority.post_network, NETWORK + 1, {}, now_ms())
    await run(authority.delete_member, NETWORK, 7, now_ms())
    await run(authority.delete_member, NETWORK, 7, now_ms())
    await run(authority.delete_network, NETWORK, now_ms())
    assert bench.changes == [
        Change(What.MEMBER_DEAUTHORIZED, NETWORK, 7),
        Change(What.MEMBER_AUTHORIZED, NETWORK, 7),
        Change(What.MEMBER_CHANGED, NETWORK, 8),
        Change(What.NETWORK_CHANGED, NETWORK, name="renamed"),
        Change(What.NETWORK_CREATED, NETWORK + 1),
        Change(What.MEMBER_DELETED, NETWORK, 7),
        Change(What.NETWORK_DELETED, NETWORK),
    ]


async def test_nobody_hears_of_changes_that_were_undone(bench: Bench) -> None:
    bench.store.fails = True
    with pytest.raises(StoreFault):
        await bench.thread.run(post, bench.authority, {"name": "renamed"})
    assert bench.changes == []
    bench.store.fails = False
    await bench.thread.run(post, bench.authority, {"name": "another"})
    assert bench.changes == [Change(What.NETWORK_CHANGED, NETWORK, name="another")]


def test_every_change_is_a_kind_of_event() -> None:
    assert {what.value for what in What} <= set(KINDS)


async def test_call_after_the_end_is_refused() -> None:
    bench = Bench()
    bench.thread.close()
    with pytest.raises(StoreFault, match="the service ends"):
        await bench.thread.run(bench.authority.list_networks)
    bench.store.close()


def post(authority: Authority, body: dict[str, Any]) -> dict[str, Any]:
    return authority.post_network(NETWORK, body, now_ms())[0]


def refuse() -> None:
    raise UnfitObject("no")
