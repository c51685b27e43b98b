"""Devices are brought to what the controller says and the user allows (05, 8.3 and 8.5)."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from earthline.effects import ConfigureTap, PortFailed, Route
from earthline.runtime.base.keeping import Keeping
from earthline.runtime.host.netlink import Link
from earthline.runtime.settings.permissions import Permissions
from earthline.runtime.taps.taps import Taps
from earthline.wire.inet import InetAddress

NETWORK = 0xB48062DE76000001
FIRST_INDEX = 7
at = InetAddress.parse


class Kernel:
    """Driver and netlink at once, with the kernel's habits that matter here."""

    def __init__(self):
        self.devices = {}
        self.made = 0
        self.up = True
        self.addresses = set()
        self.routes = set()
        self.fault = None
        self.removed = []

    def add_tap(self, network, name, mac, mtu):
        if self.fault:
            raise self.fault
        self.devices[network] = [name, mtu]
        self.made += 1
        return name

    def remove_tap(self, network):
        self.devices.pop(network, None)
        self.addresses.clear()
        self.routes.clear()

    async def link(self, index):
        """The youngest device has the first index there is, and that before it none any more."""
        device = self.devices.get(NETWORK) if index == FIRST_INDEX + self.made - 1 else None
        return None if device is None else Link(device[0], self.up, device[1])

    async def set_link(self, _index, mtu):
        self.devices[NETWORK][1] = mtu
        self.up = True

    async def add_address(self, index, address):
        if self.fault:
            raise self.fault
        self.addresses.add(address)

    async def remove_address(self, index, address):
        """Other addresses of the same subnet go with the first one, and routes from it too."""
        self.removed.append(address)
        self.addresses = {a for a in self.addresses if a.network != address.network}
        self.routes = {route for route in self.routes if route.source != address}

    async def add_route(self, index, route):
        self.routes.add(route)

    async def remove_route(self, index, route):
        self.removed.append(route.target)
        self.routes.discard(route)


@pytest.fixture
def kernel(monkeypatch):
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo")])
    kernel = Kernel()
    monkeypatch.setattr(socket, "if_nametoindex", lambda _name: FIRST_INDEX + kernel.made - 1)
    return kernel


@contextlib.asynccontextmanager
async def running(kernel, home):
    reports = []
    taps = Taps(kernel, kernel, Keeping(home), reports.append)
    task = asyncio.create_task(taps.run())
    yield taps, reports
    task.cancel()


async def settled():
    """Nothing here ever waits, so that so many turns of the loop are plenty."""
    for _ in range(100):
        await asyncio.sleep(0)


def command(*addresses, routes=(), mtu=2800):
    return ConfigureTap(NETWORK, 2, mtu, tuple(at(a) for a in addresses), tuple(routes))


async def test_addresses_follow_the_configuration(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, _):
        taps.configure(command("10.7.0.59/16"))
        assert kernel.devices == {NETWORK: ["ztnl3gfxtx", 2800]}
        await settled()
        assert kernel.addresses == {at("10.7.0.59/16")}
        taps.configure(command("10.7.0.60/16", "fd00::1/88", mtu=1400))
        await settled()
        assert kernel.addresses == {at("10.7.0.60/16"), at("fd00::1/88")}
        assert kernel.devices[NETWORK][1] == 1400


async def test_neighbour_of_a_removed_address_comes_back(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, _):
        taps.configure(command("10.7.0.59/16", "10.7.0.60/16"))
        await settled()
        taps.configure(command("10.7.0.60/16"))
        await settled()
        assert kernel.addresses == {at("10.7.0.60/16")}


async def test_address_of_the_administrator_is_not_touched(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, _):
        taps.configure(command("10.7.0.59/16"))
        await settled()
        kernel.addresses.add(at("192.168.9.9/24"))
        taps.permit(NETWORK, Permissions(managed=False))
        await settled()
        assert kernel.addresses == {at("192.168.9.9/24")}
        assert kernel.removed == [at("10.7.0.59/16")]


