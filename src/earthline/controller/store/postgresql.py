"""The store in PostgreSQL, for where one machine's disk is not enough."""

from __future__ import annotations

from sqlalchemy import create_engine
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from earthline.controller.store import StoreFault
from earthline.controller.store.passwords import hide_passwords
from earthline.controller.store.sql import SqlStore

SCHEMES = ("postgresql://", "postgres://")
CONNECT_S = 5
"""A server that does not answer within this time is taken for dead."""


class PostgresqlStore(SqlStore):
    """A store in a database of a PostgreSQL server, by its URL."""

    def __init__(self, url: str) -> None:
        """Connect, and create the tables of a new database. Raises `StoreFault`.

        A connection that is lost is made again by the next call.
        """
        try:
            parsed = make_url(url).set(drivername="postgresql+psycopg")
        except (ArgumentError, ValueError):
            shown = hide_passwords(url)
            raise StoreFault(f"{shown}: not of the form postgresql://user@host/database") from None
        try:
            engine = create_engine(
                parsed,
                isolation_level="READ COMMITTED",
                pool_size=2,  # one is kept for reading
                max_overflow=0,
                pool_pre_ping=True,
                connect_args={"connect_timeout": CONNECT_S},
            )
        except ImportError:
            raise StoreFault(
                "PostgreSQL needs its driver: install it with `pip install 'earthline[postgresql]'`"
            ) from None
        name = parsed.render_as_string(hide_password=True)
        reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        super().__init__(name, engine, insert, reading=reading, writing=engine)


def is_postgresql(place: str) -> bool:
    """Whether a configured place is a database of a server, and not a folder."""
    return place.startswith(SCHEMES)
