"""Files that the service can do without for a while: a full or read-only disk stops nothing.

A machine must stay in reach just then. So what cannot be written waits, of each file the latest,
and is tried again; the user is told once, not for each file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import structlog

from earthline.controller.store import NO_ROOM
from earthline.runtime.files import PRIVATE, remove, write_atomic

log = structlog.get_logger()


class Keeping:
    """Writes into one home folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._waiting: dict[Path, Callable[[], object]] = {}
        self._told = False

    @property
    def waiting(self) -> int:
        """How many files wait."""
        return len(self._waiting)

    def write(self, path: Path, data: bytes, mode: int = PRIVATE, *, durable: bool = True) -> bool:
        """As `write_atomic`, sooner or later; False if the file held that already."""
        changed = True

        def write() -> None:
            nonlocal changed
            changed = write_atomic(path, data, mode, durable=durable)

        self.attempt(path, write)
        return changed

    def remove(self, path: Path) -> None:
        """Delete a file, sooner or later.

        Where there is none nothing waits, whatever the disk says: peers come and go while it is
        read-only, and would leave one wish each.
        """
        if os.path.lexists(path):
            self.attempt(path, lambda: remove(path))
        else:
            self._waiting.pop(path, None)

    def attempt(self, path: Path, action: Callable[[], object]) -> None:
        """Do something to a file, now or once there is room; an earlier wish for it is void.

        ``OSError`` where the reason is another one.
        """
        self._waiting.pop(path, None)
        try:
            action()
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            self._waiting[path] = action
            if not self._told:
                self._told = True
                log.warning("home_not_written", home=str(self.home), why=error.strerror)

    def again(self) -> None:
        """Try what waits; say so when all of it is done."""
        for path, action in list(self._waiting.items()):
            self.attempt(path, action)
            if path in self._waiting:
                return  # nor will the others
        if self._told:
            self._told = False
            log.info("home_written", home=str(self.home))
