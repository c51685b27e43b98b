"""The store in SQLite: write-ahead log, every commit synced to disk, one connection."""

from __future__ import annotations

import os
import stat
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.pool import StaticPool

from earthline.controller.store import StoreFault
from earthline.controller.store.sql import SqlStore

IN_MEMORY = ":memory:"

_BEGIN = "earthline_begin"


class SqliteStore(SqlStore):
    """A store in one SQLite file, or in memory."""

    def __init__(self, path: str) -> None:
        """Open or create the file (mode 0600). Raises `StoreFault`, and changes nothing then."""
        engine = _open(path)
        # Immediate: a writer waits for another one at once, not half way through.
        writing = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        super().__init__(path, engine, insert, reading=engine, writing=writing)


def _refuse_link(path: str) -> None:
    """`StoreFault` for a link that another user made: root would open a file of his choice."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in {0, os.geteuid()}:
        raise StoreFault(f"{path}: this is a symbolic link of another user: not followed")


def _open(path: str) -> Engine:
    if path != IN_MEMORY:
        # Join tokens are in it, so it is made readable for its owner only.
        try:
            _refuse_link(path)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as fault:
            raise StoreFault(f"{path}: {fault.strerror}") from None
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=StaticPool,
        paramstyle="named",
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions begin where `begin` says, not by guess
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))

    return engine
