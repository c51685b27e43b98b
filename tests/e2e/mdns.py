"""A responder and a querier of multicast DNS (RFC 6762): one name, one address."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

from earthline.lab.topology import Machine

GROUP, PORT = "224.0.0.251", 5353
A, IN, FLUSH = 1, 1, 0x8000
_HEADER = struct.Struct(">HHHHHH")
_SECONDS = 0.5


def _name(text: str) -> bytes:
    labels = text.encode().split(b".")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def query(name: str) -> bytes:
    return _HEADER.pack(0, 0, 1, 0, 0, 0) + _name(name) + struct.pack(">HH", A, IN)


def answer(name: str, ip: str) -> bytes:
    record = struct.pack(">HHIH", A, IN | FLUSH, 120, 4) + socket.inet_aton(ip)
    return _HEADER.pack(0, 0x8400, 0, 1, 0, 0) + _name(name) + record


def _open(machine: Machine, ip: str) -> socket.socket:
    """A member of the group on the interface that has an address."""
    with machine.inside():
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind(("", PORT))
    own = socket.inet_aton(ip)
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + own)
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    opened.settimeout(_SECONDS)
    return opened


@contextlib.contextmanager
def responder(machine: Machine, ip: str, name: str) -> Iterator[None]:
    """Answer for a name with the machine's address, over multicast."""
    ended = threading.Event()
    with _open(machine, ip) as opened:
        thread = threading.Thread(target=_respond, args=(opened, ended, ip, name))
        thread.start()
        yield
        ended.set()
        thread.join()


def _respond(opened: socket.socket, ended: threading.Event, ip: str, name: str) -> None:
    while not ended.is_set():
        with contextlib.suppress(TimeoutError):
            if opened.recv(1500) == query(name):
                opened.sendto(answer(name, ip), (GROUP, PORT))


def resolve(machine: Machine, ip: str, name: str, attempts: int = 30) -> str | None:
    """Ask from the interface that has ``ip``; the address that somebody answered with."""
    with _open(machine, ip) as opened:
        for _ in range(attempts):
            opened.sendto(query(name), (GROUP, PORT))
            with contextlib.suppress(TimeoutError):
                reply = opened.recv(1500)
                if reply[:-4] == answer(name, "0.0.0.0")[:-4]:
                    return socket.inet_ntoa(reply[-4:])
    return None
