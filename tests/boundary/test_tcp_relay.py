"""The TCP relay against real sockets: what it carries, what it refuses, and for how many."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Self

import pytest
from relaying import (
    GREETING,
    HERE,
    THERE,
    connect,
    internet,
    is_closed,
    read_exactly,
    record,
    udp,
    wait_until,
)

from earthline._native import TcpRelay

LOOPBACK = bytes([127, 0, 0, 1])
PER_SOURCE = 64
DATAGRAM = bytes(range(200))


@pytest.fixture
def inside() -> Iterator[Callable[[Callable[[], None]], None]]:
    with internet() as run:
        yield run


class Bench:
    """A relay, and a peer somewhere on the internet."""

    def __init__(self, clients: int = 100) -> None:
        self.relay = TcpRelay([(LOOPBACK, 0)], None, clients)
        self.port = self.relay.bound()[0][1]
        self.peer = udp(THERE, 9993)

    def count(self, name: str) -> int:
        return self.relay.counters()[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.peer.close()
        self.relay.close()


@pytest.mark.parametrize("tls", [False, True])
def test_datagrams_cross_the_relay_both_ways(inside, tls) -> None:
    def crossed() -> None:
        with Bench() as bench, connect(bench.port, tls=tls) as stream:
            stream.sendall(GREETING + record(THERE, 9993, DATAGRAM))
            seen, endpoint = bench.peer.recvfrom(4096)
            assert seen == DATAGRAM
            for answer in (b"\x55" * 16, b"\xaa" * 2047):
                bench.peer.sendto(answer, endpoint)
                wrapped = record(THERE, 9993, answer)
                assert read_exactly(stream, len(wrapped)) == wrapped
            assert (bench.count("tcp_relay_to_udp"), bench.count("tcp_relay_to_tcp")) == (1, 2)

    inside(crossed)


def test_each_client_is_seen_at_an_endpoint_of_its_own(inside) -> None:
    def seen() -> None:
        with Bench() as bench, connect(bench.port) as one, connect(bench.port) as other:
            endpoints = set()
            for stream in (one, other, one):
                stream.sendall(GREETING + record(THERE, 9993, DATAGRAM))
                endpoints.add(bench.peer.recvfrom(4096)[1])
            assert len(endpoints) == 2
            wait_until("both are counted", lambda: bench.relay.clients() == 2)

    inside(seen)


def test_relay_is_no_way_to_its_own_neighbours_or_to_system_services(inside) -> None:
    def refused() -> None:
        with Bench() as bench, connect(bench.port) as stream, udp("10.0.0.1", 9993) as neighbour:
            places = [("10.0.0.1", 9993), ("127.0.0.1", 9993), ("224.0.0.1", 9993), (THERE, 1024)]
            stream.sendall(GREETING + b"".join(record(*to, DATAGRAM) for to in places))
            stream.sendall(record(THERE, 9993, b"too short"))
            stream.sendall(record(THERE, 9993, DATAGRAM))
            seen, endpoint = bench.peer.recvfrom(4096)
            assert seen == DATAGRAM
            assert bench.count("drop_tcp_relay_destination") == len(places)
            assert bench.count("drop_tcp_relay_size") == 1
            neighbour.sendto(DATAGRAM, (HERE, endpoint[1]))
            bench.peer.sendto(bytes(2048), endpoint)
            bench.peer.sendto(bytes(15), endpoint)
            bench.peer.sendto(DATAGRAM, endpoint)
            wrapped = record(THERE, 9993, DATAGRAM)
            assert read_exactly(stream, len(wrapped)) == wrapped
            assert bench.count("drop_tcp_relay_source") == 1
            assert bench.count("drop_tcp_relay_size") == 3

    inside(refused)


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x00\x05noise" * 9,
        b"\x17\x03\x04",
        record(THERE, 9993, DATAGRAM),
        GREETING + b"\x17\x03\x03\x00\x02\x05\x00",
        GREETING + b"\x17\x03\x03\x00\x06\x04\x50\x00\x00\x01\x27",
    ],
    ids=["http", "tls", "mark", "no greeting", "type", "short endpoint"],
)
def test_who_speaks_something_else_is_cut_off_and_others_are_served(inside, noise) -> None:
    def cut_off() -> None:
        with Bench() as bench, connect(bench.port) as good, connect(bench.port) as bad:
            bad.sendall(noise)
            while not is_closed(bad):
                pass
            assert bench.count("drop_tcp_relay_protocol") == 1
            good.sendall(GREETING + record(THERE, 9993, DATAGRAM))
            assert bench.peer.recv(4096) == DATAGRAM

    inside(cut_off)


def test_one_source_gets_no_more_than_its_share(inside) -> None:
    """Whoever is behind one NAT shares 64 connections: the next ends the one that is used least."""

    def shared() -> None:
        with Bench(clients=1000) as bench:
            streams = [connect(bench.port) for _ in range(PER_SOURCE)]
            for stream in streams[1:]:
                stream.sendall(GREETING + record(THERE, 9993, DATAGRAM))
                assert bench.peer.recv(4096) == DATAGRAM
            with connect(bench.port) as late, connect(bench.port, source=THERE) as stranger:
                for stream in (late, stranger):
                    stream.sendall(GREETING + record(THERE, 9993, DATAGRAM))
                    assert bench.peer.recv(4096) == DATAGRAM
                assert is_closed(streams[0])
            assert bench.count("drop_tcp_relay_full") == 1
            for stream in streams:
                stream.close()
            wait_until("they are forgotten", lambda: bench.relay.clients() == 0)
            with connect(bench.port) as again:
                again.sendall(GREETING + record(THERE, 9993, DATAGRAM))
                assert bench.peer.recv(4096) == DATAGRAM

    inside(shared)


def test_relay_that_one_source_filled_serves_another(inside) -> None:
    def full() -> None:
        with Bench(clients=2) as bench, connect(bench.port) as first, connect(bench.port) as second:
            first.sendall(GREETING + record(THERE, 9993, DATAGRAM))
            seen, endpoint = bench.peer.recvfrom(4096)
            assert seen == DATAGRAM
            bench.peer.sendto(DATAGRAM, endpoint)
            wrapped = record(THERE, 9993, DATAGRAM)
            assert read_exactly(first, len(wrapped)) == wrapped
            with connect(bench.port, source=THERE) as late:
                late.sendall(GREETING + record(THERE, 9993, DATAGRAM))
                assert bench.peer.recv(4096) == DATAGRAM
                assert is_closed(second)
                first.sendall(record(THERE, 9993, DATAGRAM))
                assert bench.peer.recv(4096) == DATAGRAM
            assert bench.count("drop_tcp_relay_full") == 1

    inside(full)


def test_relay_floods_nobody_who_does_not_answer(inside) -> None:
    def paced() -> None:
        with Bench() as bench, connect(bench.port) as stream, udp(THERE, 9994) as other:
            stream.sendall(GREETING + record(THERE, 9993, DATAGRAM) * 1000)
            endpoint = bench.peer.recvfrom(4096)[1]
            wait_until("all are judged", lambda: _judged(bench) == 1000)
            assert bench.count("tcp_relay_to_udp") < 100
            bench.peer.sendto(DATAGRAM, endpoint)
            wrapped = record(THERE, 9993, DATAGRAM)
            assert read_exactly(stream, len(wrapped)) == wrapped
            refused = bench.count("drop_tcp_relay_unanswered")
            stream.sendall(wrapped * 1000 + record(THERE, 9994, DATAGRAM))
            assert other.recv(4096) == DATAGRAM
            assert bench.count("drop_tcp_relay_unanswered") == refused

    def _judged(bench: Bench) -> int:
        return bench.count("tcp_relay_to_udp") + bench.count("drop_tcp_relay_unanswered")

    inside(paced)


def test_client_that_reads_nothing_costs_a_bounded_queue(inside) -> None:
    def flooded() -> None:
        with Bench() as bench, connect(bench.port) as stream:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stream.sendall(GREETING + record(THERE, 9993, DATAGRAM))
            endpoint = bench.peer.recvfrom(4096)[1]

            def dropped() -> int:
                for _ in range(100):
                    bench.peer.sendto(bytes(2000), endpoint)
                return bench.count("drop_tcp_relay_queue")

            wait_until("the queue is full", dropped)

    inside(flooded)


def test_unusable_certificate_is_refused_in_words(inside) -> None:
    def refused() -> None:
        with pytest.raises(OSError, match="the certificate cannot be used"):
            TcpRelay([(LOOPBACK, 0)], (b"no certificate", b"no key"), 10)

    inside(refused)


def test_relay_lets_go_of_its_port_when_it_is_closed(inside) -> None:
    def let_go() -> None:
        with Bench() as bench:
            port = bench.port
            with pytest.raises(OSError, match="in use"):
                TcpRelay([(LOOPBACK, port)], None, 10)
        TcpRelay([(LOOPBACK, port)], None, 10).close()

    inside(let_go)
