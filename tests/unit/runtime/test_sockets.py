"""Where UDP sockets are bound, and how they follow the host (02, 7.8)."""

from __future__ import annotations

import pytest

from earthline.runtime.host.netlink import Interface
from earthline.runtime.settings.settings import Settings
from earthline.runtime.sockets.sockets import (
    Place,
    Ports,
    Sockets,
    favourite_port,
    follow_settings,
    free_port,
    wanted_places,
    why_not_bound,
    wildcard_places,
)
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


def test_allow_list_leaves_everything_else_out():
    parsed = settings(
        settings={"interfacePrefixAllowlist": ["eth", "tun"], "interfacePrefixBlacklist": ["eth1"]}
    )
    names = ("eth0", "eth1", "wlan0", "tun0", "ethlan")
    found = [why_not_bound(interface(n, "10.0.0.5/24"), parsed, {"ethlan"}) for n in names]
    assert found == [
        None,
        "excluded by interfacePrefixBlacklist",
        "not in interfacePrefixAllowlist",
        None,
        "it belongs to a virtual network",
    ]


@pytest.mark.parametrize("bind", [[], ["10.0.0.5"]])
def test_no_socket_is_bound_where_all_goes_through_the_relay(bind):
    parsed = settings(settings={"forceTcpRelay": True, "bind": bind})
    assert places([interface("eth0", "10.0.0.5/24")], parsed) == []
    assert wildcard_places(parsed, (9993,)) == []


def test_same_port_twice_is_one_socket():
    assert list(Ports(9993, 9993, 0)) == [9993]


def test_ports_follow_the_settings_and_those_that_serve_stay():
    first = follow_settings(settings(), Ports(9993, 30000), 40000)
    assert (first.primary, first.secondary) == (9993, 30000)
    assert first.tertiary >= 40000
    assert follow_settings(settings(), first, 50000) == first
    named = settings(settings={"secondaryPort": 31000, "tertiaryPort": 41000, "primaryPort": 1})
    assert follow_settings(named, first, 40000) == Ports(9993, 31000, 41000)
    none = settings(settings={"allowSecondaryPort": False, "portMappingEnabled": False})
    assert follow_settings(none, first, 40000) == Ports(9993, 0, 0)
    assert follow_settings(settings(), Ports(9993, 0), 40000).secondary >= 20000


def test_secondary_port_is_the_same_in_each_run_if_it_is_free():
    """Else whoever had it for the best way to us sends to nobody after a restart."""
    favourite = free_port(40000)
    first, again = (follow_settings(settings(), Ports(9993, 0), favourite) for _ in range(2))
    assert first == again
    assert first.secondary == free_port(favourite + 1)
    other = follow_settings(settings(), Ports(first.secondary, 0), favourite)
    assert other.secondary > first.secondary


def test_favourite_port_is_a_nodes_own_and_the_next_free_one_is_taken():
    assert favourite_port(0x0A1B2C3D4E) == favourite_port(0x0A1B2C3D4E)
    assert favourite_port(0xFFFFFFFFFF) == 20000 + 0xFFFFFFFFFF % 45500
    first = free_port(40000)
    assert free_port(first, {first}) > first
    assert 20000 <= free_port(65535, {65535}) < 65535


def test_host_with_very_many_addresses_is_bounded():
    many = [interface("eth0", *(f"10.0.{n // 250}.{n % 250 + 1}/16" for n in range(400)))]
    assert len(places(many)) == 256


def test_device_made_anew_under_its_name_is_another_place():
    before, after = (
        wanted_places([Interface(index, "wan0", True, (at("10.0.0.5/24"),))], parsed, (9993,), ())
        for index, parsed in ((7, settings()), (8, settings()))
    )
    driver, reports = Driver(), []
    sockets = Sockets(driver, reports.append, Ports(9993, 0))
    sockets.refresh(before)
    assert sockets.refresh(after)
    assert [reports[0].sockets[0][0] in driver.open, len(driver.open)] == [False, 1]


def test_named_address_of_a_device_made_anew_is_another_place():
    parsed = settings(settings={"bind": ["10.0.0.5"]})
    before, after = (
        wanted_places([Interface(index, "wan0", True, (at("10.0.0.5/24"),))], parsed, (9993,), ())
        for index in (7, 8)
    )
    assert before != after


class Driver:
    """Records what is bound; refuses what it is told to."""

    def __init__(self):
        self.open = {}
        self.ways = {}
        self.refused = set()

    def add_udp(self, socket, ip, port, device):
        if ip in self.refused:
            raise OSError(99, "Cannot assign requested address")
        self.open[socket] = (ip, port, device)
        return port

    def set_ways(self, socket, ways):
        assert socket in self.open
        self.ways[socket] = ways

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


def test_mapped_address_is_told_with_the_sockets_and_only_when_it_changes():
    reports = []
    sockets = Sockets(Driver(), reports.append, Ports(9993, 0))
    mapped = (at("80.0.0.1/40000"),)
    for news in (mapped, mapped, ()):
        sockets.set_mapped(news)
    sockets.set_mapped(mapped)
    sockets.refresh([Place(b"\n\0\0\1", 9993, "eth0")])
    assert [report.mapped for report in reports] == [mapped, (), mapped, mapped]
    assert len(reports[-1].sockets) == 1


def test_socket_stays_bound_to_a_device_that_is_renamed():
    before, after = (
        wanted_places([Interface(7, name, True, (at("10.0.0.5/24"),))], settings(), (9993,), ())
        for name in ("eth0", "wan0")
    )
    driver, reports = Driver(), []
    sockets = Sockets(driver, reports.append, Ports(9993, 0))
    sockets.refresh(before)
    assert not sockets.refresh(after)
    assert [place.device for place in sockets.places] == ["wan0"]
    assert len(driver.open) == len(reports) == 1


def test_networks_of_the_cables_are_told_with_the_sockets_and_whenever_they_change():
    driver, reports = Driver(), []
    sockets = Sockets(driver, reports.append, Ports(9993, 0))
    for text in ("10.16.0.6/17", "10.16.0.6/24"):
        found = [Interface(7, "eth0", True, (at(text), at("fd00::5/64")))]
        sockets.refresh(wanted_places(found, settings(), (9993, 9994), ()))
    assert [report.on_link for report in reports] == [
        (at("10.16.0.0/17"), at("fd00::/64")),
        (at("10.16.0.0/24"), at("fd00::/64")),
    ]
    assert reports[0].sockets == reports[1].sockets


def test_each_socket_is_told_where_its_device_leads():
    driver = Driver()
    sockets = Sockets(driver, lambda _: None, Ports(9993, 0))
    wide, narrow = Place(b"\n\0\0\1", 9993, "eth0", 2), Place(b"\n\0\0\2", 9993, "eth1", 3)
    near = (at("10.0.0.0/24"),)
    sockets.refresh([wide, narrow], {(wide.ip, 2): None, (narrow.ip, 3): near})
    assert list(driver.ways.values()) == [None, near]
    sockets.refresh([wide, narrow], {})
    assert list(driver.ways.values()) == [None, None]
    assert sockets.ways_from(narrow) is None
