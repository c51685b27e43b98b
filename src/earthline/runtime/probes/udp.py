"""What becomes of a datagram to an endpoint, as the kernel tells: errors, and the path MTU.

The socket is one of its own, connected, so that ICMP errors come back to it. What it sends is too
short to be a packet, or sealed by nobody, and ignored by every node.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Collection
from types import TracebackType
from typing import Self

from earthline.diagnosis.snapshot import Udp
from earthline.runtime.probes.icmp import Complaint, Told, meaning
from earthline.runtime.probes.tcp import NO_ROUTE
from earthline.wire.inet import InetAddress
from earthline.wire.packet import Verb, build

MSG_ERRQUEUE = 0x2000
"""Values of the Linux API that the standard library does not name."""
IP_RECVERR, IPV6_RECVERR = 11, 25
IP_MTU_DISCOVER, IP_MTU, PMTUDISC_DO = 10, 14, 2
IPV6_MTU_DISCOVER, IPV6_MTU = 23, 24
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
_ORIGINS_ICMP = (2, 3)
_FORBIDDEN = (errno.EPERM, errno.EACCES)
_HEADERS = {True: 28, False: 48}
SHORT = b"\0"


class UdpProbe:
    """One endpoint of the node ``root``. Use as a context; send, wait, then ask.

    ``OSError`` where this host does not know the address family.
    """

    def __init__(self, endpoint: InetAddress, root: int, ours: int) -> None:
        self._endpoint = endpoint
        self._root = root
        self._ours = ours
        self._told: Told | None = None
        family = socket.AF_INET if endpoint.is_ipv4 else socket.AF_INET6
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def __enter__(self) -> Self:
        try:
            self._prepare()
        except OSError as error:
            if error.errno in NO_ROUTE:
                self._told = Told(Udp.NO_ROUTE)
            self._note(error)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def _prepare(self) -> None:
        if self._endpoint.is_ipv4:
            options = (socket.IPPROTO_IP, (IP_RECVERR, 1), (IP_MTU_DISCOVER, PMTUDISC_DO))
        else:
            options = (socket.IPPROTO_IPV6, (IPV6_RECVERR, 1), (IPV6_MTU_DISCOVER, PMTUDISC_DO))
        level, *pairs = options
        for name, value in pairs:
            self._socket.setsockopt(level, name, value)
        self._socket.connect((self._endpoint.ip_text, self._endpoint.port))

    def send(self) -> None:
        """Send something short."""
        self._send(SHORT)

    def send_to_ourselves(self) -> None:
        """Send what the root passes on to wherever it takes us to be."""
        mark = int.from_bytes(os.urandom(8), "big")
        self._send(build(mark, self._ours, self._ours, Verb.NOP, b""))

    def send_full(self) -> None:
        """Fill what the kernel believes to pass whole, so that a narrower hop complains."""
        size = self.mtu - _HEADERS[self._endpoint.is_ipv4]
        packet = build(0, self._root, self._ours, Verb.NOP, b"")
        if size > len(packet):
            self._send(packet.ljust(size, b"\0"))

    def _send(self, datagram: bytes) -> None:
        # An ICMP error that came in waits here, too, and would keep the datagram from being sent.
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        try:
            self._socket.send(datagram)
        except OSError as error:
            self._note(error)

    @property
    def mtu(self) -> int:
        """Bytes of an IP packet that the kernel believes to pass whole; 0 while unknown."""
        level, name = socket.IPPROTO_IP, IP_MTU
        if not self._endpoint.is_ipv4:
            level, name = socket.IPPROTO_IPV6, IPV6_MTU
        try:
            return self._socket.getsockopt(level, name)
        except OSError:
            return 0

    def told(self, own: Collection[str]) -> Told:
        """What the kernel knows by now; ``own`` are this host's IPs."""
        self._read_errors(own)
        return self._told or Told(Udp.SILENT)

    def _note(self, error: OSError) -> None:
        """Once connected, "unreachable" may be what a router far away said: no matter here."""
        if error.errno in _FORBIDDEN:
            self._told = Told(Udp.UNSENDABLE)

    def _read_errors(self, own: Collection[str]) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                _, ancillary, _, _ = self._socket.recvmsg(64, 512, MSG_ERRQUEUE)
                for level, _, content in ancillary:
                    self._take_error(level, content, own)

    def _take_error(self, level: int, content: bytes, own: Collection[str]) -> None:
        _, origin, kind, code, *_ = _EXTENDED_ERROR.unpack_from(content)
        offender = _offender(level, content[_EXTENDED_ERROR.size :])
        if origin in _ORIGINS_ICMP and offender is not None:
            self._take(meaning(Complaint(offender, kind, code), self._endpoint, own))

    def _take(self, said: Told | None) -> None:
        """Routers say "unreachable" of what they only lost for a moment: all else says more."""
        if said is not None and (self._told is None or said.udp is not Udp.UNREACHABLE):
            self._told = said


def _offender(level: int, address: bytes) -> str | None:
    """The IP of the ``sockaddr`` after the error: who sent it."""
    if level == socket.IPPROTO_IP and len(address) >= 8:
        return socket.inet_ntop(socket.AF_INET, address[4:8])
    if level == socket.IPPROTO_IPV6 and len(address) >= 24:
        return socket.inet_ntop(socket.AF_INET6, address[8:24])
    return None
