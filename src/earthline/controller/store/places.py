"""Which store a place stands for: a folder, or a database of a server."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import structlog

from earthline.controller.store import NO_ROOM, Store, StoreFault
from earthline.controller.store.archive import archive_folder, import_archive, read_archive
from earthline.controller.store.foreign_folder import UnfitFolder
from earthline.controller.store.postgresql import PostgresqlStore, is_postgresql
from earthline.controller.store.sqlite import IN_MEMORY, Room, SqliteStore

log = structlog.get_logger()

FILE = "controller.sqlite3"
NEEDED = 65536
"""Bytes that SQLite wants beside the database as soon as it is opened: the index of its log."""


def open_store(place: str) -> Store:
    """The store of a folder, which is made for its owner only, or of a PostgreSQL URL.

    Raises `StoreFault`.
    """
    if is_postgresql(place):
        return PostgresqlStore(place)
    folder = Path(place)
    try:
        return _open_folder(folder)
    except StoreFault:
        fault = _why_not_written(folder)
        if fault is None:
            raise
        return _open_unwritten(folder, fault)


def _open_folder(folder: Path) -> Store:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / FILE).exists() and archive_folder(folder) is not None:
            _take_over(folder)
    except FileExistsError:
        raise StoreFault(f"{folder}: this is no folder") from None
    except OSError as fault:
        raise StoreFault(f"{folder}: {fault.strerror}") from None
    except UnfitFolder as fault:
        raise StoreFault(str(fault)) from None
    return SqliteStore(str(folder / FILE))


def _why_not_written(folder: Path) -> int | None:
    """The system's error where a disk has no room for what a database needs; None if it has."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(bytes(NEEDED))
    except OSError as error:
        return error.errno if error.errno in NO_ROOM else None
    return None


def _open_unwritten(folder: Path, fault: int) -> Store:
    """What is there, to be read: a full disk is no reason for members to be refused.

    Changes fail until there is room, and on a read-only disk until the next start. Where there is
    no database yet, one in memory has the networks of a stock controller.
    """
    held = folder / FILE
    if held.exists() and held.stat().st_size:
        return SqliteStore(str(held), Room.NONE if fault == errno.EROFS else Room.FULL)
    log.warning("controller_in_memory", folder=str(folder), why=os.strerror(fault))
    store = SqliteStore(IN_MEMORY)
    if archive_folder(folder) is not None:
        import_archive(read_archive(folder), store)
    return store


def _take_over(folder: Path) -> None:
    """Begin with the networks of the stock controller whose folder this is: all of them, or none.

    Its files stay as they are.
    """
    aside = folder / f"{FILE}.import"
    aside.unlink(missing_ok=True)
    store = SqliteStore(str(aside))
    import_archive(read_archive(folder), store)
    store.close()
    aside.rename(folder / FILE)
