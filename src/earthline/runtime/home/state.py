"""State objects of the node on disk: `Store` commands become files, files become `StateLoaded`.

| kind    | key        | file                         |
|---------|------------|------------------------------|
| planet  | 0          | ``planet``                   |
| moon    | world ID   | ``moons.d/<16 hex>.moon``    |
| network | network ID | ``networks.d/<16 hex>.conf`` |
| peer    | address    | ``peers.d/<10 hex>.peer``    |
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from earthline.effects import StateLoaded, Store
from earthline.runtime.base.files import PRIVATE, PUBLIC, read_if_there, touch
from earthline.runtime.base.keeping import Keeping
from earthline.vl1.peers.cache import MAX_RECORDS

log = structlog.get_logger()

PEER_MAX_AGE_MS = 30 * 24 * 3600 * 1000
"""Records of peers are deleted when they are this old: 30 days (02, 3.3)."""


@dataclass(frozen=True, slots=True)
class _Kind:
    folder: str
    name: re.Pattern[str]
    digits: int
    suffix: str


KINDS = {
    "moon": _Kind("moons.d", re.compile(r"[0-9a-fA-F]{16}\.moon"), 16, ".moon"),
    "network": _Kind("networks.d", re.compile(r"[0-9a-fA-F]{16}\.conf"), 16, ".conf"),
    "peer": _Kind("peers.d", re.compile(r"[0-9a-fA-F]{10}\.peer"), 10, ".peer"),
}


class StateFiles:
    """The node's memory in a home folder."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping
        self._home = keeping.home

    def path_of(self, kind: str, key: int) -> Path:
        """Where a state object lives."""
        if kind == "planet":
            return self._home / "planet"
        layout = KINDS[kind]
        return self._home / layout.folder / f"{key:0{layout.digits}x}{layout.suffix}"

    def store(self, command: Store) -> None:
        """Write or delete a state object. A peer is a hint, and need not survive a power loss."""
        path = self.path_of(command.kind, command.key)
        if command.data is None:
            self._keeping.remove(path)
        elif command.kind != "peer":
            mode = PUBLIC if command.kind == "planet" else PRIVATE
            self._keeping.write(path, command.data, mode)
        elif not self._keeping.write(path, command.data, durable=False):
            # Its age tells when the peer was last heard.
            self._keeping.attempt(path, lambda: touch(path))
        if command.kind == "network" and command.data is None:
            self._keeping.remove(path.with_suffix(".local.conf"))

    def load(self, kind: str) -> Iterator[StateLoaded]:
        """Every stored object of a kind, by key.

        A network whose file cannot be read was joined for all that; nothing is known of it.
        """
        layout = KINDS[kind]
        for path in self._files(kind):
            key = int(path.name[: layout.digits], 16)
            data = _readable(path)
            if data is not None or kind == "network":
                yield StateLoaded(kind, key, data or b"")

    def load_peers(self, now: int) -> Iterator[StateLoaded]:
        """The remembered peers, the newest last: the node forgets them in this order.

        Those of more than 30 days are deleted (02, 3.3), and the oldest if there are too many.
        """
        aged = sorted((path.lstat().st_mtime_ns // 1_000_000, path) for path in self._files("peer"))
        for left, (modified_at, path) in zip(range(len(aged), 0, -1), aged, strict=True):
            if left > MAX_RECORDS or now - modified_at > PEER_MAX_AGE_MS:
                self._keeping.remove(path)
            elif (data := _readable(path)) is not None:
                yield StateLoaded("peer", int(path.stem, 16), data)

    def _files(self, kind: str) -> list[Path]:
        layout = KINDS[kind]
        folder = self._home / layout.folder
        try:
            return sorted(path for path in folder.iterdir() if layout.name.fullmatch(path.name))
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("file_ignored", file=str(folder), why=error.strerror)
            return []


def _readable(path: Path) -> bytes | None:
    """The content of a file; None, and a line in the log, where there is none to be had."""
    try:
        return read_if_there(path)
    except OSError as error:
        log.warning("file_ignored", file=str(path), why=error.strerror)
        return None
