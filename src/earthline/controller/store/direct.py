"""The queries of every configuration request, sent through the database driver itself.

SQLAlchemy's own execution takes many times as long as SQLite needs for such a query. The statements
are still SQLAlchemy's: each is compiled once for its dialect.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, Select
from sqlalchemy.exc import DBAPIError


class DirectReader:
    """Reads by the driver itself, over a connection that is kept.

    The engine's connections must commit by themselves, and its ``paramstyle`` be one of names.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._compiled: dict[Select[Any], tuple[str, dict[str, Any]]] = {}
        """By query: its text, and the parameters that its dialect adds."""

    def rows(
        self, query: Select[Any], values: dict[str, Any], *, within: Connection | None = None
    ) -> list[Any]:
        """All rows of a query, as a transaction sees them if one is given. Raises `DBAPIError`.

        That a server was restarted, and has closed our connection, shows only here: so one that
        was kept is tried anew.
        """
        text, fixed = self._compiled.get(query) or self._compile(query)
        values = values | fixed
        if within is not None:
            return self._rows(within, text, values)
        kept = self._connection is not None
        try:
            return self._rows(self._kept(), text, values)
        except DBAPIError as fault:
            if not (kept and fault.connection_invalidated):
                raise
        return self._rows(self._kept(), text, values)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _kept(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _rows(self, connection: Connection, text: str, values: dict[str, Any]) -> list[Any]:
        driver = self._engine.dialect.loaded_dbapi
        cursor = connection.connection.cursor()
        try:
            cursor.execute(text, values)
            return list(cursor.fetchall())
        except driver.Error as fault:
            raise self._named(connection, text, fault) from None
        finally:
            cursor.close()

    def _named(self, connection: Connection, text: str, fault: Any) -> DBAPIError:
        """The driver's fault as SQLAlchemy has it; a connection that is lost is not kept."""
        lost = self._engine.dialect.is_disconnect(fault, connection.connection, None)
        if lost:
            connection.invalidate()
            if connection is self._connection:
                self.close()
        return DBAPIError(text, None, fault, connection_invalidated=lost)

    def _compile(self, query: Select[Any]) -> tuple[str, dict[str, Any]]:
        compiled = query.compile(dialect=self._engine.dialect)
        fixed = {name: value for name, value in compiled.params.items() if value is not None}
        self._compiled[query] = str(compiled), fixed
        return self._compiled[query]
