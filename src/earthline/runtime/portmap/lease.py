"""What is asked of a gateway, and what it grants."""

from __future__ import annotations

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

_REACHABLE = frozenset({Scope.PRIVATE, Scope.SHARED, Scope.PSEUDO_PRIVATE, Scope.GLOBAL})


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


def reachable(ip: bytes, port: int) -> InetAddress:
    """An outside address that a gateway named; `NotMapped` if nobody could reach us there."""
    external = InetAddress(ip, port)
    if port == 0 or external.scope not in _REACHABLE:
        raise NotMapped(f"the gateway names {external} as our outside address")
    return external
