"""What all credentials share: their types, their signature block and its verification (03, 4.1).

::

    signature block: u8 type (1), u16 length (96), signature
    after it:        u16 length (0) of additional fields
    signed message:  7f x 8, body without signature block, 00 00, 7f x 8
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from typing import Self, TypeAlias

from earthline.wire.address import controller_of
from earthline.wire.identity import SIGNATURE_LENGTH, Identity, SecretIdentity
from earthline.wire.reader import Malformed, Reader

FindIdentity: TypeAlias = Callable[[int], Identity | None]
"""Looks up an identity by address; None where it is not known yet."""

NO_SIGNATURE = bytes(SIGNATURE_LENGTH)

_SIGNATURE_V1 = 0x01
_GUARD = b"\x7f" * 8
_NO_ADDITIONAL_FIELDS = b"\x00\x00"


class CredentialType(IntEnum):
    """Names a kind of credential in revocations."""

    NONE = 0
    CERTIFICATE_OF_MEMBERSHIP = 1
    CAPABILITY = 2
    TAG = 3
    CERTIFICATE_OF_OWNERSHIP = 4
    REVOCATION = 6


class Verification(Enum):
    """What a look at the signature says."""

    VALID = "valid"
    INVALID = "invalid"
    DEFERRED = "deferred"
    """The signer's identity is unknown: ask for it and try again."""


def guard(body: bytes) -> bytes:
    """The message that is signed for a credential's body."""
    return _GUARD + body + _NO_ADDITIONAL_FIELDS + _GUARD


def read_signature(reader: Reader) -> bytes:
    """Read a signature block; one of an unknown type reads as zeros, which never verify."""
    kind, length = reader.u8(), reader.u16()
    if kind == _SIGNATURE_V1:
        if length != SIGNATURE_LENGTH:
            raise Malformed(f"signature of {length} bytes")
        return reader.take(SIGNATURE_LENGTH)
    reader.skip(length)
    return NO_SIGNATURE


def emit_signature(signature: bytes) -> bytes:
    """The 99 bytes of a signature block."""
    return bytes([_SIGNATURE_V1]) + len(signature).to_bytes(2, "big") + signature


def skip_additional_fields(reader: Reader) -> None:
    """Pass over what a later version may add; the signature does not cover it."""
    reader.sized()


def emit_additional_fields() -> bytes:
    """There are none."""
    return _NO_ADDITIONAL_FIELDS


@dataclass(frozen=True, slots=True)
class ControllerSigned(ABC):
    """A tag, an ownership or a revocation: a body, then the controller's signature of it."""

    network: int
    signed_by: int = field(default=0, kw_only=True)
    signature: bytes = field(default=NO_SIGNATURE, kw_only=True)

    @abstractmethod
    def body(self) -> bytes:
        """All fields before the signature block."""

    def emit(self) -> bytes:
        return self.body() + emit_signature(self.signature) + emit_additional_fields()

    def signed_bytes(self) -> bytes:
        return guard(self.body())

    def sign(self, controller: SecretIdentity) -> Self:
        unsigned = replace(self, signed_by=controller.address)
        return replace(unsigned, signature=controller.sign(unsigned.signed_bytes()))

    def verify(self, find_identity: FindIdentity) -> Verification:
        return verify_signed_by_controller(
            self.network, self.signed_by, self.signed_bytes(), self.signature, find_identity
        )


def verify_signed_by_controller(
    network: int,
    signed_by: int,
    message: bytes,
    signature: bytes,
    find_identity: FindIdentity,
) -> Verification:
    """Whether the controller of the network, and nobody else, signed ``message``."""
    if signed_by == 0 or signed_by != controller_of(network):
        return Verification.INVALID
    return verify_signed_by(signed_by, message, signature, find_identity)


def verify_signed_by(
    signer: int, message: bytes, signature: bytes, find_identity: FindIdentity
) -> Verification:
    """Whether the node ``signer`` signed ``message``."""
    identity = find_identity(signer)
    if identity is None:
        return Verification.DEFERRED
    return Verification.VALID if identity.verify(message, signature) else Verification.INVALID
