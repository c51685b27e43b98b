"""The store in SQLite: durable, indexed, and careful with what it does not know."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from controller_lab import LAB, MEMBER, Lab

from earthline.controller.store import StoreFault
from earthline.controller.store.sqlite import IN_MEMORY, SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "controller.sqlite3"


@pytest.fixture
def on_disk(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(str(path))
    yield store
    store.close()


def test_everything_is_there_again_after_reopening(path: Path) -> None:
    store = SqliteStore(str(path))
    lab = Lab(store)
    lab.create(private=False)
    lab.config()
    network, found = lab.authority.get_network(LAB), lab.member()
    store.close()
    store = SqliteStore(str(path))
    again = Lab(store)
    assert again.authority.list_networks() == [LAB]
    assert again.authority.get_network(LAB) == network
    assert again.member() == found
    store.close()


def test_what_was_committed_is_seen_by_another_connection_at_once(
    on_disk: SqliteStore, path: Path
) -> None:
    on_disk.write_network(LAB, '{"id":"x"}')
    other = sqlite3.connect(path)
    assert other.execute("SELECT object FROM network").fetchall() == [('{"id":"x"}',)]
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_member_survives_kill_9_right_after_it_was_answered(path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from controller_lab import Lab\n"
        "from earthline.controller.store.sqlite import SqliteStore\n"
        "lab = Lab(SqliteStore(sys.argv[1]))\n"
        "lab.create(private=False)\n"
        "lab.config()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=Path(__file__).parent, check=False
    )
    assert done.returncode == -signal.SIGKILL
    store = SqliteStore(str(path))
    assert Lab(store).member()["authorized"] is True
    store.close()


def test_file_is_for_its_owner_only(on_disk: SqliteStore, path: Path) -> None:
    on_disk.write_network(LAB, "{}")
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_file_of_a_later_release_is_left_alone(path: Path) -> None:
    SqliteStore(str(path)).close()
    with sqlite3.connect(path) as later:
        later.execute("UPDATE alembic_version SET version_num = '9999'")
    later.close()
    with pytest.raises(StoreFault, match=f"{path}: schema revision 9999"):
        SqliteStore(str(path))


def test_file_that_is_no_database_is_named_and_not_overwritten(path: Path) -> None:
    path.write_text("precious " * 1000)
    with pytest.raises(StoreFault) as refused:
        SqliteStore(str(path))
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)
    assert path.read_text() == "precious " * 1000


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreFault, match="No such file or directory"):
        SqliteStore(str(tmp_path / "no" / "store"))


def test_request_looks_at_no_other_members() -> None:
    """Every statement of a first request with a pick is answered from an index."""
    store = SqliteStore(IN_MEMORY)
    lab = Lab(store)
    lab.create(
        private=False,
        v4AssignMode="zt",
        routes=[{"target": "10.0.0.0/8"}],
        ipAssignmentPools=[{"ipRangeStart": "10.0.0.1", "ipRangeEnd": "10.255.255.254"}],
    )
    for address in range(1, 40):
        lab.config(address)
    statements: list[str] = []
    pooled = store._engine.raw_connection()
    connection = pooled.driver_connection
    assert connection is not None
    connection.set_trace_callback(statements.append)
    lab.config(MEMBER)
    connection.set_trace_callback(None)
    asked = [sql for sql in statements if sql.startswith(("SELECT", "DELETE"))]
    assert 2 < len(asked) < 15
    for sql in asked:
        details = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
        assert not any(d.startswith("SCAN") or d.endswith("(network=?)") for d in details)
    pooled.close()
    store.close()


def test_refreshes_write_the_time_once_a_minute_for_all_networks_together() -> None:
    store = SqliteStore(IN_MEMORY)
    lab = Lab(store)
    networks = [LAB + number for number in range(5)]
    for network in networks:
        lab.create(network, private=False)
        lab.config(network=network)
    statements: list[str] = []
    pooled = store._engine.raw_connection()
    connection = pooled.driver_connection
    assert connection is not None
    connection.set_trace_callback(statements.append)
    lab.now += 60_000
    for network in networks:
        lab.config(network=network)
    connection.set_trace_callback(None)
    assert sum(sql.startswith("INSERT") for sql in statements) == 1
    pooled.close()
    store.close()
