"""RENDEZVOUS: an upstream tells where another peer can be met (01, 6.9).

::

    flags u8 (0), peer address 5, port u16, IP length u8 (4 or 16), IP
"""

from __future__ import annotations

from dataclasses import dataclass

from earthline.wire.address import address_bytes
from earthline.wire.inet import InetAddress
from earthline.wire.reader import Malformed, Reader


@dataclass(frozen=True, slots=True)
class Rendezvous:
    """Contact ``peer`` at ``endpoint``, whose port is never 0."""

    peer: int
    endpoint: InetAddress

    @classmethod
    def parse(cls, payload: bytes) -> Rendezvous:
        reader = Reader(payload)
        reader.skip(1)
        peer, port, length = reader.address(), reader.u16(), reader.u8()
        if port == 0 or length not in (4, 16):
            raise Malformed(f"endpoint with port {port} and an IP of {length} bytes")
        return cls(peer, InetAddress(reader.take(length), port))

    def emit(self) -> bytes:
        ip, port = self.endpoint
        return b"\x00" + address_bytes(self.peer) + port.to_bytes(2, "big") + bytes([len(ip)]) + ip
