"""A TCP connection that something is sent by all the time, and a ping that counts what it lost."""

from __future__ import annotations

import re
import signal
import socket
import threading
from typing import Self

from earthline.lab import Host

_NUMBER = 8
_PAUSE_S = 0.01
_PATIENCE_S = 60.0


class SteadyTcp:
    """One connection from a host to another: a number every 10 ms, each the one after the last."""

    def __init__(self, source: Host, target: Host, target_ip: str) -> None:
        with target.inside():
            listener = socket.create_server((target_ip, 0))
        with source.inside():
            self._near = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        with listener:
            listener.settimeout(_PATIENCE_S)
            self._near.settimeout(_PATIENCE_S)
            self._near.connect((target_ip, listener.getsockname()[1]))
            self._far, _ = listener.accept()
        self._far.settimeout(_PATIENCE_S)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=run) for run in (self._send, self._receive)]
        self.received = 0
        """How many numbers arrived, in order and without a gap."""
        self.fault: str | None = None

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._far.close()

    def more(self, count: int) -> int:
        """What `received` will be when so many more have come."""
        return self.received + count

    def reached(self, count: int) -> bool:
        """Whether so many have come; AssertionError if the connection broke before."""
        assert self.fault is None, self.fault
        return self.received >= count

    def _send(self) -> None:
        try:
            with self._near:
                number = 0
                while not self._ended.wait(_PAUSE_S):
                    self._near.sendall(number.to_bytes(_NUMBER, "big"))
                    number += 1
        except OSError as error:
            self.fault = f"the sender's end failed: {error}"

    def _receive(self) -> None:
        try:
            while data := self._far.recv(_NUMBER, socket.MSG_WAITALL):
                number = int.from_bytes(data, "big")
                assert number == self.received, f"{number} came instead of {self.received}"
                self.received += 1
        except (OSError, AssertionError) as error:
            self.fault = f"the receiver's end failed: {error}"


class CountedPing:
    """A ping ten times a second, and how many were lost."""

    def __init__(self, source: Host, target: str) -> None:
        name = f"counted-{source.lab.number()}"
        self._process = source.start(["ping", "-n", "-i", "0.1", target], name=name)

    @property
    def answered(self) -> int:
        return self._process.output.count("bytes from")

    def lost(self) -> int:
        """End it; how many of all were never answered. One may be on its way at the end."""
        self._process.signal(signal.SIGINT)
        self._process.wait(10)
        found = re.search(r"(\d+) packets transmitted, (\d+) received", self._process.output)
        assert found is not None, self._process.output
        sent, received = map(int, found.groups())
        return sent - received
