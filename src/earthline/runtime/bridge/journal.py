"""What bridging changes on the host, written down before it is done.

An interface that carries addresses survives us, and so does a bridge: after ``kill -9`` only this
file, ``bridges.json`` in the home folder, knows how the host looked before. It holds a JSON array
of `Bridging` objects, and no file stands for none. After a reboot there is nothing to undo, which
the kernel's boot ID tells.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import structlog

from earthline.runtime.base.files import read_if_there
from earthline.runtime.base.keeping import Keeping

log = structlog.get_logger()

JOURNAL_FILE = "bridges.json"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(slots=True)
class Bridging:
    """One network over one interface, and all that is needed to take it apart again."""

    network: int
    interface: str
    bridge: str
    device: str
    """The network's own interface."""
    created: bool
    """We made the bridge; otherwise it was there, and the interface in it."""
    was_up: bool = True
    """Whether the interface was up before."""
    mtu: int = 0
    """Of the interface, bytes."""
    addresses: list[str] = field(default_factory=list)
    """``ip/prefix length`` of what was moved from the interface to the bridge."""
    routes: list[dict[str, Any]] = field(default_factory=list)
    """Routes moved with them, as the kernel takes them, without their device."""
    managed: list[str] = field(default_factory=list)
    """The network's own addresses, which the bridge has while it stands."""
    roll_back_at: int = 0
    """When to undo all of it unless somebody confirms, ms of `now_ms`; 0: confirmed."""


class Journal:
    """The file, and what it says."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping
        self._path = keeping.home / JOURNAL_FILE

    def announce(self, entries: list[Bridging]) -> None:
        """Make the file say what is about to stand. ``OSError``: then it must not."""
        self._keeping.write_now(self._path, _text(entries))

    def write(self, entries: list[Bridging]) -> None:
        """Make the file say what stands, sooner or later; no file stands for nothing.

        One that says too much is no harm: what is gone is not undone again.
        """
        if entries:
            self._keeping.write(self._path, _text(entries))
        else:
            self._keeping.remove(self._path)

    def left_behind(self) -> list[Bridging]:
        """What a run that ended without cleaning up has left on the host."""
        try:
            data = read_if_there(self._path)
            if data is None:
                return []
            value = json.loads(data)
            entries = [Bridging(**entry) for entry in value["bridges"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("journal_unreadable", file=str(self._path), error=str(error))
            self._keeping.attempt(self._path, lambda: self._keeping.set_aside(self._path))
            return []
        return entries if value.get("boot") == _boot_id() else []


def _text(entries: list[Bridging]) -> bytes:
    value = {"boot": _boot_id(), "bridges": [asdict(entry) for entry in entries]}
    return json.dumps(value, indent=1).encode() + b"\n"


def _boot_id() -> str:
    return BOOT_ID.read_text().strip()
