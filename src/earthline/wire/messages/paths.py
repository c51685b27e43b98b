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
from earthline.wire.reader import Reader

FLAG_FORGET = 0x01
FLAG_CLUSTER_REDIRECT = 0x02

_IP_LENGTHS = {4: 4, 6: 16}
"""Bytes of IP by address type."""

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
    """What a sprayer says (see `vl1.spray`)."""

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

    @classmethod
    def parse(cls, payload: bytes) -> PushDirectPaths:
        reader = Reader(payload)
        paths: list[PushedPath] = []
        spray: SprayRecord | None = None
        for _ in range(reader.u16()):
            match _read_record(reader):
                case PushedPath() as path:
                    paths.append(path)
                case SprayRecord() as record:
                    spray = record
        return cls(tuple(paths), spray)

    def emit(self) -> bytes:
        records = [path.emit() for path in self.paths]
        if self.spray is not None:
            records.append(self.spray.emit())
        return len(records).to_bytes(2, "big") + b"".join(records)


def _read_record(reader: Reader) -> PushedPath | SprayRecord | None:
    flags = reader.u8()
    reader.sized()
    kind, length = reader.u8(), reader.u8()
    record = reader.take(length)
    if kind == _SPRAY:
        return _read_spray(record)
    ip_length = _IP_LENGTHS.get(kind)
    if ip_length is None or length < ip_length + 2:
        return None
    port = int.from_bytes(record[ip_length : ip_length + 2], "big")
    return PushedPath(InetAddress(record[:ip_length], port), flags)


def _read_spray(record: bytes) -> SprayRecord | None:
    if len(record) != _SPRAY_LENGTH or record[0] not in set(SprayKind):
        return None
    target = InetAddress(record[1:5], int.from_bytes(record[5:7], "big"))
    return SprayRecord(SprayKind(record[0]), target)
