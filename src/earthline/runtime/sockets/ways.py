"""Where the interfaces lead that sockets are bound to (02, 7.8).

Linux takes an IPv4 address that an interface has no route to for one of its own cable, if a socket
is bound to that interface. So a private interface without a router would be asked for all the
internet, datagram by datagram, and what is sent would wait there in vain.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, TypeAlias

from earthline.wire.inet import InetAddress

Ways: TypeAlias = tuple[InetAddress, ...] | None
"""The IPv4 networks that an interface leads to; None: everywhere."""

Source: TypeAlias = tuple[bytes, int]
"""A local IPv4 address, and the index of the interface that has it."""

ROUTES = Path("/proc/net/route")
"""The main table: lines of interface, target, gateway, flags, 3 counts, mask; integers are hex, and
addresses in the order of the wire, read as an integer of this machine."""
MAX_ROUTES = 1024
"""An interface with more routes leads far enough."""
_UP, _REJECT = 0x0001, 0x0200


class Router(Protocol):
    """The part of `Netlink` that knows the ways."""

    async def leads_afar(self, index: int, source: str, mark: int) -> bool: ...


async def find_ways(router: Router, names: Mapping[Source, str], mark: int) -> dict[Source, Ways]:
    """Where sockets with a ``mark`` (0: none) get from the sources, named with their interfaces.

    Only an interface that has no way to everywhere else is looked at more closely.
    """
    found: dict[Source, Ways] = {}
    nearby: dict[str, Ways] | None = None
    for (ip, index), name in names.items():
        if await router.leads_afar(index, socket.inet_ntoa(ip), mark):
            found[ip, index] = None
            continue
        if nearby is None:
            nearby = routes_by_interface(ROUTES.read_text())  # noqa: ASYNC240 - of the kernel
        found[ip, index] = nearby.get(name, ())
    return found


def routes_by_interface(table: str) -> dict[str, Ways]:
    """The targets of each interface's routes, from the text of the kernel's table."""
    targets: dict[str, set[InetAddress]] = {}
    for name, target in _targets(table.splitlines()[1:]):
        targets.setdefault(name, set()).add(target)
    return {
        name: tuple(sorted(networks)) if len(networks) <= MAX_ROUTES else None
        for name, networks in targets.items()
    }


def _targets(lines: Iterable[str]) -> Iterator[tuple[str, InetAddress]]:
    for words in (line.split() for line in lines):
        if len(words) < 8 or int(words[3], 16) & (_UP | _REJECT) != _UP:
            continue
        ip = struct.pack("=I", int(words[1], 16))
        yield words[0], InetAddress(ip, int(words[7], 16).bit_count())


def lead_to(ways: Ways, address: InetAddress) -> bool:
    """Whether ways lead to an IPv4 address."""
    return ways is None or any(network.contains(address) for network in ways)
