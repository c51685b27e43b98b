"""The wall clock, beside the one that `now` is of.

``now`` and every stamp in memory are of the boot clock: it goes on while the machine sleeps, and
nobody can set it. Unix time is wanted on the wire, in certificates and files, and by people alone;
it is ``now`` and an offset that the host tells of whenever it has changed (`effects.WallClock`).
So a clock that is set, or that starts in 1970, makes nothing late.
"""

from __future__ import annotations


class Wall:
    """Makes Unix time of ``now``. The offset is 0 until the host tells it."""

    def __init__(self) -> None:
        self._offset_ms = 0
        self._before_ms = 0
        """The offset before..."""
        self._set_at = 0
        """...and until when that was it."""

    @property
    def offset_ms(self) -> int:
        """Unix time less ``now``, ms."""
        return self._offset_ms

    def set(self, offset_ms: int, now: int) -> None:
        """The host found the offset to be another one."""
        self._before_ms, self._offset_ms, self._set_at = self._offset_ms, offset_ms, now

    def at(self, moment: int) -> int:
        """The Unix time of a stamp, ms; 0, which is never, stays so."""
        return moment + self._offset_ms if moment else 0

    def moment(self, wall_ms: int) -> int:
        """When it is, or was, that Unix time, as the clock goes now: the inverse of `at`."""
        return wall_ms - self._offset_ms

    def since(self, stamped: int, now: int) -> int:
        """How long ago we wrote that Unix time, ms; it may have been before the clock was set."""
        written_at = self.moment(stamped)
        if not self._set_at <= written_at <= now:
            before = stamped - self._before_ms
            written_at = before if before <= self._set_at else written_at
        return now - written_at
