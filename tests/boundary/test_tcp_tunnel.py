"""The client's side of the TCP tunnel against a relay made of plain sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Self

import pytest
from relaying import (
    GREETING,
    HERE,
    THERE,
    WAIT_S,
    internet,
    is_closed,
    read_exactly,
    record,
    udp,
    wait_until,
)

from earthline._native import Driver, Switch, TcpRelay

LOOPBACK = bytes([127, 0, 0, 1])
PEER = socket.inet_aton(THERE)
DATAGRAM = bytes(range(100))
QUESTION = (
    bytes(8) + bytes.fromhex("0a11ce0001 0b0b000002 02".replace(" ", "")) + bytes(8) + b"\x04"
)
"""Enough of a WHOIS in suite 0 to be punted as a stranger's."""


@pytest.fixture
def inside() -> Iterator[Callable[[Callable[[], None]], None]]:
    with internet() as run:
        yield run


class Bench:
    """A driver with a tunnel to a relay that is ours to play."""

    def __init__(self) -> None:
        self.driver = Driver(Switch(0x0A11CE0001, bytes(32)))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(WAIT_S)
        self.driver.open_tunnel(LOOPBACK, self.listener.getsockname()[1], False, None)
        self.stream = self.listener.accept()[0]
        self.stream.settimeout(WAIT_S)
        assert read_exactly(self.stream, len(GREETING)) == GREETING

    def phase(self) -> str:
        return self.driver.tunnel()[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.close()
        self.stream.close()
        self.listener.close()


def test_what_goes_to_the_internet_leaves_by_udp_and_by_the_tunnel(inside) -> None:
    def copied() -> None:
        with Bench() as bench, udp(THERE, 9993) as peer:
            bench.driver.add_udp(1, socket.inet_aton(HERE), 0, None)
            for number in (1, -1):
                assert bench.driver.transmit(number, PEER, 9993, DATAGRAM, 0)
                assert peer.recv(4096) == DATAGRAM
                wrapped = record(THERE, 9993, DATAGRAM)
                assert read_exactly(bench.stream, len(wrapped)) == wrapped
            assert bench.driver.counters()["tunnel_tx"] == 2

    inside(copied)


def test_tunnel_carries_nothing_short_and_nothing_for_the_lan(inside) -> None:
    def kept() -> None:
        with Bench() as bench:
            bench.driver.add_udp(1, bytes(4), 0, None)
            bench.driver.add_udp(1 << 20, bytes(4), 0, None)
            bench.driver.transmit(1, socket.inet_aton("10.0.0.1"), 9993, DATAGRAM, 0)
            bench.driver.transmit(1, PEER, 9993, DATAGRAM[:15], 0)
            bench.driver.transmit(1 << 20, PEER, 9993, DATAGRAM, 0)
            assert bench.driver.transmit(-1, PEER, 9993, DATAGRAM[:16], 0)
            wrapped = record(THERE, 9993, DATAGRAM[:16])
            assert read_exactly(bench.stream, len(wrapped)) == wrapped
            assert bench.driver.counters()["tunnel_tx"] == 1

    inside(kept)


def test_datagrams_of_the_tunnel_reach_the_switch_without_a_socket(inside) -> None:
    def arrived() -> None:
        with Bench() as bench:
            bench.stream.sendall(b"\x17\x03\x03\x00\x00" + record(THERE, 9993, QUESTION))
            wait_until("it is punted", lambda: bench.driver.counters()["tunnel_rx"] == 1)
            punts: list = []
            wait_until("it is there", lambda: punts.extend(bench.driver.take_punts(9)) or punts)
            assert punts[0].path == (-1, PEER, 9993)
            assert bench.driver.tunnel()[2] > 0

    inside(arrived)


def test_tunnel_ends_with_a_reason_when_the_relay_talks_nonsense(inside) -> None:
    def ended() -> None:
        with Bench() as bench:
            bench.stream.sendall(b"HTTP/1.1 400 Bad Request\r\n")
            wait_until("it failed", lambda: bench.phase() == "failed")
            assert bench.driver.tunnel()[1] == "the other side does not speak this protocol"
            assert not bench.driver.transmit(-1, PEER, 9993, DATAGRAM, 0)

    inside(ended)


def test_tunnel_ends_with_a_reason_when_the_relay_hangs_up(inside) -> None:
    def ended() -> None:
        with Bench() as bench:
            bench.stream.close()
            wait_until("it failed", lambda: bench.phase() == "failed")
            assert bench.driver.tunnel()[1] == "the relay closed the connection"
            bench.driver.close_tunnel()
            assert bench.phase() == "closed"

    inside(ended)


def test_relay_that_reads_nothing_costs_a_bounded_queue(inside) -> None:
    def flooded() -> None:
        with Bench() as bench:

            def dropped() -> int:
                for _ in range(100):
                    bench.driver.transmit(-1, PEER, 9993, bytes(1400), 0)
                return bench.driver.counters()["drop_tunnel_queue"]

            wait_until("the queue is full", dropped)
            assert bench.phase() == "up"

    inside(flooded)


def test_tunnel_that_is_left_only_listens(inside) -> None:
    def left() -> None:
        with Bench() as bench:
            bench.driver.leave_tunnel()
            assert not bench.driver.transmit(-1, PEER, 9993, DATAGRAM, 0)
            bench.stream.sendall(record(THERE, 9993, QUESTION))
            wait_until("it is heard", lambda: bench.driver.counters()["tunnel_rx"] == 1)
            bench.driver.close_tunnel()
            assert is_closed(bench.stream)

    inside(left)


def test_silence_of_the_internet_is_noted_until_it_answers(inside) -> None:
    def noted() -> None:
        with Bench() as bench, udp(THERE, 9993) as peer:
            driver = bench.driver
            driver.add_udp(1, socket.inet_aton(HERE), 0, None)
            driver.transmit(1, socket.inet_aton("10.0.0.1"), 9993, DATAGRAM, 0)
            assert driver.unanswered_since() == 0
            driver.transmit(1, PEER, 9993, DATAGRAM, 0)
            since = driver.unanswered_since()
            assert since > 0
            driver.transmit(1, PEER, 9993, DATAGRAM, 0)
            assert driver.unanswered_since() == since
            endpoint = peer.recvfrom(4096)[1]
            # Whoever it is can send that much; what answers a question of ours the engine says.
            before = driver.counters()["udp_rx"]
            peer.sendto(DATAGRAM, endpoint)
            wait_until("it is heard", lambda: driver.counters()["udp_rx"] > before)
            assert driver.unanswered_since() == since
            driver.answered()
            assert driver.unanswered_since() == 0
            driver.transmit(1, PEER, 9993, DATAGRAM, 0)
            assert driver.unanswered_since() >= since

    inside(noted)


def test_tunnel_to_our_own_relay_comes_up_in_tls(inside) -> None:
    def up() -> None:
        relay = TcpRelay([(LOOPBACK, 0)], None, 10)
        driver = Driver(Switch(0x0A11CE0001, bytes(32)))
        with udp(THERE, 9993) as peer:
            driver.open_tunnel(LOOPBACK, relay.bound()[0][1], True, "lo")
            wait_until("it is up", lambda: driver.tunnel()[0] == "up")
            assert driver.transmit(-1, PEER, 9993, DATAGRAM, 0)
            assert peer.recv(4096) == DATAGRAM
        driver.close()
        relay.close()

    inside(up)
