"""The store in SQLite: write-ahead log, every commit synced to disk, one connection."""

from __future__ import annotations

import os
import stat
from enum import Enum
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.pool import StaticPool

from earthline.controller.store import StoreFault
from earthline.controller.store.sql import SqlStore

IN_MEMORY = ":memory:"

_BEGIN = "earthline_begin"


class Room(Enum):
    """What the disk of a database takes."""

    ENOUGH = "enough"
    FULL = "full"
    """Nothing more for now: the index of the log is kept in memory, so nobody else may open it."""
    NONE = "none"
    """Nothing at all: the file alone is read, without its log."""


class SqliteStore(SqlStore):
    """A store in one SQLite file, or in memory."""

    def __init__(self, path: str, room: Room = Room.ENOUGH) -> None:
        """Open or create the file (mode 0600). Raises `StoreFault`, and changes nothing then."""
        engine = _open(path, room)
        # Immediate: a writer waits for another one at once, not half way through.
        writing = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        as_it_is = room is not Room.ENOUGH
        super().__init__(path, engine, insert, reading=engine, writing=writing, as_it_is=as_it_is)


def _refuse_link(path: str) -> None:
    """`StoreFault` for a link that another user made: root would open a file of his choice."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in {0, os.geteuid()}:
        raise StoreFault(f"{path}: this is a symbolic link of another user: not followed")


def _open(path: str, room: Room) -> Engine:
    if room is Room.NONE:
        return _engine(f"sqlite:///file:{quote(path)}?mode=ro&immutable=1&uri=true")
    if path != IN_MEMORY:
        # Join tokens are in it, so it is made readable for its owner only.
        try:
            _refuse_link(path)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as fault:
            raise StoreFault(f"{path}: {fault.strerror}") from None
    locked = ("PRAGMA locking_mode = EXCLUSIVE",) if room is Room.FULL else ()
    return _engine(
        f"sqlite:///{path}", *locked, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"
    )


def _engine(url: str, *pragmas: str) -> Engine:
    engine = create_engine(
        url,
        poolclass=StaticPool,
        paramstyle="named",
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions begin where `begin` says, not by guess
        for pragma in pragmas:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))

    return engine
