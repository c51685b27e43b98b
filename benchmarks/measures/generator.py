"""UDP at a precise rate from one host to another, and how much of it arrives.

``iperf3`` sends in bursts of a millisecond and makes a system call for every datagram at both
ends; on a machine with few cores that measures ``iperf3``. Here many datagrams share a call, bursts
are as short as a timer allows, and the receiver's buffer holds more than it ever has to.
"""

from __future__ import annotations

import ctypes
import socket
import threading
import time
from dataclasses import dataclass
from typing import Self

from earthline.lab.mmsg import Messages
from earthline.lab.topology import Host
from measures.pair import Pair
from measures.search import Trial

FLOOD = 10e6
"""A rate that no generator reaches: as fast as it can."""
_BATCH = 64
_BEAT_S = 1e-4
_LONGEST_BURST_S = 1e-3
"""What a sender that was held up makes good; the rest it never offers."""
_LATE_S = 0.05
"""What arrives later than this after the end stood in a queue that grew, and counts as lost."""
_BUFFER = 16 << 20
_SO_RCVBUFFORCE = 33  # of Linux; Python has no name for it


class _Batch(Messages):
    """Datagrams that share one buffer, since nobody reads what is in them."""

    def __init__(self, size: int) -> None:
        self._buffer = ctypes.create_string_buffer(size)
        super().__init__([ctypes.addressof(self._buffer)] * _BATCH, size)


class Sink:
    """Counts what arrives on a port of a host, as long as the context lasts."""

    def __init__(self, host: Host, ip: str) -> None:
        self.arrived = 0
        with host.inside():
            self._inlet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._inlet.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        self._inlet.bind((ip, 0))
        self.address = self._inlet.getsockname()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._count)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._inlet.close()

    def _count(self) -> None:
        batch = _Batch(1)
        while not self._ended.is_set():
            while taken := batch.receive(self._inlet):
                self.arrived += taken
            time.sleep(_LONGEST_BURST_S)


@dataclass(frozen=True, slots=True)
class Poured:
    """What was sent, and what of it arrived in time."""

    sent: int
    arrived: int
    seconds: float

    @property
    def trial(self) -> Trial:
        return Trial(self.sent / self.seconds, 1 - self.arrived / max(self.sent, 1))


def pour(pair: Pair, rate: float, size: int, seconds: float) -> Poured:
    """Send datagrams of ``size`` bytes at ``rate`` a second from the near host to the far one."""
    with pair.near.inside():
        outlet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with outlet, Sink(pair.far, pair.ip) as sink:
        outlet.connect(sink.address)
        started = time.monotonic()
        sent = _send(outlet, rate, size, started + seconds)
        elapsed = time.monotonic() - started
        time.sleep(_LATE_S)
        return Poured(sent, sink.arrived, elapsed)


def _send(outlet: socket.socket, rate: float, size: int, end: float) -> int:
    batch = _Batch(size)
    sent, due, before = 0, 0.0, time.monotonic()
    while (now := time.monotonic()) < end:
        due = min(due + (now - before) * rate, _LONGEST_BURST_S * rate)
        before = now
        if due < 1:
            time.sleep(_BEAT_S)
            continue
        taken = batch.send(outlet, 0, min(int(due), _BATCH))
        due -= taken
        sent += taken
    return sent
