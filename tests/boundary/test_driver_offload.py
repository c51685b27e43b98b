"""Whatever of cutting and joining is left to the kernel, the same arrives."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from stations import (
    ALICE,
    BOB,
    NETWORK,
    UDP_SEGMENT,
    WAIT_S,
    Namespace,
    Station,
    ip,
)

from earthline.effects import InstallPaths, InstallRoute
from earthline.wire.mac import mac_of

pytestmark = [
    pytest.mark.namespaces,
    pytest.mark.skipif(
        os.geteuid() != 0 or not Path("/dev/net/tun").exists(),
        reason="needs root and /dev/net/tun",
    ),
]


NOTHING = dict.fromkeys(("tso", "uso", "join", "gso", "gro"), False)
MODES = {
    "all on": {},
    "all off": NOTHING,
    **{f"{name} off": {name: False} for name in NOTHING},
    **{f"only {name}": {**NOTHING, name: True} for name in NOTHING},
}


class Lan:
    """Two namespaces with a cable between them, a station in each, and IP over the TAPs."""

    def __init__(
        self, near: Namespace, far: Namespace, offload: dict[str, bool], threads: int = 1
    ) -> None:
        self.threads = threads
        self.near, self.far = near, far
        self.inner = near.run(threading.get_native_id), far.run(threading.get_native_id)
        near.run(lambda: ip("link", "add", "one", "type", "veth", "peer", "name", "two"))
        near.run(lambda: ip("link", "set", "two", "netns", f"/proc/{self.inner[1]}/ns/net"))
        self.alice = near.run(lambda: self.station(near, ALICE, "one", 1, offload))
        self.bob = far.run(lambda: self.station(far, BOB, "two", 2, offload))
        near.run(lambda: self.meet(self.alice, self.bob, 2))
        far.run(lambda: self.meet(self.bob, self.alice, 1))

    def station(
        self, namespace: Namespace, address: int, device: str, host: int, offload: dict[str, bool]
    ) -> Station:
        ip("addr", "add", f"10.1.0.{host}/24", "dev", device)
        ip("link", "set", device, "up")
        station = Station(namespace, address, "tap", threads=self.threads, **offload)
        station.port = station.driver.add_udp(2, bytes([10, 1, 0, host]), 0, None)
        ip("addr", "add", f"10.2.0.{host}/24", "dev", "tap")
        return station

    @staticmethod
    def meet(station: Station, other: Station, host: int) -> None:
        path = (2, bytes([10, 1, 0, host]), other.port)
        station.meet(other)
        station.write(
            InstallPaths(other.address, (path,)), InstallRoute(other.address, path, direct=True)
        )
        mac = mac_of(other.address, NETWORK).to_bytes(6, "big").hex(":")
        ip("neighbour", "replace", f"10.2.0.{host}", "lladdr", mac, "dev", "tap")


@pytest.fixture
def near_and_far() -> Iterator[tuple[Namespace, Namespace]]:
    near, far = Namespace(), Namespace()
    yield near, far
    near.close()
    far.close()


@pytest.mark.parametrize("mode", [*MODES, "three threads"])
def test_streams_and_datagrams_arrive_whole_whatever_is_left_to_the_kernel(
    near_and_far: tuple[Namespace, Namespace], mode: str
) -> None:
    near, far = near_and_far
    lan = Lan(near, far, MODES.get(mode, {}), threads=3 if mode == "three threads" else 1)
    stream = os.urandom(4_000_000)
    sent, server = near.run(socket.socket), far.run(lambda: socket.create_server(("10.2.0.2", 0)))
    with sent, server:
        sent.settimeout(WAIT_S)
        server.settimeout(WAIT_S)
        sent.connect(server.getsockname())
        sender = threading.Thread(target=lambda: (sent.sendall(stream), sent.close()))
        sender.start()
        received, _ = server.accept()
        with received:
            received.settimeout(WAIT_S)
            assert b"".join(iter(lambda: received.recv(1 << 16), b"")) == stream
        sender.join()
    exchange_datagrams(near, far)
    assert lan.alice.driver.counters()["drop_tap_read"] == 0
    assert lan.bob.driver.counters()["drop_tap_write"] == 0
    assert lan.bob.switch.counters()["drop_unauthentic"] == 0


def exchange_datagrams(near: Namespace, far: Namespace) -> None:
    """Some of odd and even lengths, and several in one call where the kernel knows how."""
    sender, receiver = (
        namespace.run(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        for namespace in (near, far)
    )
    with sender, receiver:
        receiver.settimeout(WAIT_S)
        receiver.bind(("10.2.0.2", 0))
        target = receiver.getsockname()
        for length in (0, 1, 1333, 1400, 2772, 5000):
            datagram = os.urandom(length)
            for _ in range(20):
                sender.sendto(datagram, target)
            assert [receiver.recv(9000) for _ in range(20)] == [datagram] * 20
        many = os.urandom(10_500)
        sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
        sender.sendto(many, target)
        assert b"".join(receiver.recv(9000) for _ in range(11)) == many
