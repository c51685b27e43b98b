"""The small verbs: USER_MESSAGE, REMOTE_TRACE, and what multipath peers measure (01, 6.14-6.22)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from earthline.wire.reader import Malformed, Reader

_MAX_TRACE = 10000
_MAX_MEASUREMENT = 1400
_RECORD = struct.Struct("<QH")
_UTILITY = struct.Struct(">h")


@dataclass(frozen=True, slots=True)
class UserMessage:
    """type u64 (65535 and below are reserved), data: handed to the application."""

    type_id: int
    data: bytes

    @classmethod
    def parse(cls, payload: bytes) -> UserMessage:
        reader = Reader(payload)
        return cls(reader.u64(), reader.rest())

    def emit(self) -> bytes:
        return self.type_id.to_bytes(8, "big") + self.data


@dataclass(frozen=True, slots=True)
class RemoteTrace:
    """Dictionaries of 1 to 10,000 bytes, each ended by a NUL."""

    dictionaries: tuple[bytes, ...]

    @classmethod
    def parse(cls, payload: bytes) -> RemoteTrace:
        """Read; an unterminated tail and dictionaries of other lengths are passed over."""
        *terminated, _ = payload.split(b"\x00")
        return cls(tuple(d for d in terminated if 1 <= len(d) <= _MAX_TRACE))

    def emit(self) -> bytes:
        return b"".join(dictionary + b"\x00" for dictionary in self.dictionaries)


@dataclass(frozen=True, slots=True)
class QosMeasurement:
    """When packets arrived: n x { packet ID u64, ms since u16 }, both little-endian (01, 6.19)."""

    records: tuple[tuple[int, int], ...]
    """(packet ID with its bytes reversed, milliseconds held)"""

    @classmethod
    def parse(cls, payload: bytes) -> QosMeasurement:
        if not _RECORD.size <= len(payload) <= _MAX_MEASUREMENT:
            raise Malformed(f"measurement of {len(payload)} bytes")
        whole = len(payload) - len(payload) % _RECORD.size
        return cls(tuple(_RECORD.iter_unpack(payload[:whole])))

    def emit(self) -> bytes:
        return b"".join(_RECORD.pack(*record) for record in self.records)


@dataclass(frozen=True, slots=True)
class PathNegotiation:
    """The sender's utility of the path it chose: i16 (01, 6.22)."""

    utility: int

    @classmethod
    def parse(cls, payload: bytes) -> PathNegotiation:
        if len(payload) != _UTILITY.size:
            raise Malformed(f"path negotiation of {len(payload)} bytes")
        return cls(*_UTILITY.unpack(payload))

    def emit(self) -> bytes:
        return _UTILITY.pack(self.utility)
