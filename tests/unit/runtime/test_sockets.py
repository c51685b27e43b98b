"""Where UDP sockets are bound, and how they follow the host (02, 7.8)."""

from __future__ import annotations

import pytest

from earthline.runtime.netlink import Interface
from earthline.runtime.settings import Settings
from earthline.runtime.sockets import Place, Ports, Sockets, wanted_places
from earthline.wire.inet import InetAddress

at = InetAddress.parse


def interface(name, *addresses, up=True):
    return Interface(1, name, up, tuple(at(text) for text in addresses))


def settings(**content):
    return Settings.model_validate(content)


def places(interfaces, parsed=None, ports=(9993,), own=()):
    found = wanted_places(interfaces, parsed or settings(), ports, own)
    return [(str(InetAddress(place.ip, place.port)), place.device) for place in found]


def test_one_socket_per_address_and_port():
    found = places([interface("eth0", "10.0.0.5/24", "2001:db8::5/64")], ports=(9993, 30000))
    assert found == [
        ("10.0.0.5/9993", "eth0"),
        ("2001:db8::5/9993", "eth0"),
        ("10.0.0.5/30000", "eth0"),
        ("2001:db8::5/30000", "eth0"),
    ]


@pytest.mark.parametrize("name", ["lo", "zt1", "tun0", "tap3", "docker0", "lan0"])
def test_virtual_and_blacklisted_interfaces_are_skipped(name):
    parsed = settings(settings={"interfacePrefixBlacklist": ["docker"]})
    assert places([interface(name, "10.0.0.5/24")], parsed, own=("lan0",)) == []


@pytest.mark.parametrize("address", ["127.0.0.1/8", "169.254.1.1/16", "fe80::5/64"])
def test_addresses_that_reach_nobody_are_skipped(address):
    assert places([interface("eth0", address)]) == []


def test_interface_that_is_down_is_skipped():
    assert places([interface("eth0", "10.0.0.5/24", up=False)]) == []


def test_blacklisted_physical_network_is_skipped():
    parsed = settings(physical={"10.0.0.0/8": {"blacklist": True}})
    found = places([interface("eth0", "10.0.0.5/24", "192.168.1.5/24")], parsed)
    assert found == [("192.168.1.5/9993", "eth0")]


def test_bind_list_replaces_the_scan():
    parsed = settings(settings={"bind": ["10.9.9.9", "::"]})
    found = places([interface("eth0", "10.0.0.5/24")], parsed)
    assert found == [("10.9.9.9/9993", None), ("::/9993", None)]


def test_host_with_very_many_addresses_is_bounded():
    many = [interface("eth0", *(f"10.0.{n // 250}.{n % 250 + 1}/16" for n in range(400)))]
    assert len(places(many)) == 256


class Driver:
    """Records what is bound; refuses what it is told to."""

    def __init__(self):
        self.open = {}
        self.refused = set()

    def add_udp(self, socket, ip, port, device):
        if ip in self.refused:
            raise OSError(99, "Cannot assign requested address")
        self.open[socket] = (ip, port, device)
        return port

    def remove_udp(self, socket):
        del self.open[socket]


def test_unchanged_sockets_are_never_touched():
    driver, reports = Driver(), []
    sockets = Sockets(driver, reports.append, Ports(9993, 0))
    one, two = Place(b"\n\0\0\1", 9993, "eth0"), Place(b"\n\0\0\2", 9993, "eth1")
    assert sockets.refresh([one])
    first = dict(driver.open)
    assert sockets.refresh([one, two])
    assert first.items() <= driver.open.items()
    assert not sockets.refresh([two, one])
    assert sockets.refresh([two])
    assert list(driver.open.values()) == [(two.ip, two.port, two.device)]
    assert [len(report.sockets) for report in reports] == [1, 2, 1]


def test_numbers_are_not_used_twice():
    driver, reports = Driver(), []
    sockets = Sockets(driver, reports.append, Ports(9993, 0))
    place = Place(b"\n\0\0\1", 9993, "eth0")
    sockets.refresh([place])
    sockets.refresh([])
    sockets.refresh([place])
    assert reports[0].sockets[0][0] != reports[2].sockets[0][0]


def test_address_that_cannot_be_bound_is_tried_again():
    driver, reports = Driver(), []
    sockets = Sockets(driver, reports.append, Ports(9993, 0))
    place = Place(b"\n\0\0\1", 9993, "eth0")
    driver.refused.add(place.ip)
    assert not sockets.refresh([place])
    driver.refused.clear()
    assert sockets.refresh([place])


def test_sockets_are_told_apart_by_family():
    sockets = Sockets(Driver(), lambda _report: None, Ports(9993, 0))
    sockets.refresh([Place(bytes(4), 9993, None), Place(bytes(16), 9993, None)])
    assert len(sockets.numbers(ipv4=True)) == len(sockets.numbers(ipv4=False)) == 1
    assert sockets.numbers(ipv4=True) != sockets.numbers(ipv4=False)
