"""A planet's Earth: the open network that every node of the planet may join (06, 6.1, row 8).

A planet names its Earth by its world ID, which is the address of the network's controller, one of
its roots; the network is its ``<controller>000001``. So the node that is to control Earth has to be
known when the planet is made. World IDs that are addresses are numbers that every client reads:
older planets have the whole ID of the network instead, which is beyond what JavaScript can hold.
"""

from __future__ import annotations

from typing import Any

from earthline.controller.objects.lan_guard import lan_guard_capabilities, lan_guard_rules
from earthline.wire.inet import InetAddress

DEFAULT_RANGE = "28.0.0.0/7"
"""Not in use on private networks, so that it collides with nothing."""

MULTICAST_LIMIT = 256
"""ARP reaches its target by its own group; this bounds what a plain broadcast costs its sender."""

_WIDEST = 4
_NARROWEST = 30


def earth_definition(address_range: str = DEFAULT_RANGE) -> dict[str, Any]:
    """The body to POST to make Earth (04, 4). ValueError, one line, for an unfit range."""
    network = _read_range(address_range)
    first, last = _hosts(network)
    return {
        "name": "earth",
        "private": False,
        "enableBroadcast": True,
        "multicastLimit": MULTICAST_LIMIT,
        "routes": [{"target": str(network)}],
        "ipAssignmentPools": [{"ipRangeStart": first, "ipRangeEnd": last}],
        "v4AssignMode": {"zt": True},
        "v6AssignMode": {"rfc4193": True, "6plane": False, "zt": False},
        # Strangers share it, so none may pass for a server or for somebody else.
        "rules": lan_guard_rules(),
        "capabilities": lan_guard_capabilities(),
    }


def _read_range(text: str) -> InetAddress:
    try:
        network = InetAddress.parse(text)
    except ValueError:
        raise ValueError(f"Earth's range {text!r} is not an IPv4 network") from None
    if not network.is_ipv4 or not _WIDEST <= network.port <= _NARROWEST:
        sizes = f"/{_WIDEST} to /{_NARROWEST}"
        raise ValueError(f"Earth's range {text!r} is not an IPv4 network of {sizes}")
    if network.network != network:
        raise ValueError(f"Earth's range {text!r} has host bits set; {network.network} has none")
    return network


def _hosts(network: InetAddress) -> tuple[str, str]:
    """The first and the last host address of an IPv4 network."""
    first = int.from_bytes(network.ip, "big")
    last = first + (1 << 32 - network.port) - 1
    return _text(first + 1), _text(last - 1)


def _text(number: int) -> str:
    return InetAddress(number.to_bytes(4, "big"), 0).ip_text
