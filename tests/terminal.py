"""Programs as they are seen on a terminal of 80 columns, and in a pipe."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 80
STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
TIMEOUT_S = 120


@dataclass(frozen=True)
class Shown:
    """What came out, errors included, and the exit status."""

    text: str
    status: int

    @property
    def plain(self) -> str:
        """Without styles."""
        return STYLE.sub("", self.text)


def environment(**more: str) -> dict[str, str]:
    """Ours, in which nothing says how wide or how colorful a terminal is."""
    told = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM"}
    kept = {key: value for key, value in os.environ.items() if key not in told}
    return kept | {"TERM": "xterm", "PYTHONWARNINGS": "ignore"} | more


def in_a_pipe(argv: Sequence[str], **more: str) -> Shown:
    """A program whose output another one reads; ``more`` of the environment."""
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(**more),
        timeout=TIMEOUT_S,
        check=False,
    )
    return Shown(done.stdout, done.returncode)


def on_a_terminal(argv: Sequence[str], *, stop_at: str = "", **more: str) -> Shown:
    """A program on a terminal of `WIDTH` columns; ``stop_at``: what to press Ctrl-C at."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
    # A shell that put the tests into the background has them ignore Ctrl-C, which is inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environment(**more)
    ) as process:
        signal.signal(signal.SIGINT, before)
        os.close(theirs)
        late = threading.Timer(TIMEOUT_S, process.kill)
        late.start()
        sent = b""
        with contextlib.suppress(OSError):  # the last one to hold the other end has gone
            while read := os.read(ours, 65_536):
                sent += read
                if stop_at and stop_at.encode() in sent:
                    process.send_signal(signal.SIGINT)
                    stop_at = ""
        os.close(ours)
        status = process.wait(TIMEOUT_S)
        late.cancel()
    return Shown(sent.decode().replace("\r\n", "\n"), status)
