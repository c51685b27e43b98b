"""The subnet of a network whose owner chose none."""

from __future__ import annotations

import pytest
from controller_lab import LAB

from earthline.controller.objects.default_subnet import NoFreeSubnet, default_subnet, subnet_fields
from earthline.wire.inet import InetAddress


def subnet(*occupied: str, network: int = LAB) -> str:
    return str(default_subnet(network, map(InetAddress.parse, occupied)))


def test_subnet_follows_from_the_network_id() -> None:
    found = {subnet(network=LAB + number) for number in range(50)}
    assert subnet() == subnet()
    assert len(found) > 40
    assert all(48 <= int(text.split(".")[1]) <= 95 and text.startswith("10.") for text in found)


@pytest.mark.parametrize("length", [8, 12, 16, 23, 24, 25, 32])
def test_subnet_touches_nothing_that_is_occupied(length: int) -> None:
    usual = InetAddress.parse(subnet())
    in_the_way = InetAddress(usual.ip[:3] + b"\x81", length)
    found = InetAddress.parse(subnet(str(in_the_way)))
    assert found != usual
    assert not in_the_way.network.contains(found)
    assert not found.contains(in_the_way)


@pytest.mark.parametrize("route", ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "fd00::/8"])
def test_way_out_is_in_nobody_s_way(route: str) -> None:
    assert subnet(route) == subnet()


def test_other_ranges_come_next() -> None:
    assert subnet("10.0.0.0/8").startswith("172.")
    assert subnet("10.0.0.0/8", "172.16.0.0/12").startswith("192.168.")
    with pytest.raises(NoFreeSubnet, match="--pool and --route"):
        subnet("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


def test_every_host_of_the_subnet_is_in_the_pool() -> None:
    assert subnet_fields(InetAddress.parse("10.60.3.0/24")) == {
        "routes": [{"target": "10.60.3.0/24", "via": None}],
        "ipAssignmentPools": [{"ipRangeStart": "10.60.3.1", "ipRangeEnd": "10.60.3.254"}],
        "v4AssignMode": {"zt": True},
    }
