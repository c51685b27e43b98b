"""What passes the interfaces: seen before a firewall takes it in, and after one let it out.

A packet socket sees incoming packets ahead of the kernel's filters and outgoing ones behind them.
What left but never came back is not the fault of this host; what came in unheard is. ICMP errors
that the sockets do not get to see, since hosts send few of them, are seen here, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
import struct
from collections.abc import Collection
from types import TracebackType
from typing import Self, TypeAlias

from earthline.runtime.probes.icmp import Complaint
from earthline.wire.inet import InetAddress

ETH_P_ALL = 0x0003
"""Only with this one sees what leaves."""
SO_ATTACH_FILTER = 26
PACKET_OUTGOING = 4
UDP = 17
ICMP = {True: 1, False: 58}
SEEN_BYTES = 96
PACKETS_AT_ONCE = 64
_LOAD_BYTE, _LOAD_WORD, _JUMP_EQUAL, _RETURN = 0x30, 0x20, 0x15, 0x06
_STEP = struct.Struct("=HBBI")
_Program: TypeAlias = tuple[tuple[int, int, int, int], ...]
"""Code, jumps if true and if false, and operand of each step."""


class WireWatch:
    """Watches for UDP of one endpoint. Use as a context; ``OSError`` on entry without the right."""

    def __init__(self, endpoint: InetAddress, ports: Collection[int]) -> None:
        """``ports`` are our own that count."""
        self.left = False
        self.came = False
        self.complaint: Complaint | None = None
        """The last ICMP error about a datagram to the endpoint."""
        self._endpoint = endpoint
        self._ports = frozenset(ports)
        self._only_errors = False
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        self._socket = socket.socket(
            socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.htons(ETH_P_ALL)
        )
        try:
            self._attach(_program(self._endpoint))
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket, self._read)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _attach(self, steps: _Program) -> None:
        program = b"".join(_STEP.pack(*step) for step in steps)
        buffer = ctypes.create_string_buffer(program)
        header = struct.pack("HL", len(program) // _STEP.size, ctypes.addressof(buffer))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, header)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(PACKETS_AT_ONCE):
                packet, (_, _, kind, *_) = self._socket.recvfrom(SEEN_BYTES)
                self._note(packet, outgoing=kind == PACKET_OUTGOING)
        if self.left and self.came and not self._only_errors:
            # Nothing else is left to be learned, and a transfer may go by that root.
            self._only_errors = True
            self._attach(_errors_program(self._endpoint))

    def _note(self, packet: bytes, *, outgoing: bool) -> None:
        ipv4 = self._endpoint.is_ipv4
        start = 4 * (packet[0] & 0x0F) if ipv4 else 40
        if len(packet) < start + 8:
            return
        if packet[9 if ipv4 else 6] == UDP:
            self._note_udp(packet, start, outgoing=outgoing)
        elif not outgoing:
            self._note_icmp(packet, start)

    def _note_icmp(self, packet: bytes, start: int) -> None:
        """An error quotes the packet it is about, which must be one to the endpoint."""
        ipv4 = self._endpoint.is_ipv4
        head = start + 8
        quoted = head + (16 if ipv4 else 24)
        if packet[quoted : quoted + len(self._endpoint.ip)] != self._endpoint.ip:
            return
        ports = head + (4 * (packet[head] & 0x0F) if ipv4 else 40)
        if packet[ports + 2 : ports + 4] != self._endpoint.port.to_bytes(2, "big"):
            return
        source = packet[12:16] if ipv4 else packet[8:24]
        by = InetAddress(source, 0).ip_text
        self.complaint = Complaint(by, packet[start], packet[start + 1])

    def _note_udp(self, packet: bytes, start: int, *, outgoing: bool) -> None:
        ports = struct.unpack_from(">HH", packet, start)
        theirs, ours = reversed(ports) if outgoing else ports
        if theirs == self._endpoint.port and ours in self._ports:
            if outgoing:
                self.left = True
            else:
                self.came = True


def _errors_program(endpoint: InetAddress) -> _Program:
    """Classic BPF: ICMP alone."""
    return (
        (_LOAD_BYTE, 0, 0, 9 if endpoint.is_ipv4 else 6),
        (_JUMP_EQUAL, 0, 1, ICMP[endpoint.is_ipv4]),
        (_RETURN, 0, 0, SEEN_BYTES),
        (_RETURN, 0, 0, 0),
    )


def _program(endpoint: InetAddress) -> _Program:
    """Classic BPF: UDP from or to the IP, and ICMP. Of an IPv6 the last word has to do."""
    ipv4 = endpoint.is_ipv4
    last = int.from_bytes(endpoint.ip[-4:], "big")
    return (
        (_LOAD_BYTE, 0, 0, 9 if ipv4 else 6),
        (_JUMP_EQUAL, 5, 0, ICMP[ipv4]),
        (_JUMP_EQUAL, 0, 5, UDP),
        (_LOAD_WORD, 0, 0, 12 if ipv4 else 20),
        (_JUMP_EQUAL, 2, 0, last),
        (_LOAD_WORD, 0, 0, 16 if ipv4 else 36),
        (_JUMP_EQUAL, 0, 1, last),
        (_RETURN, 0, 0, SEEN_BYTES),
        (_RETURN, 0, 0, 0),
    )
