"""News from the kernel, as the service understands it."""

from __future__ import annotations

import asyncio

import pytest

from earthline.lab import Host, Lab
from earthline.lab.service import Service
from earthline.runtime.host.default_routes import DefaultRoutes
from earthline.runtime.host.netlink import Change, Netlink


@pytest.fixture
def lab():
    with Lab() as lab:
        yield lab


async def first_default_route(netlink: Netlink) -> Change:
    async for change in netlink.changes():
        if change.default_route is not None:
            return change
    raise AssertionError("the news ended")


def test_default_route_is_news_and_other_routes_are_not(lab: Lab) -> None:
    host = lab.host("any")

    async def listen() -> list[Change]:
        async with asyncio.timeout(40), Netlink() as netlink:
            host.run(["ip", "route", "del", "default"])
            gone = await first_default_route(netlink)
            host.run(["ip", "route", "add", "10.77.0.0/16", "dev", "eth0"])
            host.run(["ip", "route", "add", "default", "dev", "eth0"])
            return [gone, await first_default_route(netlink)]

    with host.inside():
        changes = asyncio.run(listen())
    assert all(change.interface > 0 for change in changes)


def test_routes_of_every_table_are_told_and_the_way_out_is_not(lab: Lab) -> None:
    host = lab.host("any")

    async def routed() -> set[str]:
        async with Netlink() as netlink:
            return {str(target) for target in await netlink.routed()}

    host.run(["ip", "route", "add", "10.77.0.0/16", "dev", "eth0"])
    host.run(["ip", "route", "add", "10.78.0.0/16", "dev", "eth0", "table", "77"])
    with host.inside():
        found = asyncio.run(routed())
    assert found >= {"10.77.0.0/16", "10.78.0.0/16"}
    assert not any(target.endswith("/0") for target in found)


def test_new_network_keeps_off_the_routes_of_its_controllers_host(lab: Lab) -> None:
    host = lab.host("any")
    host.run(["ip", "route", "add", "10.0.0.0/8", "dev", "eth0", "table", "77"])
    service = Service(host)
    service.start()
    made = service.request("POST", "/earthline/controller/network", {"name": "office"})
    assert made["routes"][0]["target"].startswith("172.")
    stock = service.request("POST", "/controller/network", {})
    assert (stock["routes"], stock["ipAssignmentPools"]) == ([], [])
    service.stop()


ADVERTISED = ["default", "via", "fe80::1", "dev", "eth0", "metric", "1024"]
SETTLED_S = 0.3


async def moves_after(host: Host, *commands: list[str]) -> int:
    """How often the host is found to have moved by ``ip`` commands, after a first advertisement."""
    reports: list[None] = []
    routes = DefaultRoutes(lambda: reports.append(None))

    async def follow(netlink: Netlink) -> None:
        async for change in netlink.changes():
            routes.note(change)

    async with Netlink() as netlink:
        tasks = [asyncio.create_task(job) for job in (follow(netlink), routes.watch.run())]
        host.run(["ip", "-6", "route", "add", *ADVERTISED])
        await asyncio.sleep(SETTLED_S)
        assert len(reports) == 1
        for command in commands:
            host.run(["ip", *command])
        await asyncio.sleep(SETTLED_S)
        for task in tasks:
            task.cancel()
    return len(reports) - 1


def test_advertised_route_that_is_set_again_is_no_move(lab: Lab) -> None:
    host = lab.host("any")
    with host.inside():
        again = ["-6", "route", "replace", *ADVERTISED, "expires", "1800"]
        assert asyncio.run(moves_after(host, again, again)) == 0


@pytest.mark.parametrize(
    "command",
    [
        ["-6", "route", "replace", *ADVERTISED[:2], "fe80::2", *ADVERTISED[3:]],
        ["-6", "route", "del", *ADVERTISED],
        ["route", "replace", "default", "dev", "eth0"],
        ["route", "del", "default"],
    ],
)
def test_other_gateway_and_lost_route_are_moves(lab: Lab, command: list[str]) -> None:
    host = lab.host("any")
    with host.inside():
        assert asyncio.run(moves_after(host, command)) == 1
