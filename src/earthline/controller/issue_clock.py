"""The time a network's credentials are issued at, which never runs backwards (03, 3.7 item 2).

Members compare the timestamps of certificates with one another and with revocations, so a host
clock that is set back must not reach them, nor a restart after it was. The store is told at most
once a minute, for all networks together, and of every revocation, for its network.
"""

from __future__ import annotations

from collections import OrderedDict

from earthline.controller.store import Store

_NOTE_EVERY_MS = 60_000
_MAX_NETWORKS = 65_536

_ALL = 0
"""Stands for all networks in the store: no network has this ID."""


class IssueClock:
    """The latest of the host's clock, the last time issued, and the network's last revocation."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._issued_at = 0
        self._noted_at: int | None = None
        self._floors: OrderedDict[int, int] = OrderedDict()
        """By network: what the store says of it. Those asked for lately; the store has all."""

    def stamp(self, network: int, now: int) -> int:
        """The timestamp of a credential issued now, in ms."""
        if self._noted_at is None:
            self._noted_at = self._store.issued_at(_ALL)
        self._issued_at = max(now, self._issued_at, self._noted_at)
        if self._issued_at - self._noted_at >= _NOTE_EVERY_MS:
            self._store.note_issued(_ALL, self._issued_at)
            self._noted_at = self._issued_at
        return max(self._issued_at, self._floor(network))

    def revoke(self, network: int, now: int) -> int:
        """The threshold of a revocation made now: whatever is issued afterwards is above it."""
        threshold = self.stamp(network, now)
        self._store.note_issued(network, threshold + 1)
        self._floors[network] = threshold + 1
        return threshold

    def forget(self) -> None:
        """What was noted lately was undone: read what the store says again."""
        self._noted_at = None
        self._floors.clear()

    def _floor(self, network: int) -> int:
        if network not in self._floors:
            self._floors[network] = self._store.issued_at(network)
        self._floors.move_to_end(network)
        while len(self._floors) > _MAX_NETWORKS:
            self._floors.popitem(last=False)
        return self._floors[network]
