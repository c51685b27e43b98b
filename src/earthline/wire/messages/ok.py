"""OK: the answer to a request that succeeded (01, 6.2).

::

    in-re verb u8, in-re packet ID u64, payload that depends on the verb
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress, emit_inet, read_inet
from earthline.wire.multicast import MulticastGroup, read_group
from earthline.wire.reader import Malformed, Reader
from earthline.wire.world import World

_HEAD = struct.Struct(">BQ")
_VERSIONS = struct.Struct(">QBBBH")

_CERTIFICATE_FOLLOWS = 0x01
_GATHERED_FOLLOWS = 0x02


@dataclass(frozen=True, slots=True)
class Ok:
    """The frame of every OK; ``payload`` is read by the classes below, or is the answer itself."""

    in_re_verb: int
    in_re_packet_id: int
    payload: bytes = b""

    @classmethod
    def parse(cls, payload: bytes) -> Ok:
        reader = Reader(payload)
        verb, packet_id = _HEAD.unpack(reader.take(_HEAD.size))
        return cls(verb, packet_id, reader.rest())

    def emit(self) -> bytes:
        return _HEAD.pack(self.in_re_verb, self.in_re_packet_id) + self.payload


@dataclass(frozen=True, slots=True)
class OkHello:
    """OK(HELLO): the responder's versions, how it sees us, and newer worlds.

    ::

        timestamp u64, protocol u8, major u8, minor u8, revision u16, seen from inet,
        u16 length, that many bytes of worlds
    """

    timestamp: int
    """Copied from the HELLO."""
    protocol: int
    major: int
    minor: int
    revision: int
    seen_from: InetAddress | None = None
    worlds: bytes = b""
    """Concatenated worlds, to be read only if the sender may speak of them (`read_worlds`)."""

    @classmethod
    def parse(cls, payload: bytes) -> OkHello:
        """Read; the last two fields may be missing."""
        reader = Reader(payload)
        timestamp, protocol, *version = _VERSIONS.unpack(reader.take(_VERSIONS.size))
        major, minor, revision = version
        seen_from = None if reader.done else read_inet(reader)
        worlds = b"" if reader.remaining < 2 else reader.sized()
        return cls(timestamp, protocol, major, minor, revision, seen_from, worlds)

    def emit(self) -> bytes:
        head = _VERSIONS.pack(self.timestamp, self.protocol, self.major, self.minor, self.revision)
        worlds = len(self.worlds).to_bytes(2, "big") + self.worlds
        return head + emit_inet(self.seen_from) + worlds

    def read_worlds(self) -> tuple[World, ...]:
        """The worlds of the list; one malformed makes all `Malformed`."""
        reader = Reader(self.worlds)
        worlds = []
        while not reader.done:
            worlds.append(World.read(reader))
        return tuple(worlds)


@dataclass(frozen=True, slots=True)
class OkWhois:
    """OK(WHOIS): one or more identities, in request order."""

    identities: tuple[Identity, ...]

    @classmethod
    def parse(cls, payload: bytes) -> OkWhois:
        reader = Reader(payload)
        identities = [Identity.read(reader)]
        while not reader.done:
            identities.append(Identity.read(reader))
        return cls(tuple(identities))

    def emit(self) -> bytes:
        return b"".join(identity.emit() for identity in self.identities)


@dataclass(frozen=True, slots=True)
class OkNetwork:
    """OK(EXT_FRAME): the network whose frame arrived (01, 6.8)."""

    network: int

    @classmethod
    def parse(cls, payload: bytes) -> OkNetwork:
        return cls(Reader(payload).u64())

    def emit(self) -> bytes:
        return self.network.to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class Gathered:
    """Members of a group: how many the responder knows, and some of them.

    ::

        total u32, count u16, count x address
    """

    total: int
    members: tuple[int, ...]

    @classmethod
    def read(cls, reader: Reader) -> Gathered:
        total = reader.u32()
        return cls(total, reader.addresses(reader.u16()))

    def emit(self) -> bytes:
        head = self.total.to_bytes(4, "big") + len(self.members).to_bytes(2, "big")
        return head + b"".join([member.to_bytes(5, "big") for member in self.members])


@dataclass(frozen=True, slots=True)
class OkMulticastGather:
    """OK(MULTICAST_GATHER): network u64, group, gathered (01, 6.17)."""

    network: int
    group: MulticastGroup
    gathered: Gathered

    @classmethod
    def parse(cls, payload: bytes) -> OkMulticastGather:
        reader = Reader(payload)
        return cls(reader.u64(), read_group(reader), Gathered.read(reader))

    def emit(self) -> bytes:
        return self.network.to_bytes(8, "big") + self.group.emit() + self.gathered.emit()


@dataclass(frozen=True, slots=True)
class OkMulticastFrame:
    """OK(MULTICAST_FRAME): the gathering it asked for on the way (01, 6.18).

    ::

        network u64, group, flags u8, 0x01: certificate of membership, 0x02: gathered
    """

    network: int
    group: MulticastGroup
    certificate: CertificateOfMembership | None = None
    gathered: Gathered | None = None

    @classmethod
    def parse(cls, payload: bytes) -> OkMulticastFrame:
        reader = Reader(payload)
        network, group, flags = reader.u64(), read_group(reader), reader.u8()
        certificate = gathered = None
        if flags & _CERTIFICATE_FOLLOWS:
            certificate = CertificateOfMembership.read(reader)
        if flags & _GATHERED_FOLLOWS:
            gathered = Gathered.read(reader)
        return cls(network, group, certificate, gathered)

    def emit(self) -> bytes:
        flags, rest = 0, b""
        if self.certificate is not None:
            flags |= _CERTIFICATE_FOLLOWS
            rest += self.certificate.emit()
        if self.gathered is not None:
            flags |= _GATHERED_FOLLOWS
            rest += self.gathered.emit()
        return self.network.to_bytes(8, "big") + self.group.emit() + bytes([flags]) + rest


@dataclass(frozen=True, slots=True)
class OkConfigPush:
    """The answer to a pushed configuration: network u64, update ID u64 (01, 6.16).

    Stock nodes name ECHO as the verb it is in reply to, and so do we.
    """

    network: int
    update_id: int

    @classmethod
    def parse(cls, payload: bytes) -> OkConfigPush:
        reader = Reader(payload)
        if reader.remaining != 16:
            raise Malformed(f"acknowledgement of {reader.remaining} bytes")
        return cls(reader.u64(), reader.u64())

    def emit(self) -> bytes:
        return self.network.to_bytes(8, "big") + self.update_id.to_bytes(8, "big")
