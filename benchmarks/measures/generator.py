"""UDP at a precise rate from one host to another, and how much of it arrives.

``iperf3`` sends in bursts of a millisecond and makes a system call for every datagram at both
ends; on a machine with few cores that measures ``iperf3``. Here many datagrams share a call, bursts
are as short as a timer allows, and the receiver's buffer holds more than it ever has to.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import threading
import time
from dataclasses import dataclass
from typing import Self

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
_libc = ctypes.CDLL(None, use_errno=True)


class _Vector(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """``struct msghdr``."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint),
        ("vectors", ctypes.POINTER(_Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """``struct mmsghdr``."""

    _fields_ = (("header", _Header), ("size", ctypes.c_uint))


class _Batch:
    """Datagrams that share one buffer, since nobody reads what is in them."""

    def __init__(self, size: int) -> None:
        self._buffer = ctypes.create_string_buffer(size)
        self._vector = _Vector(ctypes.addressof(self._buffer), size)
        header = _Header(vectors=ctypes.pointer(self._vector), vector_count=1)
        self._messages = (_Message * _BATCH)(*(_Message(header) for _ in range(_BATCH)))

    def send(self, outlet: socket.socket, count: int) -> int:
        """Send so many, or as many as the socket takes; how many it took."""
        sent: int = _libc.sendmmsg(outlet.fileno(), self._messages, min(count, _BATCH), 0)
        return _counted(sent)

    def receive(self, inlet: socket.socket) -> int:
        """Take what is there; how many."""
        arrived: int = _libc.recvmmsg(
            inlet.fileno(), self._messages, _BATCH, socket.MSG_DONTWAIT, None
        )
        return _counted(arrived)


def _counted(result: int) -> int:
    """How many a call moved; none where the queue it met was full or empty."""
    code = ctypes.get_errno()
    if result < 0 and code not in {errno.EAGAIN, errno.ENOBUFS}:
        raise OSError(code, os.strerror(code))
    return max(result, 0)


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
        taken = batch.send(outlet, int(due))
        due -= taken
        sent += taken
    return sent
