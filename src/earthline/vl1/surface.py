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

_UNINFORMATIVE = frozenset((Scope.NONE, Scope.LOOPBACK, Scope.MULTICAST))


class Reporter(NamedTuple):
    """Who reported, over which of our sockets, and from where."""

    address: int
    socket: int
    endpoint: InetAddress
    scope: Scope


@dataclass(slots=True)
class Reported:
    """The address reported, and when."""

    surface: InetAddress
    at: int


class Sighting(NamedTuple):
    """By whom and over which path we are seen, and as what."""

    reporter: int
    path: Path
    surface: InetAddress


class Surface:
    """The newest report of each reporter; the oldest goes when there are too many."""

    def __init__(self) -> None:
        self._records: dict[Reporter, Reported] = {}

    def record(
        self, reporter: int, path: PathState, surface: InetAddress, now: int, *, upstream: bool
    ) -> bool:
        """Note a direct report; whether an upstream thereby says that our IP has changed.

        If so, what others reported in the scope is forgotten, and its paths must be tried anew.
        """
        scope = surface.scope
        if scope is not path.scope or scope in _UNINFORMATIVE:
            return False
        key = Reporter(reporter, path.socket, path.address, scope)
        before = self._records.pop(key, None)
        if before is None and len(self._records) >= MAX_RECORDS:
            del self._records[next(iter(self._records))]
        self._records[key] = Reported(surface, now)
        if before is None or not upstream or now - before.at >= LIFETIME_MS:
            return False
        if before.surface.ip == surface.ip:
            return False
        self._forget_others(key)
        return True

    def _forget_others(self, source: Reporter) -> None:
        self._records = {
            key: record
            for key, record in self._records.items()
            if key.scope is not source.scope or key.endpoint == source.endpoint
        }

    def addresses(self) -> tuple[InetAddress, ...]:
        """The distinct reported addresses, with ports."""
        return tuple(dict.fromkeys(record.surface for record in self._records.values()))

    def sightings(self) -> Iterator[Sighting]:
        """Every report, the newest last."""
        for key, record in self._records.items():
            path = (key.socket, key.endpoint.ip, key.endpoint.port)
            yield Sighting(key.address, path, record.surface)

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
