"""What the demo shows: a live table of events and latencies, and a summary at the end."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Column, Table

from earthline.lab.transfer import Transfer
from earthline.lab.watch import PathWatch, Ping, latency

_ROWS = 16
_WIDTH = 60


class View:
    """The story so far. Safe to tell from any thread."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._events: list[tuple[float, str, str]] = []
        self._addresses: dict[str, str] = {}
        self._followed: dict[str, tuple[Ping, PathWatch]] = {}
        self._transfer: Transfer | None = None
        self._live = Live(
            get_renderable=self._render, console=self._console, refresh_per_second=5, transient=True
        )

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()
        self._console.print(self._story(len(self._events)))

    def tell(self, who: str, what: str) -> None:
        """Add a line to the story."""
        with self._lock:
            self._events.append((time.monotonic() - self._started, who, what))

    def introduce(self, name: str, ip: str) -> None:
        self._addresses[name] = ip

    def follow(self, name: str, ping: Ping, watch: PathWatch) -> None:
        """Show the latency of a ping and the way it goes from now on."""
        self._followed[name] = (ping, watch)

    def transferred(self, done: Transfer) -> None:
        self._transfer = done
        megabytes = done.size / (1 << 20)
        self.tell("file", f"{megabytes:.0f} MiB copied, SHA-256 equal")

    def summarise(self) -> None:
        """Print the one table that says what happened."""
        table = Table("what", Column("result", overflow="fold"), title="Summary", min_width=_WIDTH)
        for name, ip in self._addresses.items():
            table.add_row(f"{name} on Earth", ip)
        for name, (ping, watch) in self._followed.items():
            table.add_row(f"{name}: pings answered", str(len(ping.replies)))
            for word, direct in (("relayed", False), ("direct", True)):
                middle = latency(ping.replies, watch.turns, direct=direct)
                table.add_row(f"{name}: median round trip, {word}", _milliseconds(middle))
            table.add_row(f"{name}: direct path", watch.way)
        if self._transfer is not None:
            done = self._transfer
            table.add_row(
                "file by TCP", f"{done.size} bytes at {done.megabits_per_second:.0f} Mbit/s"
            )
            table.add_row("its SHA-256 on both sides", done.received_sha256)
        table.add_row("took", f"{time.monotonic() - self._started:.1f} s")
        self._console.print(table)

    @property
    def document(self) -> dict[str, Any]:
        """The story and the summary as plain values; times in s, round trips in ms."""
        sides = {
            name: {
                "address": self._addresses.get(name),
                "answered": len(ping.replies),
                "relayed": latency(ping.replies, watch.turns, direct=False),
                "direct": latency(ping.replies, watch.turns, direct=True),
                "path": watch.way,
            }
            for name, (ping, watch) in self._followed.items()
        }
        done = self._transfer
        file = None if done is None else {"bytes": done.size, "sha256": done.received_sha256}
        events = [{"at": round(at, 3), "who": who, "what": what} for at, who, what in self._events]
        return {"events": events, "hosts": sides, "file": file}

    def _render(self) -> RenderableType:
        return Group(self._story(_ROWS), self._latencies())

    def _story(self, rows: int) -> Table:
        with self._lock:
            events = self._events[-rows:] if rows else []
        table = Table("s", "who", "what", title="A planet of our own", min_width=_WIDTH)
        for at, who, what in events:
            table.add_row(f"{at:.2f}", who, what)
        return table

    def _latencies(self) -> Table:
        table = Table("from", "way", "last round trip", "answered")
        for name, (ping, watch) in list(self._followed.items()):
            replies = ping.replies
            way = watch.way or "looking"
            last = _milliseconds(replies[-1].milliseconds if replies else None)
            table.add_row(name, way, last, str(len(replies)))
        return table


def _milliseconds(value: float | None) -> str:
    return "none answered" if value is None else f"{value:.2f} ms"
