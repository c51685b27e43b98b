"""``earthline-one`` many times over: one process has all of it loaded, and each run is a fork.

What a start costs most is the loading of Python's modules; what runs here is the same program from
its command line on. It reads a line of JSON for each run, and answers with a line.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from earthline.lab import Host


class Nursery:
    """Starts services inside a lab host. Close it: it ends those that still run."""

    def __init__(self, host: Host) -> None:
        argv = host.namespace.enter_argv([sys.executable, __file__])
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._running: set[int] = set()

    def start(self, argv: Sequence[str], log: Path, uid: int = 0) -> int:
        """The pid of a new run, whose output goes to ``log``."""
        pid = self._ask(argv=list(argv), log=str(log), uid=uid)
        self._running.add(pid)
        return pid

    def ended(self, pid: int) -> int | None:
        """The exit status of a run; None while it goes on."""
        status = self._ask(pid=pid)
        if status < 0:
            return None
        self._running.discard(pid)
        return os.waitstatus_to_exitcode(status)

    def end_all(self) -> None:
        """Kill what runs, as after a test that failed."""
        for pid in list(self._running):
            os.kill(pid, signal.SIGKILL)
            while self.ended(pid) is None:
                time.sleep(0.01)

    def close(self) -> None:
        self.end_all()
        self._process.communicate()

    def _ask(self, **order: object) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def _run(argv: list[str], log: str, uid: int) -> None:
    """Become the program. Never returns."""
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    sys.argv = argv
    status = 1
    try:
        programs.earthline_one()
    except SystemExit as end:
        status = int(end.code or 0)
    except Exception:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(status)


def _serve() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if "argv" in order:
            answer = os.fork()
            if answer == 0:
                _run(**order)
        else:
            pid, status = os.waitpid(order["pid"], os.WNOHANG)
            answer = status if pid else -1
        print(answer, flush=True)


if __name__ == "__main__":
    import earthline.api.run  # noqa: F401 - loaded once, for all runs
    from earthline.cli import programs
    from earthline.cli.stock import one  # noqa: F401

    _serve()
