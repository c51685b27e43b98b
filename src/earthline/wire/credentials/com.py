"""The certificate of membership, by which two members agree that they share a network (03, 4.2).

::

    version u8 (1), u16 count (at most 8), count x { ID u64, value u64, max delta u64 },
    signed by 5; then, unless that is zero, signature 96

The signed message is the qualifiers alone. IDs do not decrease: 0 timestamp, 1 network, 2 member
address, 3 to 6 the first 32 bytes of the member's identity hash.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from earthline.wire.address import MAX_ADDRESS, address_bytes
from earthline.wire.credentials.common import (
    FindIdentity,
    Verification,
    verify_signed_by_controller,
)
from earthline.wire.identity import SIGNATURE_LENGTH, Identity, SecretIdentity
from earthline.wire.reader import Malformed, Reader

MAX_QUALIFIERS = 8

ID_TIMESTAMP = 0
ID_NETWORK = 1
ID_ISSUED_TO = 2
IDS_IDENTITY_HASH = (3, 4, 5, 6)

_VERSION = 0x01
_ANY_DELTA = 0xFFFFFFFFFFFFFFFF
_QUALIFIER = struct.Struct(">QQQ")
_HASH_WORDS = struct.Struct(">4Q")


class Qualifier(NamedTuple):
    """A number that must be near enough to the other member's."""

    id: int
    value: int
    max_delta: int


@dataclass(frozen=True, slots=True)
class CertificateOfMembership:
    """A certificate as read or built; see `verify` and `agrees_with`."""

    qualifiers: tuple[Qualifier, ...]
    signed_by: int = 0
    signature: bytes = b""

    @classmethod
    def build(
        cls, network: int, timestamp: int, max_delta: int, member: Identity
    ) -> CertificateOfMembership:
        """The seven qualifiers of a member; ``max_delta`` ms may lie between two that agree."""
        words = _HASH_WORDS.unpack_from(member.hash)
        return cls(
            (
                Qualifier(ID_TIMESTAMP, timestamp, max_delta),
                Qualifier(ID_NETWORK, network, 0),
                Qualifier(ID_ISSUED_TO, member.address, _ANY_DELTA),
                *(
                    Qualifier(number, word, _ANY_DELTA)
                    for number, word in zip(IDS_IDENTITY_HASH, words, strict=True)
                ),
            )
        )

    @classmethod
    def read(cls, reader: Reader) -> CertificateOfMembership:
        if (version := reader.u8()) != _VERSION:
            raise Malformed(f"certificate of membership of version {version}")
        if (count := reader.u16()) > MAX_QUALIFIERS:
            raise Malformed(f"certificate with {count} qualifiers")
        fields = _QUALIFIER.iter_unpack(reader.take(count * _QUALIFIER.size))
        qualifiers = tuple(Qualifier(*qualifier) for qualifier in fields)
        if any(a.id > b.id for a, b in pairwise(qualifiers)):
            raise Malformed("qualifiers out of order")
        signed_by = reader.address()
        signature = reader.take(SIGNATURE_LENGTH) if signed_by else b""
        return cls(qualifiers, signed_by, signature)

    def emit(self) -> bytes:
        head = bytes([_VERSION]) + len(self.qualifiers).to_bytes(2, "big")
        return head + self.signed_bytes() + address_bytes(self.signed_by) + self.signature

    def signed_bytes(self) -> bytes:
        return b"".join([_QUALIFIER.pack(*qualifier) for qualifier in self.qualifiers])

    def sign(self, controller: SecretIdentity) -> CertificateOfMembership:
        signature = controller.sign(self.signed_bytes())
        return replace(self, signed_by=controller.address, signature=signature)

    def verify(self, find_identity: FindIdentity) -> Verification:
        return verify_signed_by_controller(
            self.network, self.signed_by, self.signed_bytes(), self.signature, find_identity
        )

    @property
    def timestamp(self) -> int:
        """When it was issued, ms; 0 if it does not say."""
        return self._value(ID_TIMESTAMP)

    @property
    def network(self) -> int:
        """Which network it is for; 0 if it does not say."""
        return self._value(ID_NETWORK)

    @property
    def issued_to(self) -> int:
        """The member's address; 0 if it does not say."""
        return self._value(ID_ISSUED_TO) & MAX_ADDRESS

    def agrees_with(self, other: CertificateOfMembership, identity: Identity) -> bool:
        """Whether this, our own, accepts the certificate of the peer with that identity.

        Only our deltas count. Certificates of the oldest controllers lack the identity hash; then
        the identity is not looked at.
        """
        if not self.qualifiers or not other.qualifiers:
            return False
        theirs = other._values()
        for number, value, max_delta in self.qualifiers:
            if number not in theirs or abs(value - theirs[number]) > max_delta:
                return False
        if not any(number in IDS_IDENTITY_HASH for number, _, _ in self.qualifiers):
            return True
        words = _HASH_WORDS.unpack_from(identity.hash)
        return all(
            theirs.get(number) == word
            for number, word in zip(IDS_IDENTITY_HASH, words, strict=True)
        )

    def _value(self, number: int) -> int:
        return next((q.value for q in self.qualifiers if q.id == number), 0)

    def _values(self) -> dict[int, int]:
        """Values by ID; of several with one ID the first counts."""
        return {q.id: q.value for q in reversed(self.qualifiers)}
