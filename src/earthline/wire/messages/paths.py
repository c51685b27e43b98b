"""PUSH_DIRECT_PATHS: where we may be reached without a relay (01, 6.13).

::

    u16 count, records:
    flags u8, u16 length, extended data, type u8 (4 or 6), length u8, IP, port u16
"""

from __future__ import annotations

from dataclasses import dataclass

from earthline.wire.inet import InetAddress
from earthline.wire.reader import Reader

FLAG_FORGET = 0x01
FLAG_CLUSTER_REDIRECT = 0x02

_IP_LENGTHS = {4: 4, 6: 16}
"""Bytes of IP by address type."""


@dataclass(frozen=True, slots=True)
class PushedPath:
    """One record."""

    endpoint: InetAddress
    flags: int = 0

    def emit(self) -> bytes:
        ip, port = self.endpoint
        kind = 4 if self.endpoint.is_ipv4 else 6
        return bytes([self.flags, 0, 0, kind, len(ip) + 2]) + ip + port.to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class PushDirectPaths:
    """Records of types 4 and 6, in order; others were skipped."""

    paths: tuple[PushedPath, ...]

    @classmethod
    def parse(cls, payload: bytes) -> PushDirectPaths:
        reader = Reader(payload)
        records = [_read_record(reader) for _ in range(reader.u16())]
        return cls(tuple(path for path in records if path is not None))

    def emit(self) -> bytes:
        return len(self.paths).to_bytes(2, "big") + b"".join(path.emit() for path in self.paths)


def _read_record(reader: Reader) -> PushedPath | None:
    flags = reader.u8()
    reader.sized()
    kind, length = reader.u8(), reader.u8()
    record = reader.take(length)
    ip_length = _IP_LENGTHS.get(kind)
    if ip_length is None or length < ip_length + 2:
        return None
    port = int.from_bytes(record[ip_length : ip_length + 2], "big")
    return PushedPath(InetAddress(record[:ip_length], port), flags)
