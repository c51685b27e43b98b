"""News from the kernel, as the service understands it."""

from __future__ import annotations

import asyncio

import pytest

from earthline.lab import Lab
from earthline.runtime.netlink import Change, Netlink


@pytest.fixture
def lab():
    with Lab() as lab:
        yield lab


async def first_default_route(netlink: Netlink) -> Change:
    async for change in netlink.changes():
        if change.default_route:
            return change
    raise AssertionError("the news ended")


def test_default_route_is_news_and_other_routes_are_not(lab: Lab) -> None:
    host = lab.host("any")

    async def listen() -> list[Change]:
        async with Netlink() as netlink:
            host.run(["ip", "route", "del", "default"])
            gone = await asyncio.wait_for(first_default_route(netlink), 20)
            host.run(["ip", "route", "add", "10.77.0.0/16", "dev", "eth0"])
            host.run(["ip", "route", "add", "default", "dev", "eth0"])
            return [gone, await asyncio.wait_for(first_default_route(netlink), 20)]

    with host.inside():
        changes = asyncio.run(listen())
    assert all(change.interface > 0 for change in changes)
