"""A folder that may be somebody else's: no link is followed, no pipe waited for, no end not found.

Root reads in it what its owner wants to be taken over. By a link he could have root read what only
root may, by a device or a file without end keep it at it for ever.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

MAX_FILE = 16 << 20
"""Bytes. Stock's largest network, with all the rules there may be, is a hundredth of it."""
MAX_FILES = 1 << 20
"""Files read of a folder: networks and members of a large controller."""
MAX_TOTAL = 512 << 20
"""Bytes of all files together: of stock's members some 600,000."""

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

T = TypeVar("T")


class UnfitFolder(Exception):
    """There is too much in it. One line that names it."""


@dataclass(slots=True)
class _Read:
    """What was read in a folder, and those in it."""

    files: int = 0
    total: int = 0


class ForeignFolder:
    """Its names, and the contents behind them. Raises `OSError`, whose ``strerror`` says why."""

    def __init__(self, path: Path, descriptor: int, read: _Read) -> None:
        self.path = path
        self._descriptor = descriptor
        self._read = read

    @staticmethod
    @contextmanager
    def open(path: Path) -> Iterator[ForeignFolder]:
        """For as long as this lasts. Links on the way there are followed, the last name is none."""
        descriptor = _opened(lambda: os.open(path, _OPEN | os.O_DIRECTORY))
        try:
            yield ForeignFolder(path, descriptor, _Read())
        finally:
            os.close(descriptor)

    @contextmanager
    def folder(self, name: str) -> Iterator[ForeignFolder]:
        """One that is in it, and counts with it."""
        descriptor = _opened(lambda: os.open(name, _OPEN | os.O_DIRECTORY, dir_fd=self._descriptor))
        try:
            yield ForeignFolder(self.path / name, descriptor, self._read)
        finally:
            os.close(descriptor)

    def names(self) -> list[str]:
        """In order, whatever they stand for. Raises `UnfitFolder`."""
        found = []
        with os.scandir(self._descriptor) as entries:
            for entry in entries:
                self._read.files += 1
                if self._read.files > MAX_FILES:
                    raise UnfitFolder(f"{self.path}: more than {MAX_FILES} files")
                found.append(entry.name)
        return sorted(found)

    def is_folder(self, name: str) -> bool:
        """Whether a name stands for a folder; a link to one does not."""
        try:
            return stat.S_ISDIR(self._look(name).st_mode)
        except FileNotFoundError:
            return False

    def has(self, name: str) -> bool:
        """Whether there is anything under a name."""
        try:
            self._look(name)
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str) -> bytes:
        """The content of a regular file of a sane size. Raises `UnfitFolder`."""
        descriptor = _opened(lambda: os.open(name, _OPEN, dir_fd=self._descriptor))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "no regular file: skipped")
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise OSError(errno.EFBIG, f"larger than {MAX_FILE >> 20} MiB: skipped")
        self._read.total += len(data)
        if self._read.total > MAX_TOTAL:
            raise UnfitFolder(f"{self.path}: more than {MAX_TOTAL >> 20} MiB in all")
        return data

    def _look(self, name: str) -> os.stat_result:
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)


def _opened(do: Callable[[], T]) -> T:
    try:
        return do()
    except OSError as fault:
        if fault.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "a symbolic link: not followed") from None
        if fault.errno == errno.ENOTDIR:
            raise OSError(errno.ENOTDIR, "a symbolic link, or no folder: not followed") from None
        if fault.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "no regular file: skipped") from None
        raise
