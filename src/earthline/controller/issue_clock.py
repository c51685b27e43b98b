"""The time a network's credentials are issued at, which never runs backwards (03, 3.7 item 2).

Members compare the timestamps of certificates with one another and with revocations, so a host
clock that is set back must not reach them, nor a restart after it was. The store is told at most
once a minute, and of every revocation.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from earthline.controller.store import Store

_NOTE_EVERY_MS = 60_000
_MAX_NETWORKS = 4096


@dataclass(slots=True)
class _Mark:
    issued_at: int
    noted_at: int


class IssueClock:
    """Per network, the later of the host's clock and the last time issued."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._marks: OrderedDict[int, _Mark] = OrderedDict()

    def stamp(self, network: int, now: int) -> int:
        """The timestamp of a credential issued now, in ms."""
        mark = self._mark(network)
        mark.issued_at = max(now, mark.issued_at)
        if mark.issued_at - mark.noted_at >= _NOTE_EVERY_MS:
            self._note(network, mark)
        return mark.issued_at

    def revoke(self, network: int, now: int) -> int:
        """The threshold of a revocation made now: whatever is issued afterwards is above it."""
        threshold = self.stamp(network, now)
        mark = self._mark(network)
        mark.issued_at = threshold + 1
        self._note(network, mark)
        return threshold

    def _mark(self, network: int) -> _Mark:
        mark = self._marks.get(network)
        if mark is None:
            at = self._store.issued_at(network)
            mark = self._marks[network] = _Mark(at, at)
        self._marks.move_to_end(network)
        while len(self._marks) > _MAX_NETWORKS:
            self._note(*self._marks.popitem(last=False))
        return mark

    def _note(self, network: int, mark: _Mark) -> None:
        mark.noted_at = mark.issued_at
        self._store.note_issued(network, mark.noted_at)
