"""One Linux network namespace: made, entered, run in, and removed with everything inside it.

The name of a namespace, ``earthline.<pid>.<start>.<n>.<name>``, says which run of the lab it
belongs to (process, its start time in clock ticks, which lab of that process), so that what a dead
run left behind can be told from what a living one uses.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from earthline.runtime.base.process import start_of

_PREFIX = "earthline"
_RUN = re.compile(rf"{_PREFIX}\.(\d+)\.(\d+)\.(\d+)(?:\.|$)")
_DIRECTORY = Path("/run/netns")
_CLONE_NEWNET = 0x4000_0000
_libc = ctypes.CDLL(None, use_errno=True)
_labs = count(1)


class LabError(Exception):
    """A command of the lab failed; the text says which, and what it printed."""


@dataclass(frozen=True, slots=True)
class RunName:
    """Which run a namespace belongs to."""

    pid: int
    start: int
    """Clock ticks from boot to the start of that process: a reused pid has another."""
    lab: int

    @classmethod
    def new(cls) -> RunName:
        """A name no other lab of this machine has."""
        pid = os.getpid()
        start = start_of(pid)
        if start is None:
            raise LabError("cannot read /proc/self/stat")
        return cls(pid, start, next(_labs))

    @classmethod
    def parse(cls, text: str) -> RunName | None:
        """The run a namespace's name tells, or None if it is none of ours."""
        found = _RUN.match(text)
        return None if found is None else cls(*map(int, found.groups()))

    @property
    def alive(self) -> bool:
        return start_of(self.pid) == self.start

    def __str__(self) -> str:
        return f"{_PREFIX}.{self.pid}.{self.start}.{self.lab}"


def namespaces() -> dict[str, RunName]:
    """Every namespace on this machine that a lab made, by name."""
    names = sorted(entry.name for entry in _DIRECTORY.glob(f"{_PREFIX}.*"))
    runs = {name: RunName.parse(name) for name in names}
    return {name: run for name, run in runs.items() if run is not None}


def call(argv: Sequence[str], *, text: str | None = None, timeout_s: float = 60) -> str:
    """Run a command to its end; its standard output, or `LabError` with its complaint."""
    try:
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise LabError(f"{' '.join(argv)}: not done after {timeout_s:g} s") from late
    if done.returncode != 0:
        complaint = (done.stderr or done.stdout).strip()
        raise LabError(f"{' '.join(argv)}: exit {done.returncode}: {complaint}")
    return done.stdout


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace by its full name."""

    name: str

    def create(self) -> None:
        call(["ip", "netns", "add", self.name])
        self.ip("link", "set", "lo", "up")

    def remove(self) -> None:
        """Kill what still runs inside, then remove the namespace. Harmless if there is none."""
        if not (_DIRECTORY / self.name).exists():
            return
        self._end_processes()
        call(["ip", "netns", "delete", self.name])

    def ip(self, *words: str) -> str:
        """Run ``ip`` on this namespace."""
        return call(["ip", "-n", self.name, *words])

    def nft(self, rules: str) -> None:
        """Load a ruleset in place of any loaded earlier."""
        call(self.enter_argv(["nft", "-f", "-"]), text=f"flush ruleset\n{rules}")

    def enter_argv(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs ``argv`` inside, in the same process."""
        return ["ip", "netns", "exec", self.name, *argv]

    def sysctl(self, key: str, value: str) -> None:
        """Set a kernel setting of this namespace, such as ``net/ipv4/ip_forward``."""
        with self.inside():
            Path("/proc/sys", key).write_text(value)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Have the calling thread in this namespace: sockets opened now live there for ever."""
        with Path("/proc/thread-self/ns/net").open() as home, (_DIRECTORY / self.name).open() as ns:
            _set_namespace(ns.fileno())
            try:
                yield
            finally:
                _set_namespace(home.fileno())

    def _end_processes(self) -> None:
        for attempt in range(100):
            pids = call(["ip", "netns", "pids", self.name]).split()
            if not pids:
                return
            for pid in pids if attempt % 20 == 0 else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.01)
        raise LabError(f"processes in {self.name} outlive SIGKILL: {' '.join(pids)}")


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def sweep(run: RunName) -> list[str]:
    """Remove every namespace of one run; the names removed."""
    names = [name for name, owner in namespaces().items() if owner == run]
    for name in names:
        Namespace(name).remove()
    return names


def sweep_dead() -> list[str]:
    """Remove the namespaces and folders of every run whose process is gone; what was removed."""
    dead = {run for run in namespaces().values() if not run.alive}
    removed = [name for run in sorted(dead, key=str) for name in sweep(run)]
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}.*")):
        run = RunName.parse(folder.name)
        if run is not None and not run.alive:
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(str(folder))
    return removed
