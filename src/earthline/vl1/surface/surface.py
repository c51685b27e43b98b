"""How the outside sees us: what peers report (02, 7.1)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from earthline.bounded import FairTable
from earthline.effects import Path
from earthline.vl1.peers.path import PathState
from earthline.wire.inet import InetAddress, Scope

LIFETIME_MS = 600_000
"""A report of our address counts for this long (02, 7.1)."""
MAX_OF_UPSTREAMS = 512
"""One for each of our sockets and each of their endpoints."""
MAX_OF_MEMBERS = 128
MAX_OF_STRANGERS = 64
"""Reports kept of members of our networks, and of all others: more say nothing new of our NAT, and
all are gone through for each push."""
MAX_FOREIGN = 8
"""Addresses reported by others than upstreams that peers are told of: they try no more (02, 7.3).

Anybody can report any address, and one for each port of its own.
"""

_UNINFORMATIVE = frozenset((Scope.NONE, Scope.LOOPBACK, Scope.MULTICAST))


class Reporter(NamedTuple):
    """Who reported, over which of our sockets, and from where."""

    address: int
    socket: int
    endpoint: InetAddress
    scope: Scope


@dataclass(slots=True)
class Reported:
    """The address reported, and when; and whether by an upstream, or at least by a member."""

    surface: InetAddress
    at: int
    upstream: bool
    vouched: bool


class Sighting(NamedTuple):
    """By whom and over which path we are seen, and as what."""

    reporter: int
    path: Path
    surface: InetAddress
    scope: Scope
    """Of the surface."""
    upstream: bool
    vouched: bool
    """By an upstream, or by a member of a common network."""


_Records: TypeAlias = FairTable[Reporter, int, Reported]


class Surface:
    """The newest report of each reporter, in order of time.

    Upstreams, members and strangers have a table each, so that none of them pushes out another.
    """

    def __init__(self) -> None:
        self._upstreams: _Records = FairTable(MAX_OF_UPSTREAMS)
        self._members: _Records = FairTable(MAX_OF_MEMBERS)
        self._strangers: _Records = FairTable(MAX_OF_STRANGERS)
        self._tables = (self._upstreams, self._members, self._strangers)

    def record(
        self,
        reporter: int,
        path: PathState,
        surface: InetAddress,
        now: int,
        *,
        upstream: bool,
        member: bool = False,
    ) -> bool:
        """Note a direct report; whether an upstream thereby says that our IP has changed.

        ``member``: the reporter proved membership in a common network.
        If so, what others reported in the scope is forgotten, and its paths must be tried anew.
        """
        scope = surface.scope
        if scope is not path.scope or scope in _UNINFORMATIVE:
            return False
        key = Reporter(reporter, path.socket, path.address, scope)
        before = next((known for table in self._tables if (known := table.pop(key))), None)
        others = self._members if member else self._strangers
        table = self._upstreams if upstream else others
        table.put(key, reporter, Reported(surface, now, upstream, upstream or member))
        if before is None or not upstream or now - before.at >= LIFETIME_MS:
            return False
        if before.surface.ip == surface.ip:
            return False
        self._forget_others(key)
        return True

    def _forget_others(self, source: Reporter) -> None:
        self._drop(lambda key, _: key.scope is source.scope and key.endpoint != source.endpoint)

    def _drop(self, unwanted: Callable[[Reporter, Reported], bool]) -> None:
        for table in self._tables:
            table.drop(unwanted)

    def _in_order(self) -> list[tuple[Reporter, Reported]]:
        """The newest last."""
        entries = (entry for table in self._tables for entry in table.items())
        return sorted(entries, key=lambda entry: entry[1].at)

    def addresses(self) -> tuple[InetAddress, ...]:
        """The distinct reported addresses, with ports."""
        return tuple(dict.fromkeys(record.surface for _, record in self._in_order()))

    def told(self) -> tuple[InetAddress, ...]:
        """What peers are told of these: all that upstreams report, then some of the others'.

        A stranger is believed about ports only, where anybody else says what our IP is.
        """
        records = [record for _, record in self._in_order()]
        first = dict.fromkeys(r.surface for r in records if r.upstream)
        ips = {record.surface.ip for record in records if record.vouched}
        others = [r for r in records if r.vouched or not ips or r.surface.ip in ips]
        others.sort(key=lambda record: record.vouched)  # each kind stays in order of time
        newest = dict.fromkeys(r.surface for r in reversed(others) if r.surface not in first)
        return (*first, *reversed([*newest][:MAX_FOREIGN]))

    def sightings(self) -> Iterator[Sighting]:
        """Every report, the newest last."""
        for key, record in self._in_order():
            path = (key.socket, key.endpoint.ip, key.endpoint.port)
            said = (record.surface, key.scope, record.upstream, record.vouched)
            yield Sighting(key.address, path, *said)

    def forget_sockets(self, sockets: Collection[int]) -> None:
        """Forget what was reported of sockets that are gone, or bound to another address."""
        self._drop(lambda key, _: key.socket in sockets)

    def expire(self, now: int) -> None:
        """Forget old reports."""
        self._drop(lambda _, record: now - record.at >= LIFETIME_MS)