async def test_route_taken_away_by_hand_comes_back(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, _):
        taps.configure(command("10.7.0.59/16", routes=[Route(at("10.8.0.0/16"))]))
        await settled()
        (route,) = kernel.routes
        kernel.routes.clear()
        taps.check()
        await settled()
        assert kernel.routes == {route}


async def test_flushed_addresses_come_back(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, _):
        taps.configure(command("10.7.0.59/16", "fd00::1/88"))
        await settled()
        kernel.addresses.clear()
        taps.check()
        await settled()
        assert kernel.addresses == {at("10.7.0.59/16"), at("fd00::1/88")}


async def test_link_that_was_put_down_or_given_a_larger_mtu_is_as_it_was(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, _):
        taps.configure(command("10.7.0.59/16", mtu=1400))
        await settled()
        kernel.devices[NETWORK][1], kernel.up = 2800, False
        taps.check()
        await settled()
        assert (kernel.devices[NETWORK][1], kernel.up) == (1400, True)


async def test_smaller_mtu_that_somebody_set_stays_as_long_as_it_is_smaller(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, _):
        taps.configure(command("10.7.0.59/16", mtu=1500))
        await settled()
        kernel.devices[NETWORK][1], kernel.up = 1400, False
        for mtu, expected in ((1500, 1400), (2800, 1400), (1300, 1300), (2800, 2800)):
            taps.configure(command("10.7.0.59/16", mtu=mtu))
            await settled()
            taps.check()
            await settled()
            assert (kernel.devices[NETWORK][1], kernel.up) == (expected, True)


async def test_renamed_device_is_the_same_device(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, _):
        taps.configure(command("10.7.0.59/16"))
        await settled()
        kernel.devices[NETWORK][0] = "office0"
        taps.check()
        await settled()
        assert taps.tap(NETWORK).name == "office0"
        assert taps.by_index == {FIRST_INDEX: NETWORK}
        assert kernel.made == 1


async def test_deleted_device_is_made_again_with_all_it_had(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, reports):
        taps.configure(command("10.7.0.59/16", routes=[Route(at("10.8.0.0/16"))]))
        await settled()
        kernel.remove_tap(NETWORK)
        taps.check()
        await settled()
        assert kernel.devices == {NETWORK: ["ztnl3gfxtx", 2800]}
        assert taps.by_index == {FIRST_INDEX + 1: NETWORK}
        assert kernel.addresses == {at("10.7.0.59/16")}
        assert [route.target for route in kernel.routes] == [at("10.8.0.0/16")]
        assert reports == []


async def test_network_left_while_its_device_is_looked_at_gets_no_other(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, _):
        taps.configure(command("10.7.0.59/16"))
        await settled()
        look = kernel.link

        async def link(index):
            taps.remove(NETWORK)
            return await look(index)

        kernel.link = link
        taps.check()
        await settled()
        assert (kernel.devices, kernel.made) == ({}, 1)


async def test_route_goes_when_it_is_no_longer_wanted(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, _):
        taps.configure(command("10.7.0.59/16", routes=[Route(at("10.8.0.0/16"))]))
        await settled()
        taps.configure(command("10.7.0.59/16"))
        await settled()
        assert kernel.routes == set()


async def test_default_routes_go_first_and_addresses_last(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, _):
        taps.permit(NETWORK, Permissions(default=True))
        taps.set_online(True)
        routes = [Route(at("10.8.0.0/16")), Route(at("0.0.0.0/0"), at("10.7.0.1/0"))]
        taps.configure(command("10.7.0.59/16", routes=routes))
        await settled()
        taps.configure(command())
        await settled()
        halves = [at("0.0.0.0/1"), at("128.0.0.0/1")]
        assert kernel.removed == [*halves, at("10.8.0.0/16"), at("10.7.0.59/16")]


