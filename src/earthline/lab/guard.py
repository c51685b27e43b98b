"""What tears a lab down when its own process cannot: a small process that outlives it.

The lab holds the other end of the guard's standard input. However the lab ends, ``kill -9`` too,
the kernel closes that pipe; the guard reads the end of file and removes what is left.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from earthline.lab.namespace import RunName, sweep

_PROGRAM = "from earthline.lab.guard import main; main()"


class Guard:
    """The guard process of one lab."""

    def __init__(self, run: RunName, directory: Path) -> None:
        # A session of its own, so that Ctrl-C at the terminal reaches the lab alone.
        self._child = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(run), str(directory)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """Let it do its sweep, which finds nothing after an orderly end, and wait for it."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._child.wait()


def main() -> None:
    """Wait for the end of standard input, then sweep the run named on the command line."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    name, directory = sys.argv[1:]
    run = RunName.parse(name)
    sys.stdin.read()
    if run is not None:
        sweep(run)
    shutil.rmtree(directory, ignore_errors=True)
