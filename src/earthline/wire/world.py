"""Worlds: the signed lists of roots called planet and moons (01, 7).

::

    0    kind u8: 1 planet, 127 moon
    1    world ID u64
    9    timestamp u64, the revision
    17   public key that must sign the next revision, 64
    81   signature, 96
    177  number of roots u8 (at most 4)
    178  roots: identity, u8 number of endpoints (at most 32), endpoints as inet
    end  moons only: u16 length (0) of an attached dictionary
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from earthline import _native
from earthline.wire.address import controller_of, is_reserved
from earthline.wire.identity import PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH, Identity
from earthline.wire.inet import InetAddress, emit_inet, read_inet
from earthline.wire.reader import Malformed, Reader

MAX_ROOTS = 4
MAX_ENDPOINTS = 32

_SIGNED_HEAD = b"\x7f" * 8
_SIGNED_TAIL = b"\xf7" * 8

_EARTH_NUMBER = 0x000001
_NETWORK_NUMBER_MASK = 0xFFFFFF


def earth_network(controller: int) -> int:
    """ID of the Earth that a node controls: its network number 000001."""
    return controller << 24 | _EARTH_NUMBER


class WorldKind(IntEnum):
    """A node holds one planet and any number of moons."""

    PLANET = 1
    MOON = 127


@dataclass(frozen=True, slots=True)
class Root:
    """A root and where it can always be reached; no endpoints: anywhere."""

    identity: Identity
    endpoints: tuple[InetAddress, ...] = ()

    @classmethod
    def read(cls, reader: Reader) -> Root:
        """Read; null and reserved endpoints are left out."""
        identity = Identity.read(reader)
        if (count := reader.u8()) > MAX_ENDPOINTS:
            raise Malformed(f"root with {count} endpoints")
        endpoints = [read_inet(reader) for _ in range(count)]
        return cls(identity, tuple(e for e in endpoints if e is not None))

    def emit(self) -> bytes:
        endpoints = b"".join(emit_inet(endpoint) for endpoint in self.endpoints)
        return self.identity.emit() + bytes([len(self.endpoints)]) + endpoints


@dataclass(frozen=True, slots=True)
class World:
    """A planet or moon as read or made; nothing is verified but its shape."""

    kind: WorldKind
    world_id: int
    timestamp: int
    """Milliseconds; grows with every revision."""
    update_key: bytes
    """64-byte public key that must sign the revision after this one."""
    roots: tuple[Root, ...]
    signature: bytes = bytes(SIGNATURE_LENGTH)

    @classmethod
    def parse(cls, data: bytes) -> World:
        """Read a world at the start of ``data``; what follows it is ignored."""
        return cls.read(Reader(data))

    @classmethod
    def read(cls, reader: Reader) -> World:
        kind = _read_kind(reader)
        world_id, timestamp = reader.u64(), reader.u64()
        update_key = reader.take(PUBLIC_KEY_LENGTH)
        signature = reader.take(SIGNATURE_LENGTH)
        if (count := reader.u8()) > MAX_ROOTS:
            raise Malformed(f"world with {count} roots")
        roots = tuple(Root.read(reader) for _ in range(count))
        if kind is WorldKind.MOON:
            reader.sized()
        return cls(kind, world_id, timestamp, update_key, roots, signature)

    def emit(self) -> bytes:
        head, tail = self._parts()
        return head + self.signature + tail

    def signed_bytes(self) -> bytes:
        """The message a signature covers (01, 7.2)."""
        head, tail = self._parts()
        return _SIGNED_HEAD + head + tail + _SIGNED_TAIL

    def sign(self, private_key: bytes) -> World:
        """The world, signed with the 64-byte private key of the current (or first) update key."""
        return replace(self, signature=_native.sign(private_key, self.signed_bytes()))

    def verify(self, update_key: bytes) -> bool:
        """Whether the holder of a 64-byte public key signed this world."""
        return _native.verify(update_key, self.signed_bytes(), self.signature)

    def may_replace(self, current: World) -> bool:
        """Whether this is a newer revision of ``current`` that its holder signed (01, 7.3)."""
        return (
            self.kind is current.kind
            and self.world_id == current.world_id
            and self.timestamp > current.timestamp
            and self.verify(current.update_key)
        )

    @property
    def earth(self) -> int | None:
        """The network every node of this planet may join, if the world ID names its controller.

        That is one of the roots, whose address is the ID. Older planets have the network's own ID.
        """
        network = self.world_id
        if any(root.identity.address == network for root in self.roots):
            network = earth_network(network)
        is_one = network & _NETWORK_NUMBER_MASK == _EARTH_NUMBER
        if self.kind is not WorldKind.PLANET or is_reserved(controller_of(network)) or not is_one:
            return None
        return network

    def _parts(self) -> tuple[bytes, bytes]:
        """What comes before and after the signature."""
        head = b"".join(
            (
                bytes([self.kind]),
                self.world_id.to_bytes(8, "big"),
                self.timestamp.to_bytes(8, "big"),
                self.update_key,
            )
        )
        roots = b"".join(root.emit() for root in self.roots)
        attached = b"\x00\x00" if self.kind is WorldKind.MOON else b""
        return head, bytes([len(self.roots)]) + roots + attached


def _read_kind(reader: Reader) -> WorldKind:
    number = reader.u8()
    try:
        return WorldKind(number)
    except ValueError:
        raise Malformed(f"world of unknown kind {number}") from None
