"""What is asked of a gateway, and what it grants."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from earthline.wire.inet import InetAddress, Scope

CANDIDATES = 60
"""External ports tried: the internal one and those that follow."""
FIRST_CANDIDATE = 1025
"""Where they go on after 65535."""
LIFETIME_S = 600
"""What is asked for; renewed long before, and gone soon after a crash."""
CHECK_S = 120
"""A mapping is renewed at half its life, and at least this often: addresses and gateways change."""
SOONEST_S = 10
"""A lease is renewed no sooner than this, however short it is."""

_OUTSIDE = frozenset({Scope.PRIVATE, Scope.SHARED, Scope.GLOBAL})
"""Another NAT may be behind the gateway; pseudo-private networks are only found on virtual ones."""
_INSIDE_BITS = 24
"""What counts as our own network: its gateway has something else outside."""


class NotMapped(Exception):
    """Why a gateway does not map the port, by one protocol; one line."""


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway, and our own address and port behind it. IPs are text."""

    gateway: str
    client: str
    port: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A mapping as granted: the outside address, and for how many seconds (0: for ever)."""

    external: InetAddress
    lifetime_s: int

    @property
    def renew_in_s(self) -> int:
        """When to ask again."""
        half = self.lifetime_s // 2 if self.lifetime_s else CHECK_S
        return min(max(half, SOONEST_S), CHECK_S)


class Client(Protocol):
    """One protocol, spoken with the gateway of one site."""

    @property
    def name(self) -> str:
        """The protocol: ``pcp``, ``nat-pmp`` or ``upnp``."""

    async def map(self, wished: int) -> Lease:
        """Make or renew the mapping, best at the external port ``wished``; else `NotMapped`."""

    async def release(self) -> None:
        """Remove it, as far as the gateway lets us; else `NotMapped`."""


def candidates(wished: int) -> Iterator[int]:
    """External ports to try, in order."""
    for port in range(wished, wished + CANDIDATES):
        yield port if port <= 0xFFFF else FIRST_CANDIDATE + port - 0x10000


def reachable(site: Site, ip: bytes, port: int) -> InetAddress:
    """An outside address that a gateway named; `NotMapped` if that cannot be.

    NAT-PMP's answers prove nothing, so whoever is on our own network can give them in the gateway's
    name. They must not have us tell peers to look for us where we cannot be.
    """
    external = InetAddress(ip, port)
    if port == 0 or external.scope not in _OUTSIDE or _is_inside(site, ip):
        raise NotMapped(f"the gateway names {external} as its outside address")
    return external


def _is_inside(site: Site, ip: bytes) -> bool:
    inside = (
        ipaddress.ip_network(f"{host}/{_INSIDE_BITS}", False)
        for host in (site.client, site.gateway)
    )
    return len(ip) == 4 and any(ipaddress.IPv4Address(ip) in network for network in inside)
