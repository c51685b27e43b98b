"""A network namespace with addresses of the internet at large, for the TCP tunnel and its relay."""

from __future__ import annotations

import ctypes
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
WAIT_S = 20.0
"""Longest wait; a failure, never a measurement."""
HERE, THERE = "80.0.0.1", "81.0.0.1"
GREETING = bytes.fromhex("1703030004010e0001")


def _enter_new_namespace() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for words in (
        ["link", "set", "lo", "up"],
        *(["address", "add", f"{ip}/32", "dev", "lo"] for ip in (HERE, THERE, "10.0.0.1")),
    ):
        subprocess.run(["ip", *words], check=True)


@contextmanager
def internet() -> Iterator[Callable[[Callable[[], T]], T]]:
    """A runner of functions on a thread inside."""
    with ThreadPoolExecutor(1, initializer=_enter_new_namespace) as thread:
        yield lambda act: thread.submit(act).result()


def wait_until(what: str, probe: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not probe():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def record(ip: str, port: int, datagram: bytes) -> bytes:
    """One datagram of the tunnel, for or from an IPv4 endpoint (01, 9)."""
    payload = b"\x04" + socket.inet_aton(ip) + port.to_bytes(2, "big") + datagram
    return b"\x17\x03\x03" + len(payload).to_bytes(2, "big") + payload


def udp(ip: str, port: int = 0) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind((ip, port))
    bound.settimeout(WAIT_S)
    return bound


def connect(port: int, *, tls: bool = False, source: str = HERE) -> socket.socket:
    """To a relay on the loopback device."""
    stream = socket.create_connection(("127.0.0.1", port), WAIT_S, source_address=(source, 0))
    if not tls:
        return stream
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(stream)


def read_exactly(stream: socket.socket, length: int) -> bytes:
    got = b""
    while len(got) < length:
        more = stream.recv(length - len(got))
        if not more:
            raise EOFError(got)
        got += more
    return got


def is_closed(stream: socket.socket) -> bool:
    try:
        return stream.recv(1) == b""
    except ConnectionResetError:
        return True
