"""A controller for every test of this folder, over SQLite and over PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from controller_lab import Lab
from database_server import DatabaseServer, database_server

from earthline.controller.store import Store
from earthline.controller.store.postgresql import PostgresqlStore
from earthline.controller.store.sqlite import IN_MEMORY, SqliteStore


@pytest.fixture(scope="session")
def postgresql() -> Iterator[DatabaseServer]:
    with database_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "sqlite":
        store: Store = SqliteStore(IN_MEMORY)
    else:
        store = PostgresqlStore(request.getfixturevalue("postgresql").empty())
    yield store
    store.close()


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)
