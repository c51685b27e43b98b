"""Moving a file by TCP between two hosts of a lab, through whatever address it is sent to."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from earthline.lab.namespace import LabError
from earthline.lab.topology import Host

_PIECE = 1 << 18
_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Transfer:
    """A file that arrived."""

    size: int
    seconds: float
    sent_sha256: str
    received_sha256: str

    @property
    def intact(self) -> bool:
        return self.sent_sha256 == self.received_sha256

    @property
    def megabits_per_second(self) -> float:
        return self.size * 8 / 1e6 / self.seconds


def random_file(path: Path, size: int) -> Path:
    """A file of random bytes, so that nothing can be gained by compressing it."""
    with path.open("wb") as output:
        for start in range(0, size, _PIECE):
            output.write(os.urandom(min(_PIECE, size - start)))
    return path


def send_file(source: Host, target: Host, target_ip: str, path: Path) -> Transfer:
    """Send a file from one host to an address of another, IPv4 or IPv6, and compare digests."""
    received = target.directory / f"received-{path.name}"
    address, family = (target_ip, 0), family_of(target_ip)
    with target.inside(), socket.create_server(address, family=family) as listener:
        listener.settimeout(_PATIENCE_S)
        port = listener.getsockname()[1]
        sender = threading.Thread(target=_send, args=(source, (target_ip, port), path))
        started = time.monotonic()
        sender.start()
        try:
            _receive(listener, received)
        except OSError as error:
            raise LabError(f"the file did not arrive at {target.name}: {error}") from error
        finally:
            sender.join()
    seconds = time.monotonic() - started
    return Transfer(received.stat().st_size, seconds, _sha256(path), _sha256(received))


def family_of(ip: str) -> socket.AddressFamily:
    """The address family of an IP."""
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


def flow(source: Host, target: Host, target_ip: str, seconds: float) -> int:
    """Send by TCP without pause for a while; how many bytes arrived."""
    arrived = 0
    with target.inside(), socket.create_server((target_ip, 0)) as listener:
        listener.settimeout(_PATIENCE_S)
        address = (target_ip, listener.getsockname()[1])
        sender = threading.Thread(target=_pour, args=(source, address, seconds))
        sender.start()
        try:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(_PATIENCE_S)
                while data := connection.recv(_PIECE):
                    arrived += len(data)
        except OSError as error:
            raise LabError(f"the flow to {target.name} broke: {error}") from error
        finally:
            sender.join()
    return arrived


def _pour(source: Host, target: tuple[str, int], seconds: float) -> None:
    with source.inside():
        opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    end = time.monotonic() + seconds
    with opened, contextlib.suppress(OSError):
        opened.settimeout(_PATIENCE_S)
        opened.connect(target)
        while time.monotonic() < end:
            opened.sendall(bytes(_PIECE))


def _send(source: Host, target: tuple[str, int], path: Path) -> None:
    with source.inside():
        opened = socket.socket(family_of(target[0]), socket.SOCK_STREAM)
    # The receiving end says what is wrong when nothing comes.
    with opened, path.open("rb") as file, contextlib.suppress(OSError):
        opened.settimeout(_PATIENCE_S)
        opened.connect(target)
        opened.sendfile(file)


def _receive(listener: socket.socket, path: Path) -> None:
    connection, _ = listener.accept()
    with connection, path.open("wb") as output:
        connection.settimeout(_PATIENCE_S)
        while data := connection.recv(_PIECE):
            output.write(data)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
