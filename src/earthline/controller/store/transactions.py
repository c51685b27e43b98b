"""A store's transactions: one for each call, or one for all the changes of a group."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Select
from sqlalchemy.exc import SQLAlchemyError

from earthline.controller.store import StoreFault
from earthline.controller.store.direct import DirectReader


class Transactions:
    """How a database is read and written. One thread at a time."""

    def __init__(self, name: str, engine: Engine, *, reading: Engine, writing: Engine) -> None:
        """``name`` stands for the database in messages; ``reading`` is as a `DirectReader` needs
        it; ``writing`` begins transactions that will write.
        """
        self._name = name
        self._engine = engine
        self._writing = writing
        self._direct = DirectReader(reading)
        self._grouped = False
        self._open: Connection | None = None
        """The transaction of a group, from its first change on."""
        self._faults = 0

    def close(self) -> None:
        self._direct.close()
        self._engine.dispose()

    @contextmanager
    def group(self) -> Iterator[None]:
        """See `Store.group`."""
        if self._grouped:
            raise RuntimeError("a group within a group")
        self._grouped, self._faults = True, 0
        done = False
        try:
            yield
            done = True
        finally:
            self._grouped = False
            connection, self._open = self._open, None
            if connection is not None:
                self._end(connection, commit=done)

    def _end(self, connection: Connection, *, commit: bool) -> None:
        with self._named(), connection:
            if commit and not self._faults:
                connection.commit()
                return
            connection.rollback()
        if commit:
            raise StoreFault(f"{self._name}: undone, for a part of it failed")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """What a group has changed is seen."""
        with self._named():
            if self._open is not None:
                yield self._open
            else:
                with self._engine.connect() as connection:
                    yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction of its own, or a part of the group's that can be undone by itself."""
        with self._named():
            if not self._grouped:
                with self._writing.begin() as connection:
                    yield connection
                return
            if self._open is None:
                self._open = self._begun()
            with self._open.begin_nested():
                yield self._open

    def rows(self, query: Select[Any], values: dict[str, Any]) -> list[Any]:
        """What every request asks, the short way."""
        with self._named():
            return self._direct.rows(query, values, within=self._open)

    def _begun(self) -> Connection:
        connection = self._writing.connect()
        try:
            connection.begin()
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as fault:
            # After one, PostgreSQL takes "commit" for "roll back", and says nothing.
            self._faults += 1
            what = str(getattr(fault, "orig", None) or fault).splitlines()[0]
            raise StoreFault(f"{self._name}: {what}") from None
