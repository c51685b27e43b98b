"""FRAME, EXT_FRAME and MULTICAST_FRAME: without an Ethernet header (01, 6.7, 6.8 and 6.18)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.mac import mac_bytes
from earthline.wire.multicast import MulticastGroup, read_group
from earthline.wire.reader import Reader

_FRAME_HEAD = struct.Struct(">QH")

FLAG_CERTIFICATE = 0x01
"""Of EXT_FRAME, MULTICAST_FRAME and MULTICAST_GATHER: a certificate of membership is attached."""

FLAG_ACKNOWLEDGE = 0x10
"""Of EXT_FRAME: answer with OK."""

FLAG_GATHER = 0x02
FLAG_SOURCE_MAC = 0x04
FLAG_REPLICATE = 0x08
"""Of MULTICAST_FRAME."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Between the MACs of the two nodes: network u64, EtherType u16, payload (01, 6.7)."""

    network: int
    ether_type: int
    payload: bytes

    @classmethod
    def parse(cls, payload: bytes) -> Frame:
        reader = Reader(payload)
        network, ether_type = _FRAME_HEAD.unpack(reader.take(_FRAME_HEAD.size))
        return cls(network, ether_type, reader.rest())

    def emit(self) -> bytes:
        return _FRAME_HEAD.pack(self.network, self.ether_type) + self.payload


@dataclass(frozen=True, slots=True)
class ExtFrame:
    """A frame between MACs that need not be the nodes' own (01, 6.8).

    ::

        network u64, flags u8, [certificate], destination mac, source mac, EtherType u16, payload
    """

    network: int
    destination: int
    source: int
    ether_type: int
    payload: bytes
    flags: int = 0
    """All but FLAG_CERTIFICATE, which the certificate stands for."""
    certificate: CertificateOfMembership | None = None

    @classmethod
    def parse(cls, payload: bytes) -> ExtFrame:
        reader = Reader(payload)
        network, flags = reader.u64(), reader.u8()
        certificate = None
        if flags & FLAG_CERTIFICATE:
            certificate = CertificateOfMembership.read(reader)
        return cls(
            network=network,
            destination=reader.mac(),
            source=reader.mac(),
            ether_type=reader.u16(),
            payload=reader.rest(),
            flags=flags & ~FLAG_CERTIFICATE,
            certificate=certificate,
        )

    def emit(self) -> bytes:
        flags, certificate = self.flags, b""
        if self.certificate is not None:
            flags |= FLAG_CERTIFICATE
            certificate = self.certificate.emit()
        return b"".join(
            (
                self.network.to_bytes(8, "big"),
                bytes([flags]),
                certificate,
                mac_bytes(self.destination),
                mac_bytes(self.source),
                self.ether_type.to_bytes(2, "big"),
                self.payload,
            )
        )


@dataclass(frozen=True, slots=True)
class MulticastFrame:
    """A frame to a group (01, 6.18).

    ::

        network u64, flags u8, [certificate], [gather limit u32], [source mac],
        group mac, group adi u32, EtherType u16, payload
    """

    network: int
    group: MulticastGroup
    ether_type: int
    payload: bytes
    flags: int = 0
    """FLAG_REPLICATE and unknown ones; the optional fields stand for theirs."""
    certificate: CertificateOfMembership | None = None
    gather_limit: int | None = None
    """How many more members of the group the sender would like to learn."""
    source: int | None = None
    """Source MAC; None: derived from the packet's source."""

    @classmethod
    def parse(cls, payload: bytes) -> MulticastFrame:
        reader = Reader(payload)
        network, flags = reader.u64(), reader.u8()
        certificate = gather_limit = source = None
        if flags & FLAG_CERTIFICATE:
            certificate = CertificateOfMembership.read(reader)
        if flags & FLAG_GATHER:
            gather_limit = reader.u32()
        if flags & FLAG_SOURCE_MAC:
            source = reader.mac()
        return cls(
            network=network,
            group=read_group(reader),
            ether_type=reader.u16(),
            payload=reader.rest(),
            flags=flags & ~(FLAG_CERTIFICATE | FLAG_GATHER | FLAG_SOURCE_MAC),
            certificate=certificate,
            gather_limit=gather_limit,
            source=source,
        )

    def emit(self) -> bytes:
        flags, optional = self._optional_fields()
        return b"".join(
            (
                self.network.to_bytes(8, "big"),
                bytes([flags]),
                optional,
                self.group.emit(),
                self.ether_type.to_bytes(2, "big"),
                self.payload,
            )
        )

    def _optional_fields(self) -> tuple[int, bytes]:
        flags, fields = self.flags, b""
        if self.certificate is not None:
            flags |= FLAG_CERTIFICATE
            fields += self.certificate.emit()
        if self.gather_limit is not None:
            flags |= FLAG_GATHER
            fields += self.gather_limit.to_bytes(4, "big")
        if self.source is not None:
            flags |= FLAG_SOURCE_MAC
            fields += mac_bytes(self.source)
        return flags, fields
