"""Connections that say nothing end, and however many there are, the next is served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
import uvicorn
from uvicorn.server import ServerState

from earthline.api.http.answers import StockJson
from earthline.api.http.connections import LOOK_UP_S, Connections
from earthline.api.http.protocol import BoundedHttp, Patience

HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
SOON = Patience(head_s=0.05, body_s=0.05)
WAIT_S = 20
"""A failure, never a measurement."""


@dataclass(eq=False)
class Known:
    """A connection as the table sees it."""

    port: int
    ip: str = "127.0.0.1"
    busy: bool = False
    ended: list[int] = field(default_factory=list)

    @property
    def source(self) -> tuple[str, int]:
        return self.ip, self.port

    def end(self) -> None:
        self.ended.append(self.port)


class Uids:
    """The kernel's table: ports below 1000 are of user 1, others of user 2."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> dict[tuple[str, int], int]:
        self.asked += 1
        return {("127.0.0.1", port): 1 if port < 1000 else 2 for port in range(2000)}


def test_user_who_filled_the_table_makes_room_and_nobody_is_refused():
    table = Connections(Uids(), most=10)
    mine = Known(1500)
    table.enter(mine, 0)
    greedy = [Known(port) for port in range(50)]
    for now, connection in enumerate(greedy):
        table.enter(connection, now)
    late = Known(1501)
    table.enter(late, 100)
    assert len(table) == 10
    assert not mine.ended
    assert not late.ended
    assert sum(bool(connection.ended) for connection in greedy) == 42
    assert not greedy[-1].ended


def test_connection_that_waits_for_its_answer_ends_last():
    table = Connections(Uids(), most=3)
    busy, used, idle = (Known(port, busy=port == 0) for port in range(3))
    for connection in (busy, used, idle):
        table.enter(connection, 0)
    table.used(used)
    table.enter(Known(3), 0)
    assert (busy.ended, used.ended, idle.ended) == ([], [], [2])
    table.enter(Known(4), 0)
    assert (busy.ended, used.ended) == ([], [1])


def test_long_table_of_the_kernel_is_not_read_for_each_connection():
    uids = Uids()
    table = Connections(uids, most=10)
    for number in range(1000):
        table.enter(Known(number), LOOK_UP_S * number / 1000)
    assert uids.asked == 1
    table.enter(Known(1), 2 * LOOK_UP_S)
    assert uids.asked == 2


def test_addresses_of_one_network_are_one_holder():
    table = Connections(Uids(), most=4)
    honest = Known(1, "2001:db8:1::1")
    table.enter(honest, 0)
    many = [Known(port, f"2001:db8:2::{port}") for port in range(1, 10)]
    for connection in many:
        table.enter(connection, 0)
    assert (len(table), honest.ended) == (4, [])


def test_kernel_that_tells_nothing_leaves_one_holder():
    def deny() -> dict[tuple[str, int], int]:
        raise PermissionError

    table = Connections(deny, most=1)
    first = Known(1)
    table.enter(first, 0)
    table.enter(Known(2), 0)
    assert first.ended == [1]


@asynccontextmanager
async def served(patience: Patience, most: int = 256) -> AsyncIterator[tuple[int, Connections]]:
    """The port of a server of one answer, and its connections."""
    connections = Connections(Uids(), most)
    config = uvicorn.Config(StockJson({}), log_config=None, lifespan="off")
    config.load()
    protocol = partial(
        BoundedHttp, connections, patience, config=config, server_state=ServerState(), app_state={}
    )
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], connections


async def answer_to(port: int, said: bytes) -> bytes:
    """Everything that comes until the other side closes."""
    reading, writing = await asyncio.open_connection("127.0.0.1", port)
    try:
        writing.write(said)
        async with asyncio.timeout(WAIT_S):
            return await reading.read()
    except ConnectionResetError:
        return b""
    finally:
        writing.close()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        HEAD,
        b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf",
    ],
    ids=["nothing", "half a head", "blank lines", "half a body"],
)
async def test_connection_that_does_not_come_to_the_point_ends(said):
    async with served(SOON) as (port, connections):
        await answer_to(port, said)
        assert len(connections) == 0


async def test_blank_lines_after_a_request_keep_nothing_open():
    async with served(SOON) as (port, connections):
        answer = await answer_to(port, HEAD + b"\r\n" + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        assert len(connections) == 0


async def test_head_without_end_is_not_collected():
    async with served(Patience()) as (port, connections):
        assert await answer_to(port, HEAD + b"X: " + b"x" * (1 << 20)) == b""
        assert len(connections) == 0


async def test_slow_answer_is_not_cut_off():
    async def slow(scope, receive, send):
        await asyncio.sleep(4 * SOON.head_s)
        await StockJson({})(scope, receive, send)

    connections = Connections(Uids())
    config = uvicorn.Config(slow, log_config=None, lifespan="off")
    config.load()
    protocol = partial(
        BoundedHttp, connections, SOON, config=config, server_state=ServerState(), app_state={}
    )
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        answer = await answer_to(port, HEAD + b"Connection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")


async def test_next_connection_is_served_when_all_places_are_taken():
    async with served(Patience(), most=3) as (port, connections):
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        answer = await answer_to(port, HEAD + b"Connection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        async with asyncio.timeout(WAIT_S):
            for reading, _ in idle[:2]:
                assert await _ended(reading)
        for _, writing in idle:
            writing.close()
        assert len(connections) <= 3


async def _ended(reading: asyncio.StreamReader) -> bool:
    try:
        return await reading.read() == b""
    except ConnectionResetError:
        return True
