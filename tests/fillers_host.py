"""What fills the tables of the service around the node."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from functools import partial

import uvicorn
from relaying import wait_until
from uvicorn.server import ServerState

from earthline._native import TcpRelay
from earthline.api.http.answers import StockJson
from earthline.api.http.connections import MAX_CONNECTIONS, Connections
from earthline.api.http.protocol import BoundedHttp, Patience
from earthline.runtime.base.logs import LINE_MS, LINES_AT_ONCE, Sparing
from earthline.runtime.node.events import KEPT, MAX_LISTENERS, MAX_WAITING, Events
from earthline.runtime.portmap.ssdp import MAX_PLACES, _Listener
from earthline.runtime.settings.settings import TcpRelaySettings
from earthline.vl1.verbs.pinging import MAX_ASKED, Pings
from tables import MORE, fill_alone, fills, rust

HERE = "127.0.0.1"
FEW = 20
"""In place of bounds that take many files."""


# What the user asks the node


@fills("ECHOs of `earthline ping` whose answers are awaited", MAX_ASKED)
def echoes() -> None:
    pings = Pings(lambda *_: None, lambda _: None)

    def asked(number: int) -> tuple[int, bytes]:
        key = 1 + number, number.to_bytes(16, "big")
        pings.ask(*key, 0)
        return key

    fill_alone(asked, lambda key: key in pings._asked, lambda: len(pings), MAX_ASKED)


# The API


@fills("Connections to the API", MAX_CONNECTIONS)
def connections() -> None:
    asyncio.run(_connections())


async def _connections() -> None:
    """To a real server, which the kernel tells whose each is: here by its port."""
    honest: set[int] = set()
    ports: list[int] = []

    def owners() -> dict[tuple[str, int], int]:
        return {(HERE, port): 1 if port in honest else 2 for port in ports}

    table = Connections(owners, FEW)
    config = uvicorn.Config(StockJson({}), log_config=None, lifespan="off")
    config.load()
    protocol = partial(
        BoundedHttp, table, Patience(), config=config, server_state=ServerState(), app_state={}
    )
    server = await asyncio.get_running_loop().create_server(protocol, HERE, 0)
    port = server.sockets[0].getsockname()[1]

    async def enter(*, is_honest: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reading, writing = await asyncio.open_connection(HERE, port)
        ports.append(writing.get_extra_info("sockname")[1])
        if is_honest:
            honest.add(ports[-1])
        return reading, writing

    async with server, contextlib.AsyncExitStack() as exits:
        early = [await enter(is_honest=True) for _ in range(3)]
        flood = [await enter(is_honest=False) for _ in range(FEW + MORE)]
        late = await enter(is_honest=True)
        for _, writing in (*early, *flood, late):
            exits.callback(writing.close)
        for reading, writing in (*early, late, flood[-1]):
            writing.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await reading.readline()).startswith(b"HTTP/1.1 200")
        assert len(table) == FEW
        with contextlib.suppress(ConnectionResetError):
            assert await flood[0][0].read() == b""


# Events


@fills("Events kept of one kind", KEPT)
def events() -> None:
    bus = Events(1)
    bus.publish("network.joined", network="honest")
    for number in range(KEPT + MORE):
        bus.publish("peer.new", address=f"{number:010x}")
    bus.publish("network.left", network="honest")
    kept = bus.listen("0").waiting
    assert [event.kind for event in kept if event.fields.get("network") == "honest"] == (
        ["network.joined", "network.left"]
    )
    flood = [event.fields["address"] for event in kept if event.kind == "peer.new"]
    assert flood == [f"{number:010x}" for number in range(MORE, KEPT + MORE)]


@fills("Listeners to events", MAX_LISTENERS)
def listeners() -> None:
    bus = Events(1)
    first, *others = [bus.listen(None) for _ in range(MAX_LISTENERS + MORE)]
    assert bus.listeners == MAX_LISTENERS
    bus.publish("node.online")
    assert (len(first.waiting), bool(first.ended)) == (0, True)
    for late in others[-MAX_LISTENERS:]:
        assert (len(late.waiting), late.ended) == (1, "")


@fills("Events that wait for one listener", MAX_WAITING)
def events_of_one() -> None:
    bus = Events(1)
    slow, reader = bus.listen(None), bus.listen(None)
    for _ in range(MAX_WAITING + MORE):
        bus.publish("peer.new", address="0000000001")
        assert len(slow.waiting) <= MAX_WAITING
        reader.waiting.clear()
    assert (len(slow.waiting), bool(slow.ended)) == (0, True)
    assert not reader.ended


# The TCP relay


def _is_open(stream: socket.socket) -> bool:
    try:
        return stream.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def _relayed(limit: int, bound: int) -> None:
    """Connections from two addresses, with room for so many of the second one."""
    relay = TcpRelay([(socket.inet_aton(HERE), 0)], None, limit)
    opened: list[socket.socket] = []

    def enter(source: str) -> socket.socket:
        opened.append(
            socket.create_connection((HERE, relay.bound()[0][1]), source_address=(source, 0))
        )
        accepted = len(opened)
        wait_until("it is accepted", lambda: relay.counters()["tcp_relay_connections"] == accepted)
        return opened[-1]

    try:
        early = [enter("127.0.0.2") for _ in range(3)]
        flood = [enter("127.0.0.3") for _ in range(bound + MORE)]
        late = enter("127.0.0.2")
        wait_until("the others are gone", lambda: sum(map(_is_open, flood)) <= bound)
        assert all(map(_is_open, (*early, late, flood[-1])))
        assert relay.clients() <= limit
        assert not _is_open(flood[0])
    finally:
        for stream in opened:
            stream.close()
        relay.close()


@fills("Clients of a TCP relay", TcpRelaySettings().max_clients)
def relay_clients() -> None:
    _relayed(limit=FEW, bound=FEW - 3)


PER_SOURCE = rust("io/src/relay.rs", "PER_SOURCE")


@fills("Clients of a TCP relay from one address", PER_SOURCE)
def relay_clients_of_one() -> None:
    _relayed(limit=1_000, bound=PER_SOURCE)


# The log, and the gateway


@fills("Lines of one kind in the log at once", LINES_AT_ONCE)
def lines() -> None:
    sparing = Sparing()
    flood = [sparing.line("strange", {}, 0) for _ in range(LINES_AT_ONCE + MORE)]
    assert sum(line is not None for line in flood) == LINES_AT_ONCE
    assert sparing.line("honest", {"whose": "ours"}, 0) == {"whose": "ours"}
    assert sparing.line("strange", {}, LINE_MS) == {"suppressed": MORE}


@fills("Answers to one search for a gateway", MAX_PLACES)
def answers() -> None:
    """Of the gateway alone, whose first ones are kept: a search takes some seconds."""
    gateway = "192.168.1.1"
    listener = _Listener(gateway)

    def answer(source: str, number: int) -> None:
        text = f"HTTP/1.1 200 OK\r\nLOCATION: http://{gateway}:{5_000 + number}/\r\n\r\n"
        listener.datagram_received(text.encode(), (source, 1900))

    for number in range(MORE):
        answer("192.168.1.66", number)
    assert not listener.places
    for number in range(MAX_PLACES + MORE):
        answer(gateway, number)
    assert listener.places == [f"http://{gateway}:{5_000 + n}/" for n in range(MAX_PLACES)]
