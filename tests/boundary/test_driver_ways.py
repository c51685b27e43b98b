"""What the I/O driver sends nowhere: into its own devices, and by cables that do not lead there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from earthline._native import Driver, Switch
from earthline.lab import Host, Lab
from earthline.lab.service import wait_until

ALICE = 0xA11CE00001
NETWORK = 0x8056C2E21C000001
MARK = 0x45000000
LOOPBACK = bytes([127, 0, 0, 1])
THERE = "10.1.0.2"


@pytest.fixture
def host(lab: Lab) -> Host:
    """A host that says nothing by itself on a new interface."""
    host = lab.host("any")
    host.namespace.sysctl("net/ipv6/conf/default/disable_ipv6", "1")
    return host


@pytest.fixture(params=[1, 2])
def driver(request: pytest.FixtureRequest, host: Host) -> Iterator[Driver]:
    """Its TAP leads to a neighbour whose MAC is known, so that nobody asks for it."""
    with host.inside():
        driver = Driver(Switch(ALICE, bytes(32), threads=request.param), mark=MARK)
        driver.add_tap(NETWORK, "ela", 2, 1500)
    host.run(["ip", "address", "add", "10.1.0.1/24", "dev", "ela"])
    mac = ["lladdr", "02:00:00:00:00:02", "nud", "permanent"]
    host.run(["ip", "neigh", "add", THERE, *mac, "dev", "ela"])
    with closing(driver):
        yield driver


def send_marked(host: Host, mark: int) -> None:
    with host.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        sender.sendto(b"somebody's", (THERE, 9))


def refused(host: Host) -> int:
    path = "/sys/class/net/ela/statistics/tx_dropped"
    return int(host.run(["cat", path]))


def test_device_takes_no_frame_that_bears_the_mark_of_our_sockets(
    host: Host, driver: Driver
) -> None:
    with host.inside():
        driver.add_udp(1, bytes(4), 0, None)
    assert driver.transmit(1, socket.inet_aton(THERE), 9, b"our own", 0)
    send_marked(host, MARK)
    send_marked(host, MARK | 0x0000_4001)  # whoever sets the other bytes changes nothing
    assert refused(host) == 3
    for others in (0, 0x4001, 0x4600_0000, 0x0045_0000):
        send_marked(host, others)
    wait_until("all of others come", lambda: driver.counters()["tap_rx"] == 4)
    assert refused(host) == 3


def test_driver_without_a_mark_takes_all(host: Host) -> None:
    with host.inside():
        driver = Driver(Switch(ALICE, bytes(32)))
        driver.add_tap(NETWORK, "ela", 2, 1500)
        driver.add_udp(1, bytes(4), 0, None)
    with closing(driver):
        host.run(["ip", "address", "add", "10.1.0.1/24", "dev", "ela"])
        host.run(["ip", "neigh", "add", THERE, "lladdr", "02:00:00:00:00:02", "dev", "ela"])
        assert driver.transmit(1, socket.inet_aton(THERE), 9, b"our own", 0)
        wait_until("it comes", lambda: driver.counters()["tap_rx"] == 1)


def test_socket_sends_only_where_its_device_leads(host: Host) -> None:
    with host.inside():
        driver = Driver(Switch(ALICE, bytes(32)))
        driver.add_udp(1, LOOPBACK, 0, None)
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.bind(("127.0.0.1", 0))
    with closing(driver), peer:
        port = peer.getsockname()[1]
        driver.set_ways(1, [(bytes([10, 0, 0, 0]), 8)])
        assert not driver.transmit(1, LOOPBACK, port, b"astray", 0)
        assert driver.counters()["drop_no_route"] == 1
        assert not driver.transmit(-1, LOOPBACK, port, b"astray", 0)
        assert driver.transmit_whole(1, LOOPBACK, port, b"astray")
        driver.set_ways(1, [(bytes([10, 0, 0, 0]), 8), (LOOPBACK, 32)])
        assert driver.transmit(1, LOOPBACK, port, b"one", 0)
        driver.set_ways(1, None)
        assert driver.transmit(-1, LOOPBACK, port, b"two", 0)
        assert [peer.recv(64), peer.recv(64)] == [b"one", b"two"]
        driver.set_ways(9, None)
        with pytest.raises(ValueError, match="IPv4"):
            driver.set_ways(1, [(bytes(16), 0)])
