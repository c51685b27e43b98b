"""Forged UDP datagrams at a steady rate: any source, any content, 50,000 a second and more.

Sent through a raw socket, IP header and all, so that a source address is but four more bytes. What
differs from datagram to datagram is drawn anew for a whole batch at once, a column at a time: that
costs a twentieth of a microsecond for each, where a loop over datagrams would cost several.
"""

from __future__ import annotations

import ctypes
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from earthline.lab.mmsg import Messages

BATCH = 1024
"""Datagrams drawn together."""
HEADERS = 28
"""Bytes of the IP and the UDP header, before what a receiver reads."""
SOURCE_IP, SOURCE_PORT = 12, 20
"""Where they are in a datagram with its headers."""
_BURST = 128
"""Datagrams of one system call: fewer than a socket of the usual size takes at once."""
_BEAT_S = 5e-4
_LONGEST_BURST_S = 0.02
"""What a sender that was held up makes good."""
_IP = struct.Struct(">BBHHHBBH4s4s")
_UDP = struct.Struct(">HHHH")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Bytes that are random in each datagram, and the same at each of the places given."""

    places: tuple[int, ...]
    length: int
    among: bytes = bytes(range(256))
    """256 values that a random byte stands for."""

    def draw(self, batch: bytearray, stride: int) -> None:
        count = len(batch) // stride
        for byte in range(self.length):
            column = random.randbytes(count).translate(self.among)
            for place in self.places:
                batch[place + byte :: stride] = column


@dataclass(frozen=True, slots=True)
class Forgery:
    """A kind of datagram: one of it with its headers, what differs, and what is done at last."""

    template: bytes
    drawn: tuple[Drawn, ...]
    finish: Callable[[bytes], bytes] | None = None
    """Makes a payload of one, such as one with a MAC that holds; of the same length."""

    def fresh(self) -> Iterator[bytes]:
        """Batches without end, no datagram like another."""
        stride = len(self.template)
        while True:
            batch = bytearray(self.template * BATCH)
            for drawn in self.drawn:
                drawn.draw(batch, stride)
            if self.finish is not None:
                self._finish(batch, stride, self.finish)
            yield bytes(batch)

    def repeated(self, count: int) -> Iterator[bytes]:
        """So many datagrams, then the same again, without end."""
        fresh = self.fresh()
        batches = [next(fresh) for _ in range(-(-count // BATCH))]
        while True:
            yield from batches

    @staticmethod
    def _finish(batch: bytearray, stride: int, finish: Callable[[bytes], bytes]) -> None:
        for start in range(0, len(batch), stride):
            payload = slice(start + HEADERS, start + stride)
            batch[payload] = finish(bytes(batch[payload]))


def datagram(source: str, target: tuple[str, int], port: int, payload: bytes) -> bytes:
    """With IP and UDP headers; without checksums, the first of which the kernel fills in."""
    length = _UDP.size + len(payload)
    addresses = (socket.inet_aton(source), socket.inet_aton(target[0]))
    ip = _IP.pack(0x45, 0, _IP.size + length, 0, 0, 64, socket.IPPROTO_UDP, 0, *addresses)
    return ip + _UDP.pack(port, target[1], length, 0) + payload


def pour(batches: Iterator[bytes], target: str, rate: int, goes_on: Callable[[], bool]) -> int:
    """Send at a rate as long as it goes on, from the namespace we are in; how many were sent."""
    first = next(batches)
    size = len(first) // BATCH
    memory = bytearray(first)
    at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    messages = Messages([at + size * number for number in range(BATCH)], size)
    sent, place, due, before = 0, 0, 0.0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as outlet:
        outlet.connect((target, 0))
        while goes_on():
            now = time.monotonic()
            due = min(due + (now - before) * rate, _LONGEST_BURST_S * rate)
            before = now
            if due < 1:
                time.sleep(_BEAT_S)
                continue
            if place == BATCH:
                memory[:], place = next(batches), 0
            taken = messages.send(outlet, place, min(int(due), _BURST, BATCH - place))
            due -= taken
            sent += taken
            place += taken
    return sent
