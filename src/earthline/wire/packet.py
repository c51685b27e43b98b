"""The packet envelope: header, verbs, error codes and cipher suites (01, 3 and 6).

::

    0   packet ID u64 (also the cipher's nonce)
    8   destination address 5
    13  source address 5
    18  flags FFCCCHHH: legacy, fragmented, cipher suite, hops
    19  MAC 8, or trusted path ID
    27  verb byte: 0x80 compressed, low 5 bits verb
    28  payload
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from earthline.wire.address import address_bytes
from earthline.wire.reader import Malformed, Reader

HEADER_LENGTH = 28
MAX_PACKET = 10024
DEFAULT_MTU = 1432
FRAGMENT_HEADER_LENGTH = 16

PROTOCOL_VERSION = 12
MINIMUM_PROTOCOL_VERSION = 4
"""HELLOs of older peers are dropped (01, 1.7)."""

FLAG_LEGACY_ENCRYPTED = 0x80
FLAG_FRAGMENTED = 0x40
FLAG_COMPRESSED = 0x80
"""In the verb byte."""

_SUITE_SHIFT = 3
_SUITE_MASK = 0x07
_HOPS_MASK = 0x07
_VERB_MASK = 0x1F
_FRAGMENT_INDICATOR = 0xFF


class Verb(IntEnum):
    """What a packet says (01, 6.1)."""

    NOP = 0x00
    HELLO = 0x01
    ERROR = 0x02
    OK = 0x03
    WHOIS = 0x04
    RENDEZVOUS = 0x05
    FRAME = 0x06
    EXT_FRAME = 0x07
    ECHO = 0x08
    MULTICAST_LIKE = 0x09
    NETWORK_CREDENTIALS = 0x0A
    NETWORK_CONFIG_REQUEST = 0x0B
    NETWORK_CONFIG = 0x0C
    MULTICAST_GATHER = 0x0D
    MULTICAST_FRAME = 0x0E
    PUSH_DIRECT_PATHS = 0x10
    ACK = 0x12
    QOS_MEASUREMENT = 0x13
    USER_MESSAGE = 0x14
    REMOTE_TRACE = 0x15
    PATH_NEGOTIATION_REQUEST = 0x16


class ErrorCode(IntEnum):
    """Why a request was refused (01, 6.3)."""

    NONE = 0x00
    INVALID_REQUEST = 0x01
    BAD_PROTOCOL_VERSION = 0x02
    OBJECT_NOT_FOUND = 0x03
    IDENTITY_COLLISION = 0x04
    UNSUPPORTED_OPERATION = 0x05
    NEED_MEMBERSHIP_CERTIFICATE = 0x06
    NETWORK_ACCESS_DENIED = 0x07
    UNWANTED_MULTICAST = 0x08
    NETWORK_AUTHENTICATION_REQUIRED = 0x09


class Suite(IntEnum):
    """How a packet is protected (01, 3.4)."""

    POLY1305 = 0
    SALSA20_POLY1305 = 1
    TRUSTED_PATH = 2
    AES_GMAC_SIV = 3


_HEADER = struct.Struct(">QBIBIB8sB")
"""Addresses in two parts, as there is no code for 5 bytes."""


@dataclass(frozen=True, slots=True)
class Header:
    """The clear part of a packet and its verb byte, which is only readable once opened."""

    packet_id: int
    destination: int
    source: int
    flags: int
    mac: bytes
    verb_byte: int

    @classmethod
    def parse(cls, packet: bytes) -> Header:
        """Read the first 28 bytes."""
        if len(packet) < HEADER_LENGTH:
            raise Malformed(f"packet of {len(packet)} bytes")
        packet_id, to_high, to, from_high, source, *rest = _HEADER.unpack_from(packet)
        return cls(packet_id, to_high << 32 | to, from_high << 32 | source, *rest)

    @property
    def fragmented(self) -> bool:
        return bool(self.flags & FLAG_FRAGMENTED)

    @property
    def suite(self) -> int:
        """0 to 7; 4 and above are unassigned."""
        return self.flags >> _SUITE_SHIFT & _SUITE_MASK

    @property
    def encrypted(self) -> bool:
        """Whether the suite hides the body."""
        return self.suite in (Suite.SALSA20_POLY1305, Suite.AES_GMAC_SIV)

    @property
    def hops(self) -> int:
        return self.flags & _HOPS_MASK

    @property
    def trusted_path_id(self) -> int:
        """Of a suite 2 packet: the number both ends configured (01, 3.7)."""
        return int.from_bytes(self.mac, "big")

    @property
    def verb(self) -> int:
        """0 to 31, assigned or not."""
        return self.verb_byte & _VERB_MASK

    @property
    def compressed(self) -> bool:
        return bool(self.verb_byte & FLAG_COMPRESSED)


@dataclass(frozen=True, slots=True)
class FragmentHeader:
    """A piece of a packet after its head (01, 4.1).

    ::

        0 packet ID u64, 8 destination 5, 13 0xff, 14 total << 4 | number, 15 hops, 16 data
    """

    packet_id: int
    destination: int
    total: int
    number: int
    hops: int

    @classmethod
    def parse(cls, datagram: bytes) -> FragmentHeader:
        """Read the first 16 bytes; raises `Malformed` if there is no data or no 0xff."""
        if len(datagram) <= FRAGMENT_HEADER_LENGTH:
            raise Malformed(f"fragment of {len(datagram)} bytes")
        reader = Reader(datagram)
        packet_id, destination = reader.u64(), reader.address()
        if reader.u8() != _FRAGMENT_INDICATOR:
            raise Malformed("not a fragment")
        pieces, hops = reader.u8(), reader.u8()
        return cls(packet_id, destination, pieces >> 4, pieces & 0x0F, hops)


def build(
    packet_id: int,
    destination: int,
    source: int,
    verb: int,
    payload: bytes,
    *,
    fragmented: bool = False,
) -> bytes:
    """A whole plain packet, ready for `SessionKey.seal`, which sets suite, legacy flag and MAC."""
    flags = FLAG_FRAGMENTED if fragmented else 0
    return b"".join(
        (
            packet_id.to_bytes(8, "big"),
            address_bytes(destination),
            address_bytes(source),
            bytes([flags]),
            bytes(8),
            bytes([verb]),
            payload,
        )
    )


def increment_hops(flags: int) -> int:
    """The flags byte after one relay: only the 3-bit hop count changes, and wraps (01, 3.10)."""
    return flags & ~_HOPS_MASK & 0xFF | (flags + 1) & _HOPS_MASK


def with_suite(flags: int, suite: int) -> int:
    """The flags byte with another cipher suite and the legacy flag that goes with it (01, 3.2)."""
    legacy = FLAG_LEGACY_ENCRYPTED if suite == Suite.SALSA20_POLY1305 else 0
    return flags & (FLAG_FRAGMENTED | _HOPS_MASK) | suite << _SUITE_SHIFT | legacy


def seal_trusted(packet: bytes, trusted_path_id: int) -> bytes:
    """Mark a plain packet as suite 2: its ID goes where the MAC would be (01, 3.7)."""
    flags = with_suite(packet[18], Suite.TRUSTED_PATH)
    return packet[:18] + bytes([flags]) + trusted_path_id.to_bytes(8, "big") + packet[27:]
