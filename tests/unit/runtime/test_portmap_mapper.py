"""The worker of port mapping, with scripted gateways."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

import pytest

from earthline.runtime.portmap import exchange, mapper
from earthline.runtime.portmap.lease import Lease, NotMapped, Site
from earthline.runtime.portmap.mapper import PortMapper
from earthline.runtime.portmap.natpmp import NatPmp, Uptime
from earthline.runtime.portmap.protocols import nonce_of
from earthline.wire.identity import SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.reader import Malformed

HOME = Site("192.168.1.1", "192.168.1.7", 40000)
CAFE = Site("10.0.0.1", "10.0.0.7", 40000)
OUTSIDE = InetAddress(bytes([80, 0, 0, 1]), 40000)
MOVED = InetAddress(bytes([80, 0, 0, 9]), 40000)


class Protocol:
    """A client of any site, which does as told and notes what is asked of it."""

    def __init__(self, name: str, external: InetAddress | None = None) -> None:
        self.name = name
        self.external = external
        self.wished: list[int] = []
        self.released = 0

    async def map(self, wished: int) -> Lease:
        self.wished.append(wished)
        if self.external is None:
            raise NotMapped(f"{self.name} is not spoken here")
        return Lease(self.external, 600)

    async def release(self) -> None:
        self.released += 1

    async def __call__(self, _site: Site) -> Protocol:
        return self


class Bench:
    """A worker, its surroundings, and what it told the node."""

    def __init__(self, *protocols: Protocol) -> None:
        self.sites = [HOME]
        self.enabled = True
        self.told: list[tuple[InetAddress, ...]] = []
        self.heard = asyncio.Event()
        self.worker = PortMapper(lambda: self.enabled, self._sites, protocols, self._hear)

    def _hear(self, mapped: tuple[InetAddress, ...]) -> None:
        self.told.append(mapped)
        self.heard.set()

    async def _sites(self) -> list[Site]:
        return self.sites

    async def settle(self) -> float | None:
        return await self.worker._pass()

    def due(self) -> None:
        self.worker._due_at = 0


async def test_first_protocol_that_agrees_maps_the_port():
    pcp, pmp, upnp = Protocol("pcp"), Protocol("nat-pmp", OUTSIDE), Protocol("upnp", MOVED)
    bench = Bench(pcp, pmp, upnp)
    assert await bench.settle() == 120
    state = bench.worker.state
    assert (state.protocol, state.gateway, state.internal_port) == ("nat-pmp", HOME.gateway, 40000)
    assert state.external == OUTSIDE
    assert state.expires_at is not None
    assert [(t.protocol, t.failure) for t in state.tried] == [
        ("pcp", "pcp is not spoken here"),
        ("nat-pmp", None),
    ]
    assert bench.told == [(OUTSIDE,)]
    assert upnp.wished == []


async def test_renewal_asks_only_the_protocol_that_agreed_and_notices_another_address():
    pcp, pmp = Protocol("pcp"), Protocol("nat-pmp", OUTSIDE)
    bench = Bench(pcp, pmp)
    await bench.settle()
    pmp.external = MOVED
    assert await bench.settle() <= 120
    assert bench.told == [(OUTSIDE,)]
    bench.due()
    await bench.settle()
    assert bench.told[-1] == (MOVED,)
    assert len(pcp.wished) == 1


async def test_external_port_stays_when_the_gateway_has_moved_us():
    pcp = Protocol("pcp", InetAddress(OUTSIDE.ip, 40007))
    bench = Bench(pcp)
    await bench.settle()
    bench.due()
    await bench.settle()
    assert pcp.wished == [40000, 40007]


async def test_gateway_that_forgot_is_asked_by_every_protocol_again():
    pcp, pmp = Protocol("pcp", OUTSIDE), Protocol("nat-pmp", OUTSIDE)
    bench = Bench(pcp, pmp)
    await bench.settle()
    pcp.external = None
    bench.due()
    await bench.settle()
    assert bench.worker.state.protocol == "nat-pmp"
    pmp.external = None
    bench.due()
    assert await bench.settle() == 300
    assert bench.told[-1] == ()
    assert bench.worker.state.external is None


async def test_other_gateway_is_asked_at_once():
    pcp = Protocol("pcp", OUTSIDE)
    bench = Bench(pcp)
    await bench.settle()
    bench.sites = [CAFE]
    pcp.external = MOVED
    await bench.settle()
    assert bench.worker.state.gateway == CAFE.gateway
    assert bench.told == [(OUTSIDE,), (), (MOVED,)]


async def test_gateways_that_said_no_are_left_alone_for_five_minutes():
    pcp = Protocol("pcp")
    bench = Bench(pcp)
    assert await bench.settle() == 300
    assert 290 < await bench.settle() <= 300
    assert len(pcp.wished) == 1


async def test_wait_for_a_gateway_doubles_and_ends():
    bench = Bench(Protocol("pcp", OUTSIDE))
    bench.sites = []
    waits = [await bench.settle() for _ in range(9)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    bench.sites = [HOME]
    await bench.settle()
    assert bench.told[-1] == (OUTSIDE,)


async def test_switching_off_removes_the_mapping():
    pcp = Protocol("pcp", OUTSIDE)
    bench = Bench(pcp)
    await bench.settle()
    bench.enabled = False
    assert await bench.settle() is None
    assert (pcp.released, bench.told[-1]) == (1, ())
    assert not bench.worker.state.enabled


async def test_end_of_the_service_removes_the_mapping():
    pcp = Protocol("pcp", OUTSIDE)
    bench = Bench(pcp)
    running = asyncio.create_task(bench.worker.run())
    await bench.heard.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert pcp.released == 1


async def test_gateway_that_never_says_yes_or_no_does_not_hold_the_worker(monkeypatch):
    class Endless(Protocol):
        async def map(self, wished: int) -> Lease:
            await asyncio.sleep(3600)
            raise AssertionError(wished)

    monkeypatch.setattr(mapper, "TRY_S", 0.01)
    bench = Bench(Endless("upnp"), Protocol("last", OUTSIDE))
    await bench.settle()
    assert "no result within" in str(bench.worker.state.tried[0].failure)
    assert bench.told == [(OUTSIDE,)]


def listener(parse: Callable[[bytes], int]) -> exchange._Listener[int]:
    return exchange._Listener(parse)


async def test_answer_that_does_not_parse_is_passed_over_for_a_better_one():
    def parse(data: bytes) -> int:
        if data != b"yes":
            raise Malformed("no")
        return 7

    hears = listener(parse)
    for data in (b"no", b"yes" * 1000, b"yes", b"yes"):
        hears.datagram_received(data, ("192.168.1.1", 5351))
    assert hears.answer.result() == 7


async def test_answer_of_somebody_else_than_the_gateway_is_never_heard(monkeypatch):
    """NAT-PMP has no nonce: address and port of the gateway are all that an answer proves."""
    loop = asyncio.get_running_loop()
    with (
        socket.socket(type=socket.SOCK_DGRAM) as gateway,
        socket.socket(type=socket.SOCK_DGRAM) as other,
    ):
        for end in (gateway, other):
            end.bind(("127.0.0.1", 0))
            end.setblocking(False)
        monkeypatch.setattr(exchange, "GATEWAY_PORT", gateway.getsockname()[1])
        site = Site("127.0.0.1", "127.0.0.1", 40000)
        asking = asyncio.create_task(exchange.ask(site, b"?", bytes))
        _, client = await loop.sock_recvfrom(gateway, 10)
        other.sendto(b"lie", client)
        gateway.sendto(b"truth", client)
        assert await asking == b"truth"


async def test_refused_port_ends_the_wait():
    hears = listener(len)
    hears.error_received(ConnectionRefusedError(111, "Connection refused"))
    hears.datagram_received(b"late", ("192.168.1.1", 5351))
    with pytest.raises(NotMapped, match="refuses"):
        hears.answer.result()


def test_nonce_is_the_same_in_every_run_and_for_each_port_another():
    identity = SecretIdentity.generate(bytes(32), 2)
    nonces = {nonce_of(identity, port) for port in (1, 1, 2)}
    assert len(nonces) == 2
    assert {len(nonce) for nonce in nonces} == {12}


class Gateway:
    """Speaks NAT-PMP as it is told, from its own port, and so does whoever is in front of it."""

    def __init__(self, epochs):
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.epochs = epochs
        """Of the address answer, then of each mapping answer, all of which are sent in order."""

    async def serve(self):
        loop = asyncio.get_running_loop()
        _, client = await loop.sock_recvfrom(self.socket, 100)
        self.socket.sendto(struct.pack(">BBHI4s", 0, 128, 0, self.epochs[0], OUTSIDE.ip), client)
        _, client = await loop.sock_recvfrom(self.socket, 100)
        for number, epoch in enumerate(self.epochs[1:]):
            port = 40000 + number
            answer = struct.pack(">BBHIHHI", 0, 129, 0, epoch, 40000, port, 600)
            self.socket.sendto(answer, client)


async def map_by(gateway, monkeypatch):
    monkeypatch.setattr(exchange, "GATEWAY_PORT", gateway.socket.getsockname()[1])
    monkeypatch.setattr(exchange, "FIRST_WAIT_S", 0.01)
    serving = asyncio.create_task(gateway.serve())
    try:
        return await NatPmp(Site("127.0.0.1", "127.0.0.1", 40000)).map(40000)
    finally:
        serving.cancel()
        gateway.socket.close()


async def test_mapping_of_a_gateway_that_counts_on_is_taken(monkeypatch):
    lease = await map_by(Gateway([5_000, 5_001]), monkeypatch)
    assert (lease.external.ip, lease.external.port) == (OUTSIDE.ip, 40000)


async def test_answer_with_another_epoch_is_passed_over_for_that_of_the_gateway(monkeypatch):
    lease = await map_by(Gateway([5_000, 77_000, 4_000, 5_000]), monkeypatch)
    assert lease.external.port == 40002


async def test_gateway_whose_epochs_never_agree_maps_nothing(monkeypatch):
    with pytest.raises(NotMapped, match="does not answer"):
        await map_by(Gateway([5_000, 77_000]), monkeypatch)


@pytest.mark.parametrize(
    ("epoch", "after_s", "is_its"),
    [
        (1_000, 0, True),
        (1_300, 300, True),
        (1_339, 300, True),
        (1_261, 300, True),
        (1_350, 300, False),
        (1_250, 300, False),
        (500, 300, False),
        (0, 300, True),
        (299, 300, True),
        (0xFFFFFFFF, 300, False),
    ],
)
def test_epoch_goes_on_or_begins_anew(epoch, after_s, is_its):
    uptime = Uptime()
    uptime.note(1_000, 50.0)
    if is_its:
        uptime.note(epoch, 50.0 + after_s)
        return
    with pytest.raises(Malformed):
        uptime.note(epoch, 50.0 + after_s)
    uptime.note(1_000 + after_s, 50.0 + after_s)


async def test_each_question_leaves_by_a_port_of_its_own(monkeypatch):
    ports = []
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as gateway:
        gateway.bind(("127.0.0.1", 0))
        gateway.setblocking(False)
        monkeypatch.setattr(exchange, "GATEWAY_PORT", gateway.getsockname()[1])
        site = Site("127.0.0.1", "127.0.0.1", 40000)
        asking = [asyncio.create_task(exchange.ask(site, b"?", bytes)) for _ in range(4)]
        while len(set(ports)) < len(asking):
            _, client = await loop.sock_recvfrom(gateway, 10)
            ports.append(client[1])
            gateway.sendto(b"!", client)
        assert await asyncio.gather(*asking) == [b"!"] * len(asking)
