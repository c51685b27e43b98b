"""Many datagrams by one system call: ``sendmmsg`` and ``recvmmsg``, of which Python has neither."""

from __future__ import annotations

import ctypes
import errno
import os
import socket

_libc = ctypes.CDLL(None, use_errno=True)


class Vector(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class Header(ctypes.Structure):
    """``struct msghdr``."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint),
        ("vectors", ctypes.POINTER(Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class Message(ctypes.Structure):
    """``struct mmsghdr``."""

    _fields_ = (("header", Header), ("size", ctypes.c_uint))


class Messages:
    """Buffers of one length, which may be one and the same, to be sent or filled in their order."""

    def __init__(self, addresses: list[int], size: int) -> None:
        """``addresses`` of memory that the caller keeps alive."""
        self._vectors = (Vector * len(addresses))(*(Vector(at, size) for at in addresses))
        at, step = ctypes.addressof(self._vectors), ctypes.sizeof(Vector)
        pointers = (
            ctypes.cast(at + step * number, ctypes.POINTER(Vector))
            for number in range(len(addresses))
        )
        headers = (Header(vectors=pointer, vector_count=1) for pointer in pointers)
        self._messages = (Message * len(addresses))(*map(Message, headers))

    def send(self, outlet: socket.socket, first: int, count: int) -> int:
        """Send so many from one on, or as many as the socket takes; how many it took."""
        sent: int = _libc.sendmmsg(outlet.fileno(), self._from(first), count, 0)
        return _counted(sent)

    def receive(self, inlet: socket.socket) -> int:
        """Take what is there, up to all; how many."""
        arrived: int = _libc.recvmmsg(
            inlet.fileno(), self._messages, len(self._messages), socket.MSG_DONTWAIT, None
        )
        return _counted(arrived)

    def _from(self, first: int) -> ctypes.c_void_p:
        return ctypes.c_void_p(ctypes.addressof(self._messages) + first * ctypes.sizeof(Message))


def _counted(result: int) -> int:
    """How many a call moved; none where the queue it met was full or empty."""
    code = ctypes.get_errno()
    if result < 0 and code not in {errno.EAGAIN, errno.ENOBUFS}:
        raise OSError(code, os.strerror(code))
    return max(result, 0)
