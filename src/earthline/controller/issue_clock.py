"""The time a network's credentials are issued at, which never runs backwards (03, 3.7, item 2).

Members compare the timestamps of certificates with one another and with revocations, never with a
clock of their own. So a host clock that is set back must not reach them, nor a restart after it
was; and the time of issue must go on all the same, or certificates would not run out of agreement
any more, and whoever was put out would be in for good with all that did not hear of it. Therefore
it goes on from where it was, at the pace of the host's clock, which it is *ahead* of from then on.
A host clock that was years ahead for a minute leaves timestamps of the far future, and does no
harm: what was issued then agrees with what is issued now, for the window of agreement.

A network can be ahead of all others, too: a step by more than the window puts what was issued
before out of agreement with what is issued after it.

The store is told at most once a minute, for all networks together, and of every revocation and
step, for its network.
"""

from __future__ import annotations

from collections import OrderedDict

from earthline.controller.store import IssueMark, Store
from earthline.controller.terms import MAX_WINDOW_MS
from earthline.wall import Wall

_NOTE_EVERY_MS = 60_000
"""The clock stands still, rather than to count as set back, while the host's is behind by less.

Calls that waited for one another are some milliseconds out of order, and after a restart the store
does not know the last minute.
"""

_MAX_NETWORKS = 65_536

_ALL = 0
"""Stands for all networks in the store: no network has this ID."""


class IssueClock:
    """The host's wall clock, as far ahead as it has to be, and what each network adds to it."""

    def __init__(self, store: Store, wall: Wall) -> None:
        self._store = store
        self._wall = wall
        self._latest = 0
        self._ahead = 0
        self._noted: IssueMark | None = None
        self._networks: OrderedDict[int, IssueMark] = OrderedDict()
        """What the store says of those asked for lately; the store has all."""

    def stamp(self, network: int, now: int) -> int:
        """The timestamp of a credential issued now, in ms."""
        mark = self._mark(network)
        return max(self._go_on(now) + mark.ahead, mark.at)

    def revoke(self, network: int, now: int) -> int:
        """The threshold of a revocation made now: whatever is issued afterwards is above it."""
        threshold = self.stamp(network, now)
        self._note(network, IssueMark(threshold + 1, self._mark(network).ahead))
        return threshold

    def leave_behind(self, network: int, now: int) -> None:
        """Put all that was issued up to now out of agreement with what is issued afterwards."""
        step = MAX_WINDOW_MS + 1
        at = self.stamp(network, now) + step
        self._note(network, IssueMark(at, self._mark(network).ahead + step))

    def forget(self) -> None:
        """What was noted lately was undone: read what the store says again."""
        self._noted = None
        self._networks.clear()

    def _go_on(self, now: int) -> int:
        """The time of issue of networks that are not ahead of others."""
        unix = self._wall.at(now)
        noted = self._noted
        if noted is None:
            noted = self._store.issue_mark(_ALL)
            self._latest = max(self._latest, noted.at)
            self._ahead = max(self._ahead, noted.ahead)
        if unix + self._ahead < self._latest - _NOTE_EVERY_MS:  # the host's clock was set back
            # The minute after the last note counts as used up: it may be.
            self._ahead = self._latest + _NOTE_EVERY_MS - unix
        self._latest = max(self._latest, unix + self._ahead)
        if self._ahead != noted.ahead or self._latest - noted.at >= _NOTE_EVERY_MS:
            noted = IssueMark(self._latest, self._ahead)
            self._store.note_issue(_ALL, noted)
        self._noted = noted
        return self._latest

    def _mark(self, network: int) -> IssueMark:
        if network not in self._networks:
            self._networks[network] = self._store.issue_mark(network)
        self._networks.move_to_end(network)
        while len(self._networks) > _MAX_NETWORKS:
            self._networks.popitem(last=False)
        return self._networks[network]

    def _note(self, network: int, mark: IssueMark) -> None:
        self._store.note_issue(network, mark)
        self._networks[network] = mark
