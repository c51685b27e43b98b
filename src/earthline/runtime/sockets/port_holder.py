"""Who has the port that the service needs, and waiting for one that nobody has any more."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from earthline.runtime.base.process import PROC, name_of, processes
from earthline.runtime.home.home import StartFault
from earthline.runtime.host.tcp_table import LISTENS, at_port

log = structlog.get_logger()

LINGERS_S = 75
"""Linux keeps what is left of a closed TCP connection for a minute (TIME_WAIT), and some seconds
more: its timers are the coarser the longer they run."""
_PAUSE_S = 0.5
"""Between two tries to bind."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A program that has a port."""

    protocol: str
    pid: int | None
    """None where the kernel does not tell us, who are not root."""

    def __str__(self) -> str:
        if self.pid is None:
            return f"a program of another user ({self.protocol})"
        return f"{name_of(self.pid)} (pid {self.pid}, {self.protocol})"


def holder_of(port: int) -> Holder | None:
    """Who listens at a port by TCP, or has it by UDP; None if nobody does."""
    for protocol, inode in _sockets(port):
        return Holder(protocol, _process_with(inode))
    return None


def _sockets(port: int) -> Iterator[tuple[str, int]]:
    for table in ("tcp", "tcp6"):
        yield from (("TCP", row.inode) for row in at_port(table, port) if row.state == LISTENS)
    for table in ("udp", "udp6"):
        yield from (("UDP", row.inode) for row in at_port(table, port))


def _process_with(inode: int) -> int | None:
    wanted = f"socket:[{inode}]"
    return next((pid for pid in processes() if wanted in _descriptors(pid)), None)


def _descriptors(pid: int) -> Iterator[str]:
    """What the descriptors of a process are open on, as far as we may see it."""
    with contextlib.suppress(OSError):
        for descriptor in (PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                yield str(descriptor.readlink())


def _lingers(port: int) -> bool:
    """Whether closed connections of an earlier service still have a port."""
    return any(row.state != LISTENS for table in ("tcp", "tcp6") for row in at_port(table, port))


def wait_for_port(port: int, is_free: Callable[[int], bool], *, other: str) -> None:
    """Return once a port is free; `StartFault` if somebody has it. ``other`` names another one."""
    until = time.monotonic() + LINGERS_S
    said = False
    while not is_free(port):
        holder = holder_of(port)
        if holder is not None or not _lingers(port) or time.monotonic() > until:
            raise StartFault(_taken(port, holder, other))
        if not said:
            log.warning("port_lingers", port=port, seconds=LINGERS_S)
            said = True
        time.sleep(_PAUSE_S)


def _taken(port: int, holder: Holder | None, other: str) -> str:
    text = f"cannot bind to local control interface port {port}"
    if holder is None:
        return f"{text}: choose another one with {other}"
    return f"{text}: {holder} has it; stop that, or choose another port with {other}"
