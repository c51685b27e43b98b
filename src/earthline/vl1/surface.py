"""How the outside sees us: what peers report (02, 7.1)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from earthline.effects import Path
from earthline.vl1.path import PathState
from earthline.wire.inet import InetAddress, Scope

LIFETIME_MS = 600_000
MAX_RECORDS = 4_096
MAX_FOREIGN = 8
"""Addresses reported by others than upstreams that peers are told of: they try no more (7.3).

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
    upstream: bool
    vouched: bool
    """By an upstream, or by a member of a common network."""


class Surface:
    """The newest report of each reporter; of too many the oldest goes, an upstream's last."""

    def __init__(self) -> None:
        self._records: dict[Reporter, Reported] = {}

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
        before = self._records.pop(key, None)
        if before is None and len(self._records) >= MAX_RECORDS:
            self._forget_oldest()
        self._records[key] = Reported(surface, now, upstream, upstream or member)
        if before is None or not upstream or now - before.at >= LIFETIME_MS:
            return False
        if before.surface.ip == surface.ip:
            return False
        self._forget_others(key)
        return True

    def _forget_oldest(self) -> None:
        others = (key for key, record in self._records.items() if not record.upstream)
        del self._records[next(others, next(iter(self._records)))]

    def _forget_others(self, source: Reporter) -> None:
        self._records = {
            key: record
            for key, record in self._records.items()
            if key.scope is not source.scope or key.endpoint == source.endpoint
        }

    def addresses(self) -> tuple[InetAddress, ...]:
        """The distinct reported addresses, with ports."""
        return tuple(dict.fromkeys(record.surface for record in self._records.values()))

    def told(self) -> tuple[InetAddress, ...]:
        """What peers are told of these: all that upstreams report, then some of the others'.

        A stranger is believed about ports only, where anybody else says what our IP is.
        """
        records = self._records.values()
        first = dict.fromkeys(r.surface for r in records if r.upstream)
        ips = {record.surface.ip for record in records if record.vouched}
        others = [r for r in records if r.vouched or not ips or r.surface.ip in ips]
        others.sort(key=lambda record: record.vouched)  # each kind stays in order of time
        newest = dict.fromkeys(r.surface for r in reversed(others) if r.surface not in first)
        return (*first, *reversed([*newest][:MAX_FOREIGN]))

    def sightings(self) -> Iterator[Sighting]:
        """Every report, the newest last."""
        for key, record in self._records.items():
            path = (key.socket, key.endpoint.ip, key.endpoint.port)
            yield Sighting(key.address, path, record.surface, record.upstream, record.vouched)

    def forget_sockets(self, sockets: Collection[int]) -> None:
        """Forget what was reported of sockets that are gone, or bound to another address."""
        self._records = {
            key: record for key, record in self._records.items() if key.socket not in sockets
        }

    def expire(self, now: int) -> None:
        """Forget old reports."""
        self._records = {
            key: record for key, record in self._records.items() if now - record.at < LIFETIME_MS
        }
