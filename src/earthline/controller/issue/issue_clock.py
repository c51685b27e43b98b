"""The time a network's credentials are issued at, which never runs backwards (03, 3.7, item 2).

Members compare the timestamps of certificates with one another and with revocations, never with a
clock of their own. So a host clock that is set must not reach them. Set back, it would have new
certificates count as old ones; set forward, it would part who was issued before from who was issued
after it, until all are renewed. And the time of issue must go on all the same, or certificates
would not run out of agreement any more, and whoever was put out would be in for good with all that
did not hear of it. Therefore it starts at the host's wall clock and goes on by the clock of the
timers, which nobody can set:

    wall clock set forward    it goes an eighth faster until it has caught up
    wall clock set back       it goes on as it was, *ahead* of the wall clock from then on
    restart                   it starts at the wall clock again, but never before what it issued

A host clock that was years ahead for a minute leaves timestamps of the far future at most, and does
no harm: what was issued then agrees with what is issued now, for the window of agreement.

A network can be ahead of all others, too: a step by more than the window puts what was issued
before out of agreement with what is issued after it.

The store is told at most once a minute, for all networks together, and of every revocation and
step, for its network.
"""

from __future__ import annotations

from collections import OrderedDict

from earthline.controller.objects.terms import MAX_WINDOW_MS
from earthline.controller.store import IssueMark, Store
from earthline.wall import Wall

_NOTE_EVERY_MS = 60_000
"""After a restart the store does not know the last minute, which may have been used up."""

_STEP_MS = 1_000
"""The wall clock was set if it is off by more; less is what passed between two looks at it."""

_CATCH_UP = 8
"""So much of the time that passes is added until the wall clock is caught up with.

Two members that renew their certificates each minute stay within seconds of each other by it.
"""

_MAX_NETWORKS = 65_536

_ALL = 0
"""Stands for all networks in the store: no network has this ID."""


class IssueClock:
    """The time of issue of all networks, and what each network adds to it."""

    def __init__(self, store: Store, wall: Wall) -> None:
        self._store = store
        self._wall = wall
        self._started = False
        self._base_at = 0
        """The moment of ``now`` at which the wall clock was looked at last..."""
        self._base = 0
        """...the time of issue then..."""
        self._offset_ms = 0
        """...the wall clock's offset..."""
        self._behind = 0
        """...and by how much the time of issue was behind it..."""
        self._ahead = 0
        """...or ahead of it."""
        self._latest = 0
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
        noted = self._store.issue_mark(_ALL) if self._noted is None else self._noted
        if not self._started:
            self._started = True
            self._look_at_wall(now, _resumed(noted, now + self._wall.offset_ms))
        # Calls that waited for one another are some milliseconds out of order.
        passed = max(0, now - self._base_at)
        caught_up = min(self._behind, passed // _CATCH_UP)
        self._latest = max(self._latest, self._base + passed + caught_up)
        if abs(self._wall.offset_ms - self._offset_ms) >= _STEP_MS:
            self._look_at_wall(now, self._latest)
        if self._ahead != noted.ahead or self._latest - noted.at >= _NOTE_EVERY_MS:
            noted = IssueMark(self._latest, self._ahead)
            self._store.note_issue(_ALL, noted)
        self._noted = noted
        return self._latest

    def _look_at_wall(self, now: int, issue: int) -> None:
        """Go on from ``issue``, toward the wall clock as it goes now."""
        self._base_at, self._base, self._offset_ms = now, issue, self._wall.offset_ms
        ahead = issue - (now + self._offset_ms)
        self._behind, self._ahead = max(0, -ahead), max(0, ahead)

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


def _resumed(noted: IssueMark, unix: int) -> int:
    """Where a controller that was started goes on, ``unix`` being the time by its wall clock."""
    if unix >= noted.at + _NOTE_EVERY_MS:  # above whatever was issued
        return unix
    if unix + noted.ahead >= noted.at - _NOTE_EVERY_MS:
        return max(unix + noted.ahead, noted.at)
    return noted.at + _NOTE_EVERY_MS  # the wall clock was set back
