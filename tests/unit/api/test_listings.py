"""Long listings: the loop goes on while they are read and while they are written."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from fastapi import APIRouter

from earthline.api.http import answers
from earthline.api.http.answers import Listing, StockJson
from earthline.api.ours.controller_members import controller_members_router
from earthline.api.stock.controller import controller_router
from earthline.controller.authority import Authority
from earthline.controller.store.sqlite import IN_MEMORY, SqliteStore
from earthline.runtime.base.clock import now_ms
from earthline.runtime.node.authority_thread import AuthorityThread
from earthline.sim.simulation import throwaway_identities

SELF = next(throwaway_identities())
NETWORK = SELF.address << 24 | 1
LONG_S = 60.0


class LongStore(SqliteStore):
    """One with more members than a test can write."""

    rows = 0

    def member_page(self, _network: int, after: int, limit: int) -> list[tuple[int, str]]:
        first = max(after, 0) + 1
        last = min(first + limit - 1, self.rows)
        return [
            (address, f'{{"id":"{address:010x}","name":"ä"}}') for address in range(first, last + 1)
        ]


@pytest.fixture
def store() -> Any:
    store = LongStore(IN_MEMORY)
    yield store
    store.close()


def route(router: APIRouter, path: str) -> Any:
    return next(found.endpoint for found in router.routes if found.path == path)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "rows"), [("/unstable/controller", 100_000), ("/earthline/controller", 1_000)]
)
async def test_loop_goes_on_while_a_listing_is_written(
    store: LongStore, path: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.rows = rows
    authority = Authority(SELF, store, bytes)
    authority.post_network(NETWORK, {}, now_ms())
    thread = AuthorityThread(authority, lambda *_: None)
    arguments: Any = (authority, thread.run, lambda *_: None)
    unused: Any = None
    routers = {
        "/unstable/controller": controller_router(*arguments),
        "/earthline/controller": controller_members_router(*arguments, unused),
    }
    reached, go_on, write = threading.Event(), threading.Event(), answers._text

    def held_up(content: Any) -> str:
        if isinstance(content, dict) and content.get("id") == f"{rows // 2:010x}":
            reached.set()
            assert go_on.wait(LONG_S), "the loop waits for what waits for the loop"
        return write(content)

    monkeypatch.setattr(answers, "_text", held_up)
    show = route(routers[path], f"{path}/network/{{network}}/member")
    listing = asyncio.create_task(show(f"{NETWORK:016x}"))
    async with asyncio.timeout(LONG_S):
        while not reached.is_set():  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.001)
    assert not listing.done()
    go_on.set()
    answer = await listing
    assert answer.status_code == 200
    assert answer.body.count(b'"id":') == rows
    thread.close()


def test_listing_is_written_as_any_other_answer() -> None:
    content = {"meta": {"b": 1, "a": "ü"}, "data": [{"z": 1, "a": [None]}, {}]}
    assert Listing(content).body == StockJson(content).body
    none: Any = {"data": [], "meta": {}}
    assert Listing(none).body == StockJson(none).body
