"""NETWORK_CREDENTIALS: proofs of what nodes may do on networks (01, 6.12; 03, 4.7).

::

    certificates of membership back to back, 0x00,
    u16 count, capabilities, u16 count, tags, u16 count, revocations,
    u16 count, certificates of ownership

The packet may end after any of these parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from earthline.wire.credentials.capability import Capability
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.credentials.ownership import CertificateOfOwnership
from earthline.wire.credentials.revocation import Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.reader import Reader

Credential = TypeVar("Credential")


class _Emits(Protocol):
    def emit(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class NetworkCredentials:
    """Credentials of any networks and nodes, unverified."""

    certificates: tuple[CertificateOfMembership, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    tags: tuple[Tag, ...] = ()
    revocations: tuple[Revocation, ...] = ()
    ownerships: tuple[CertificateOfOwnership, ...] = ()

    @classmethod
    def parse(cls, payload: bytes) -> NetworkCredentials:
        reader = Reader(payload)
        certificates = []
        while reader.peek() != 0:
            certificates.append(CertificateOfMembership.read(reader))
        reader.skip(1)
        return cls(
            tuple(certificates),
            _read_counted(reader, Capability.read),
            _read_counted(reader, Tag.read),
            _read_counted(reader, Revocation.read),
            _read_counted(reader, CertificateOfOwnership.read),
        )

    def emit(self) -> bytes:
        return b"".join(
            (
                *(certificate.emit() for certificate in self.certificates),
                b"\x00",
                _emit_counted(self.capabilities),
                _emit_counted(self.tags),
                _emit_counted(self.revocations),
                _emit_counted(self.ownerships),
            )
        )


def _read_counted(reader: Reader, read: Callable[[Reader], Credential]) -> tuple[Credential, ...]:
    if reader.done:
        return ()
    return tuple(read(reader) for _ in range(reader.u16()))


def _emit_counted(credentials: Sequence[_Emits]) -> bytes:
    items = b"".join(credential.emit() for credential in credentials)
    return len(credentials).to_bytes(2, "big") + items
