"""A controller in memory for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from controller_lab import Lab

from earthline.controller.store.sqlite import IN_MEMORY, SqliteStore


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    store = SqliteStore(IN_MEMORY)
    yield store
    store.close()


@pytest.fixture
def lab(store: SqliteStore) -> Lab:
    return Lab(store)
