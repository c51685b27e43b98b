"""Files that the service can do without for a while: a full or read-only disk stops nothing.

A machine must stay in reach just then. So what cannot be written waits, of each file the latest,
and is tried again; the user is told once, not for each file. What cannot be written for another
reason, such as a file where a folder should be, is told with that, and waits for nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import structlog

from earthline.controller.store import NO_ROOM
from earthline.runtime.base.clock import now_ms
from earthline.runtime.base.files import PRIVATE, remove, rename, write_atomic
from earthline.runtime.base.logs import Sparing

log = structlog.get_logger()


class Keeping:
    """Writes into one home folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._waiting: dict[Path, Callable[[], object]] = {}
        self._told = False
        self._sparing = Sparing()

    @property
    def waiting(self) -> int:
        """How many files wait."""
        return len(self._waiting)

    def write(self, path: Path, data: bytes, mode: int = PRIVATE, *, durable: bool = True) -> bool:
        """As `write_atomic`, sooner or later; False if the file held that already.

        A folder of that name is somebody's: it gets another one.
        """
        changed = True

        def write() -> None:
            nonlocal changed
            try:
                changed = write_atomic(path, data, mode, durable=durable)
            except IsADirectoryError:
                self.set_aside(path)
                write_atomic(path, data, mode, durable=durable)

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

    def write_now(self, path: Path, data: bytes, mode: int = PRIVATE) -> None:
        """As `write_atomic`; an earlier wish for the file is void then. ``OSError``: it is not."""
        write_atomic(path, data, mode)
        self._waiting.pop(path, None)

    def set_aside(self, path: Path) -> None:
        """Give what cannot be used another name, before something else takes its place."""
        aside = f"{path.name}.damaged"
        rename(path, aside)
        log.warning("set_aside", file=str(path), name=aside)

    def attempt(self, path: Path, action: Callable[[], object]) -> None:
        """Do something to a file, now or once there is room; an earlier wish for it is void."""
        self._waiting.pop(path, None)
        try:
            action()
        except OSError as error:
            if error.errno not in NO_ROOM:
                self._give_up(path, error)
                return
            self._waiting[path] = action
            if not self._told:
                self._told = True
                log.warning("home_not_written", home=str(self.home), why=error.strerror)

    def _give_up(self, path: Path, error: OSError) -> None:
        fields: dict[str, object] = {"file": str(path), "why": error.strerror}
        line = self._sparing.line("file_not_written", fields, now_ms())
        if line is not None:
            log.warning("file_not_written", **line)

    def again(self) -> None:
        """Try what waits; say so when all of it is done."""
        for path, action in list(self._waiting.items()):
            self.attempt(path, action)
            if path in self._waiting:
                return  # nor will the others
        if self._told:
            self._told = False
            log.info("home_written", home=str(self.home))
