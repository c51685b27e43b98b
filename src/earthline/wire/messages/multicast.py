"""MULTICAST_LIKE and MULTICAST_GATHER: who listens to which group (01, 6.11 and 6.17)."""

from __future__ import annotations

from dataclasses import dataclass

from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.messages.frame import FLAG_CERTIFICATE
from earthline.wire.multicast import MulticastGroup, read_group
from earthline.wire.reader import Malformed, Reader

LIKE_LENGTH = 18


@dataclass(frozen=True, slots=True)
class MulticastLike:
    """The sender listens to these groups: n x { network u64, mac 6, adi u32 }."""

    groups: tuple[tuple[int, MulticastGroup], ...]
    """(network ID, group)"""

    @classmethod
    def parse(cls, payload: bytes) -> MulticastLike:
        """Read; what is said twice counts once, and is not looked at again."""
        return cls(tuple(_read_like(Reader(like)) for like in split_likes(payload)))

    def emit(self) -> bytes:
        return b"".join(network.to_bytes(8, "big") + group.emit() for network, group in self.groups)


@dataclass(frozen=True, slots=True)
class MulticastGather:
    """Asks for members of a group.

    ::

        network u64, flags u8, mac 6, adi u32, limit u32, [certificate]
    """

    network: int
    group: MulticastGroup
    limit: int
    certificate: CertificateOfMembership | None = None

    @classmethod
    def parse(cls, payload: bytes) -> MulticastGather:
        """Read; a certificate that does not decode is ignored, as at stock nodes."""
        reader = Reader(payload)
        network, flags = reader.u64(), reader.u8()
        group, limit = read_group(reader), reader.u32()
        certificate = _read_certificate(reader) if flags & FLAG_CERTIFICATE else None
        return cls(network, group, limit, certificate)

    def emit(self) -> bytes:
        flags, certificate = 0, b""
        if self.certificate is not None:
            flags, certificate = FLAG_CERTIFICATE, self.certificate.emit()
        return b"".join(
            (
                self.network.to_bytes(8, "big"),
                bytes([flags]),
                self.group.emit(),
                self.limit.to_bytes(4, "big"),
                certificate,
            )
        )


def split_likes(payload: bytes) -> list[bytes]:
    """The distinct groups of a `MulticastLike`, each as it stands: hundreds come in one packet."""
    if len(payload) % LIKE_LENGTH:
        raise Malformed(f"{len(payload)} bytes are no whole number of groups")
    starts = range(0, len(payload), LIKE_LENGTH)
    return list(dict.fromkeys(payload[at : at + LIKE_LENGTH] for at in starts))


def _read_like(reader: Reader) -> tuple[int, MulticastGroup]:
    return reader.u64(), read_group(reader)


def _read_certificate(reader: Reader) -> CertificateOfMembership | None:
    try:
        return CertificateOfMembership.read(reader)
    except Malformed:
        return None
