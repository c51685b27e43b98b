"""A steady stream of small datagrams between two hosts: how long it was cut, to the millisecond."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
import time
from typing import Self

from earthline.lab.topology import Host

INTERVAL_MS = 10
_PATIENCE_S = 0.2
_SO_TIMESTAMPNS = 35  # of Linux; Python has no name for it
_TIMESPEC = struct.Struct("@qq")


def now_ms() -> float:
    """The clock of `Stream.arrivals`."""
    return time.clock_gettime(time.CLOCK_REALTIME) * 1e3


class Stream:
    """Datagrams from one host to an address of another, as long as the context lasts."""

    def __init__(self, source: Host, target: Host, target_ip: str) -> None:
        self.arrivals: list[float] = [now_ms()]
        """When each datagram came in, by the kernel's stamp, in ms; first, when it all began."""
        with target.inside():
            self._inlet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with source.inside():
            self._outlet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._inlet.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._inlet.settimeout(_PATIENCE_S)
        self._inlet.bind((target_ip, 0))
        self._target = (target_ip, self._inlet.getsockname()[1])
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=run) for run in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._inlet.close()
        self._outlet.close()

    def flows(self) -> bool:
        """Whether something arrived just now."""
        return self.silent_ms() < 5 * INTERVAL_MS

    def silent_ms(self) -> float:
        """How long nothing has arrived."""
        return now_ms() - self.arrivals[-1]

    def longest_gap_ms(self, since: float) -> float:
        """The longest time between two arrivals, from the last one before ``since`` up to now."""
        arrivals = list(self.arrivals)
        before = [at for at in arrivals if at < since][-1:]
        times = [*before, *(at for at in arrivals if at >= since), now_ms()]
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    def _send(self) -> None:
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            with contextlib.suppress(OSError):
                self._outlet.sendto(b"still here", self._target)
            due = max(due + INTERVAL_MS / 1e3, time.monotonic())

    def _receive(self) -> None:
        while not self._ended.is_set():
            try:
                _, notes, _, _ = self._inlet.recvmsg(64, socket.CMSG_SPACE(_TIMESPEC.size))
            except TimeoutError:
                continue
            for _, _, stamp in notes:
                seconds, nanoseconds = _TIMESPEC.unpack(stamp)
                self.arrivals.append(seconds * 1e3 + nanoseconds / 1e6)
