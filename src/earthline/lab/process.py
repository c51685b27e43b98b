"""A program that the lab started inside a namespace, with its output in a log file."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from earthline.lab.namespace import LabError


class LabProcess:
    """A running program. Killed by its own process ID, never by name."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._child.poll()

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    def wait(self, timeout_s: float) -> int:
        """Its exit status; `LabError` if it takes longer."""
        try:
            return self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name} still runs after {timeout_s} s") from None

    def finish(self, timeout_s: float) -> str:
        """Wait for success; its output, or `LabError` with it."""
        status = self.wait(timeout_s)
        if status != 0:
            raise LabError(f"{self.name}: exit {status}: {self.output.strip()[-2000:]}")
        return self.output

    def terminate(self, timeout_s: float = 10) -> int:
        """Ask it to stop, and insist when it does not; its exit status."""
        self._child.terminate()
        try:
            return self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        self._child.kill()
        return self._child.wait()
