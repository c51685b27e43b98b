"""A subnet for a network whose owner chose none: the same for a network ID, wherever it is free.

    10.48.0.0 to 10.95.255.0         most networks
    172.24.0.0 to 172.31.255.0       where somebody routes all of those elsewhere
    192.168.100.0 to 192.168.254.0   and all of these

The parts of 10.0.0.0/8 that routers, VPNs, clouds and container hosts give out by themselves are
left to them: they are what members have at home, of whom nothing is known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from earthline.controller.objects.coercion import JsonObject
from earthline.wire.inet import InetAddress

PREFIX = 24
"""254 members."""

SHORTEST_ROUTE = 8
"""A route to more than that is a way out, and not somebody's network."""

_BLOCKS = ((0x0A3000, 0x0A5FFF), (0xAC1800, 0xAC1FFF), (0xC0A864, 0xC0A8FE))
"""First and last /24 of each, as the upper 24 bits of an address."""


class NoFreeSubnet(Exception):
    """Every subnet there is to give out is in use. One line with what to do instead."""


def default_subnet(network: int, occupied: Iterable[InetAddress]) -> InetAddress:
    """The subnet of a network; ``occupied``: IPv4 networks that it must not touch."""
    taken = [_span(it) for it in occupied if it.is_ipv4 and SHORTEST_ROUTE <= it.port <= it.bits]
    draw = hashlib.sha256(network.to_bytes(8, "big")).digest()
    for first, last in _BLOCKS:
        count = last - first + 1
        start = int.from_bytes(draw[:8], "big") % count
        for step in range(count):
            number = first + (start + step) % count
            if not _touches(number, taken):
                return InetAddress((number << 8).to_bytes(4, "big"), PREFIX)
    raise NoFreeSubnet("no subnet is free for this network: choose one with --pool and --route")


def subnet_fields(subnet: InetAddress) -> JsonObject:
    """What to post to a network so that its members get addresses of this subnet."""
    first = int.from_bytes(subnet.ip, "big")
    ends = (first + 1, first + (1 << subnet.bits - subnet.port) - 2)
    start, end = (InetAddress(number.to_bytes(4, "big"), 0).ip_text for number in ends)
    return {
        "routes": [{"target": str(subnet), "via": None}],
        "ipAssignmentPools": [{"ipRangeStart": start, "ipRangeEnd": end}],
        "v4AssignMode": {"zt": True},
    }


def _span(network: InetAddress) -> tuple[int, int]:
    """The first and the last /24 that a network touches."""
    first = int.from_bytes(network.network.ip, "big")
    return first >> 8, first + (1 << network.bits - network.port) - 1 >> 8


def _touches(number: int, taken: Sequence[tuple[int, int]]) -> bool:
    return any(first <= number <= last for first, last in taken)
