"""HELLO: who we are, where we think you are, and which worlds we hold (01, 6.5).

::

    protocol u8, major u8, minor u8, revision u16, timestamp u64, identity 71,
    sent to inet, planet ID u64, planet timestamp u64,
    masked: u16 count, count x { 0x7f, moon ID u64, moon timestamp u64 }

All after the identity may be missing. The masked tail is encrypted with the key of the two nodes,
under the otherwise clear packet (01, 3.8), so it can be read only after the identity.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from earthline._native import SessionKey
from earthline.wire.identity import IDENTITY_LENGTH, Identity
from earthline.wire.inet import InetAddress, emit_inet, read_inet
from earthline.wire.reader import Reader
from earthline.wire.world import WorldKind

TailMask: TypeAlias = Callable[[bytes], bytes]
"""Encrypts or decrypts the tail of one HELLO; its own inverse."""

_VERSIONS = struct.Struct(">BBBHQ")
_WORLD = struct.Struct(">QQ")
_MOON = struct.Struct(">BQQ")


def tail_mask(session: SessionKey, packet_id: int) -> TailMask:
    """The mask of the HELLO with this packet ID between the two nodes of ``session``."""
    return lambda tail: session.mask_hello_tail(packet_id, tail)


@dataclass(frozen=True, slots=True)
class Hello:
    """The payload of a HELLO; absent optional parts are None, 0 and empty."""

    protocol: int
    major: int
    minor: int
    revision: int
    timestamp: int
    identity: Identity
    sent_to: InetAddress | None = None
    planet_id: int = 0
    planet_timestamp: int = 0
    moons: tuple[tuple[int, int], ...] = ()
    """(world ID, timestamp), timestamp 0 for a moon that is wanted but not held."""

    @classmethod
    def parse(cls, payload: bytes, unmask: TailMask | None = None) -> Hello:
        """Read a payload; without ``unmask`` the moons stay unread, to learn the sender."""
        reader = Reader(payload)
        protocol, *version, timestamp = _VERSIONS.unpack(reader.take(_VERSIONS.size))
        major, minor, revision = version
        identity = Identity.read(reader)
        sent_to = None if reader.done else read_inet(reader)
        planet_id = planet_timestamp = 0
        if reader.remaining >= _WORLD.size:
            planet_id, planet_timestamp = _WORLD.unpack(reader.take(_WORLD.size))
        return cls(
            protocol=protocol,
            major=major,
            minor=minor,
            revision=revision,
            timestamp=timestamp,
            identity=identity,
            sent_to=sent_to,
            planet_id=planet_id,
            planet_timestamp=planet_timestamp,
            moons=() if unmask is None else _read_moons(unmask(reader.rest())),
        )

    @property
    def tail_offset(self) -> int:
        """Where the masked tail of the emitted payload starts, in bytes."""
        return _VERSIONS.size + IDENTITY_LENGTH + len(emit_inet(self.sent_to)) + _WORLD.size

    @property
    def tail(self) -> bytes:
        """The tail in the clear."""
        entries = (_MOON.pack(WorldKind.MOON, *moon) for moon in self.moons)
        return len(self.moons).to_bytes(2, "big") + b"".join(entries)

    def emit(self, mask: TailMask) -> bytes:
        """The payload with its tail masked."""
        return self.emit_clear() + mask(self.tail)

    def emit_clear(self) -> bytes:
        """The payload without a tail, which may be missing."""
        return b"".join(
            (
                _VERSIONS.pack(
                    self.protocol, self.major, self.minor, self.revision, self.timestamp
                ),
                self.identity.emit(),
                emit_inet(self.sent_to),
                _WORLD.pack(self.planet_id, self.planet_timestamp),
            )
        )


def _read_moons(tail: bytes) -> tuple[tuple[int, int], ...]:
    if len(tail) < 2:
        return ()
    reader = Reader(tail)
    entries = [_MOON.unpack(reader.take(_MOON.size)) for _ in range(reader.u16())]
    return tuple((world, at) for kind, world, at in entries if kind == WorldKind.MOON)
