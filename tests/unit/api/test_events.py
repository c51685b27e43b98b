"""The stream of events, to a client that reads, one that does not, and one that goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from earthline.api.http.dress import Dress
from earthline.api.ours import events as api
from earthline.api.ours.events import events_router
from earthline.runtime.node.events import MAX_WAITING, Events

SOON_S = 20.0


class Client:
    """One request to the route, whose sending can be held up."""

    def __init__(
        self, bus: Events, *, query: str = "", last: str | None = None, method: str = "GET"
    ) -> None:
        app = FastAPI()
        service: Any = SimpleNamespace(events=bus)
        twins: Any = None
        app.include_router(events_router(service, twins))
        self.reads = asyncio.Event()
        self.reads.set()
        self.text = ""
        self.status = 0
        self._gone = asyncio.Event()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "method": method,
            "path": "/earthline/events",
            "raw_path": b"/earthline/events",
            "root_path": "",
            "scheme": "http",
            "query_string": query.encode(),
            "headers": [] if last is None else [(b"last-event-id", last.encode())],
        }
        self.exchange = asyncio.create_task(
            Dress(app, lambda _: False)(scope, self._receive, self._send)
        )

    async def _receive(self) -> Any:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self.reads.wait()
        self.status = message.get("status", self.status)
        self.text += message.get("body", b"").decode()

    def leave(self) -> None:
        self._gone.set()

    def events(self) -> list[dict[str, Any]]:
        lines = self.text.splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(SOON_S):
            while not condition():  # noqa: ASYNC110 - of another task
                await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def _no_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    async def well(*_: object) -> None:
        return None

    monkeypatch.setattr(api, "glance", well)
    monkeypatch.setattr(api, "report", lambda _: {"cause": api.ALL_WELL, "line": ""})


async def test_events_are_replayed_after_the_last_id_and_followed() -> None:
    bus = Events(0xAB)
    for kind in ("node.online", "network.joined", "node.offline"):
        bus.publish(kind)
    client = Client(bus, last="ab-1")
    await client.until(lambda: len(client.events()) == 2)
    bus.publish("peer.new", address="0a1b2c3d4e")
    await client.until(lambda: len(client.events()) == 3)
    found = [event["event"] for event in client.events()]
    assert found == ["network.joined", "node.offline", "peer.new"]
    ids = [line for line in client.text.splitlines() if line.startswith("id: ")]
    assert ids == ["id: ab-2", "id: ab-3", "id: ab-4"]
    client.leave()
    await client.exchange


async def test_who_goes_away_is_forgotten() -> None:
    bus = Events(1)
    client = Client(bus)
    await client.until(lambda: client.text)
    assert bus.listeners == 1
    client.leave()
    await client.exchange
    assert bus.listeners == 0


async def test_slow_listener_is_told_so_and_ended() -> None:
    bus = Events(1)
    client = Client(bus)
    await client.until(lambda: client.text)
    client.reads.clear()
    for _ in range(2 * MAX_WAITING + 2):
        bus.publish("peer.new", address="0a1b2c3d4e")
        await asyncio.sleep(0)
    client.reads.set()
    async with asyncio.timeout(SOON_S):
        await client.exchange
    last = client.events()[-1]
    assert last == {"event": "stream.ended", "why": "events were not read fast enough"}
    assert len(client.events()) < MAX_WAITING
    assert bus.listeners == 0


async def test_what_is_kept_is_given_alone_if_nobody_wants_to_follow() -> None:
    bus = Events(1)
    bus.publish("node.online")
    client = Client(bus, query="last=0&follow=false")
    async with asyncio.timeout(SOON_S):
        await client.exchange
    assert [event["event"] for event in client.events()] == ["node.online", "stream.ended"]
    assert bus.listeners == 0


async def test_head_does_not_listen() -> None:
    bus = Events(1)
    client = Client(bus, method="HEAD")
    async with asyncio.timeout(SOON_S):
        await client.exchange
    assert (client.status, client.text, bus.listeners) == (200, "", 0)


async def test_stream_says_now_and_then_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "ALIVE_S", 0.001)
    client = Client(Events(1))
    await client.until(lambda: client.text.count(": alive\n\n") == 2)
    client.leave()
    await client.exchange


async def test_finding_that_becomes_the_worst_is_an_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {"cause": "no_root", "line": "No root answers"}
    monkeypatch.setattr(api, "report", lambda _: found)
    monkeypatch.setattr(api, "GLANCE_S", 0.001)
    bus = Events(1)
    client = Client(bus)
    await client.until(lambda: len(client.events()) == 1)
    found = {"cause": api.ALL_WELL, "line": ""}
    await client.until(lambda: len(client.events()) == 2)
    first, second = client.events()
    assert (first["event"], first["cause"], first["line"]) == (
        "doctor.changed",
        "no_root",
        "No root answers",
    )
    assert second["cause"] == api.ALL_WELL
    client.leave()
    await client.exchange
