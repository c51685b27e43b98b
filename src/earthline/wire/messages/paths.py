"""PUSH_DIRECT_PATHS: where we may be reached without a relay (01, 6.13).

::

    u16 count, records:
    flags u8, u16 length, extended data, type u8 (4 or 6), length u8, IP, port u16
    the same, type 0xe1, length 7, kind u8, IPv4, port u16

The second kind of record is ours; everybody else skips it, as unknown types are to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from earthline.wire.inet import InetAddress
from earthline.wire.reader import Malformed, Reader

FLAG_FORGET = 0x01
FLAG_CLUSTER_REDIRECT = 0x02

_IP_LENGTHS = {4: 4, 6: 16}
"""Bytes of IP by address type."""

MAX_RECORDS = 106
"""Of one packet that are read: an honest one is shorter than 1,200 bytes (02, 7.2), and the
shortest record of use, an IPv4 address, takes 11."""

_SPRAY = 0xE1
_SPRAY_LENGTH = 7


@dataclass(frozen=True, slots=True)
class PushedPath:
    """One record."""

    endpoint: InetAddress
    flags: int = 0

    def emit(self) -> bytes:
        ip, port = self.endpoint
        kind = 4 if self.endpoint.is_ipv4 else 6
        return bytes([self.flags, 0, 0, kind, len(ip) + 2]) + ip + port.to_bytes(2, "big")


class SprayKind(IntEnum):
    """What a sprayer says (see `vl1.traversal.spray`)."""

    OFFER = 1
    ACCEPTANCE = 2


@dataclass(frozen=True, slots=True)
class SprayRecord:
    """Both NATs are hard: let us spray ports, now. ``target``: where the receiver is sought."""

    kind: SprayKind
    target: InetAddress

    def emit(self) -> bytes:
        head = bytes([0, 0, 0, _SPRAY, _SPRAY_LENGTH, self.kind])
        return head + self.target.ip + self.target.port.to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class PushDirectPaths:
    """Records of types 4 and 6, in order, and the last one about spraying; others were skipped."""

    paths: tuple[PushedPath, ...]
    spray: SprayRecord | None = None
    unread: int = 0
    """How many more there are said to be than are read."""

    @classmethod
    def parse(cls, payload: bytes) -> PushDirectPaths:
        reader = Reader(payload)
        paths: list[PushedPath] = []
        spray: SprayRecord | None = None
        count = reader.u16()
        for _ in range(min(count, MAX_RECORDS)):
            flags, kind, record = _read_record(reader)
            ip_length = _IP_LENGTHS.get(kind)
            if ip_length is not None and len(record) >= ip_length + 2:
                port = int.from_bytes(record[ip_length : ip_length + 2], "big")
                paths.append(PushedPath(InetAddress(record[:ip_length], port), flags))
            elif kind == _SPRAY:
                spray = _read_spray(record) or spray
        return cls(tuple(paths), spray, max(0, count - MAX_RECORDS))

    def emit(self) -> bytes:
        records = [path.emit() for path in self.paths]
        if self.spray is not None:
            records.append(self.spray.emit())
        return len(records).to_bytes(2, "big") + b"".join(records)


def _read_record(reader: Reader) -> tuple[int, int, bytes]:
    """Flags, type and value; up to `MAX_RECORDS` come in one packet, so in few steps."""
    data, at = reader.data, reader.offset
    kind_at = at + 3 + int.from_bytes(data[at + 1 : at + 3], "big")
    if kind_at + 2 > len(data):
        raise Malformed(f"a record at {at} that is cut off")
    reader.offset = kind_at + 2
    return data[at], data[kind_at], reader.take(data[kind_at + 1])


def _read_spray(record: bytes) -> SprayRecord | None:
    if len(record) != _SPRAY_LENGTH or record[0] not in set(SprayKind):
        return None
    target = InetAddress(record[1:5], int.from_bytes(record[5:7], "big"))
    return SprayRecord(SprayKind(record[0]), target)
