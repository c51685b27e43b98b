"""What the kernel tells of another process. A pid is used again: with its start it means one."""

from __future__ import annotations

import os
import re
from pathlib import Path

PROC = Path("/proc")
_UNIT = re.compile(r"/system\.slice/(?:.*/)?([^/]+\.service)$")


def start_of(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None if there is no such process."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in {"Z", "X"} else int(rest[18])


def user_of(pid: int) -> int | None:
    """Whose rights a process has; None if there is no such process."""
    try:
        return (PROC / str(pid)).stat().st_uid
    except OSError:
        return None


def age_s(pid: int) -> float | None:
    """For how many seconds a process has run; None if there is no such process."""
    start = start_of(pid)
    if start is None:
        return None
    uptime = float((PROC / "uptime").read_text().split()[0])
    return uptime - start / os.sysconf("SC_CLK_TCK")


def words_of(pid: int) -> list[str]:
    """Its command line; empty if there is no such process, or it is hidden from us."""
    try:
        return os.fsdecode((PROC / str(pid) / "cmdline").read_bytes()).split("\0")[:-1]
    except OSError:
        return []


def name_of(pid: int) -> str:
    """What a person calls the program: for a script that is its name, not its interpreter's."""
    words = words_of(pid)
    if len(words) > 1 and Path(words[0]).name.startswith("python") and words[1][:1] == "/":
        return Path(words[1]).name
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def network_of(pid: int | None = None) -> int | None:
    """Which network namespace a process (we ourselves) is in; None if that is hidden from us."""
    try:
        return (PROC / ("self" if pid is None else str(pid)) / "ns" / "net").stat().st_ino
    except OSError:
        return None


def unit_of(pid: int) -> str | None:
    """The systemd unit of the machine that runs a process, if one does."""
    try:
        groups = (PROC / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return None
    found = (_UNIT.search(line) for line in groups)
    return next((match[1] for match in found if match), None)


def processes() -> list[int]:
    """The pids of all processes that we see."""
    return [int(entry) for entry in os.listdir(PROC) if entry.isdecimal()]  # noqa: PTH208
