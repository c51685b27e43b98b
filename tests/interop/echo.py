"""A TCP echo server and client of this process, inside a lab host."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator

from earthline.lab import Host

_PIECE = 1 << 16


@contextlib.contextmanager
def echo_server(host: Host) -> Iterator[int]:
    """Serve TCP echo on every address of a host; its port."""
    with host.inside():
        listener = socket.create_server(("0.0.0.0", 0))
    with listener:
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_reflect, args=(connection,), daemon=True).start()


def _reflect(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        while data := connection.recv(_PIECE):
            connection.sendall(data)


def exchange(host: Host, ip: str, port: int, size: int) -> bool:
    """Whether an echo server returns what is sent to it from a host."""
    with host.inside():
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sent, received = os.urandom(size), bytearray()
    with connection:
        connection.settimeout(20)
        connection.connect((ip, port))
        sender = threading.Thread(target=connection.sendall, args=(sent,))
        sender.start()
        while len(received) < size and (data := connection.recv(_PIECE)):
            received += data
        sender.join()
    return bytes(received) == sent