async def test_default_route_comes_and_goes_with_being_online(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, _):
        taps.permit(NETWORK, Permissions(default=True))
        taps.configure(command("10.7.0.59/16", routes=[Route(at("0.0.0.0/0"), at("10.7.0.1/0"))]))
        await settled()
        assert kernel.routes == set()
        taps.set_online(True)
        await settled()
        assert len(kernel.routes) == 2
        taps.set_online(False)
        await settled()
        assert kernel.routes == set()


async def test_default_route_waits_for_filters_that_let_answers_in(kernel, tmp_path, monkeypatch):
    async with running(kernel, tmp_path) as (taps, _):
        said, restored = ["eth0 drops it"], []
        monkeypatch.setattr(taps.reverse_path, "loosen", lambda: said[0])
        monkeypatch.setattr(taps.reverse_path, "restore", lambda: restored.append(kernel.routes))
        taps.permit(NETWORK, Permissions(default=True))
        taps.set_online(True)
        route = Route(at("0.0.0.0/0"), at("10.7.0.1/0"))
        taps.configure(command("10.7.0.59/16", routes=[route]))
        await settled()
        assert (kernel.routes, taps.tap(NETWORK).default_error) == (set(), "eth0 drops it")
        assert taps.tap(NETWORK).filter_error == "eth0 drops it"
        taps.set_online(False)
        await settled()
        assert taps.tap(NETWORK).default_error == "nobody answers this node just now"
        assert taps.tap(NETWORK).filter_error == ""
        taps.set_online(True)
        await settled()
        said[0] = ""
        restored.clear()
        taps.check()
        await settled()
        assert (len(kernel.routes), taps.tap(NETWORK).default_error, restored) == (2, "", [])
        assert taps.tap(NETWORK).filter_error == ""
        taps.permit(NETWORK, Permissions())
        await settled()
        assert restored == [set()]


async def test_device_that_vanishes_while_it_is_made_is_made_by_the_next_pass(
    kernel, tmp_path, monkeypatch
):
    async with running(kernel, tmp_path) as (taps, reports):
        find = socket.if_nametoindex

        def vanished(_name):
            raise OSError(19, "No such device")

        monkeypatch.setattr(socket, "if_nametoindex", vanished)
        taps.configure(command("10.7.0.59/16"))
        assert kernel.devices == {}
        monkeypatch.setattr(socket, "if_nametoindex", find)
        taps.check()
        await settled()
        assert kernel.addresses == {at("10.7.0.59/16")}
        assert reports == [PortFailed(NETWORK, "No such device"), PortFailed(NETWORK, "")]


async def test_wish_that_cannot_be_met_is_told_and_the_own_name_taken(kernel, tmp_path):
    (tmp_path / "devicemap").write_text(f"{NETWORK:016x}=a/b\n")
    async with running(kernel, tmp_path) as (taps, reports):
        taps.configure(command("10.7.0.59/16"))
        assert kernel.devices[NETWORK][0] == "ztnl3gfxtx"
        assert taps.tap(NETWORK).wish_error == (
            "it is called ztnl3gfxtx, not 'a/b' as devicemap says: no interface has such a name"
        )
        assert reports == []


async def test_failure_is_reported_once_and_so_is_its_end(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, reports):
        kernel.fault = PermissionError(1, "Operation not permitted")
        taps.configure(command("10.7.0.59/16"))
        taps.check()
        await settled()
        assert reports == [PortFailed(NETWORK, "Operation not permitted")]
        kernel.fault = None
        taps.check()
        await settled()
        assert reports[1:] == [PortFailed(NETWORK, "")]
        assert kernel.addresses == {at("10.7.0.59/16")}


async def test_close_removes_every_device(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, _):
        taps.configure(command("10.7.0.59/16"))
        await settled()
        taps.close()
        assert kernel.devices == {}
        taps.close()


async def test_network_left_before_its_turn_is_skipped(kernel, tmp_path):
    async with running(kernel, tmp_path) as (taps, reports):
        taps.configure(command("10.7.0.59/16"))
        taps.remove(NETWORK)
        await settled()
        assert (kernel.devices, kernel.addresses, reports) == ({}, set(), [])
