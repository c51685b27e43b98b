"""The revocation: credentials of a member up to a time no longer count (03, 4.6).

::

    u32 0, revocation ID u32, network u64, u32 0, credential ID u32, threshold u64, flags u64,
    target 5, signed by 5, credential type u8, signature block, additional fields        152 bytes
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from earthline.wire.address import address_bytes
from earthline.wire.credentials.common import (
    ControllerSigned,
    read_signature,
    skip_additional_fields,
)
from earthline.wire.reader import Reader

FLAG_FAST_PROPAGATE = 0x01

# The padding is passed over when read and zero when written or verified.
_HEAD = struct.Struct(">4xIQ4xIQQ")


@dataclass(frozen=True, slots=True)
class Revocation(ControllerSigned):
    """A revocation as read or made."""

    revocation_id: int
    credential_id: int
    """0 for certificates of membership."""
    threshold: int
    """Credentials issued at this time (ms) or before are revoked."""
    target: int
    credential_type: int
    """A `CredentialType`, or a number that means nothing yet."""
    flags: int = 0

    @classmethod
    def read(cls, reader: Reader) -> Revocation:
        revocation_id, network, credential_id, threshold, flags = _HEAD.unpack(
            reader.take(_HEAD.size)
        )
        target, signed_by, credential_type = reader.address(), reader.address(), reader.u8()
        signature = read_signature(reader)
        skip_additional_fields(reader)
        return cls(
            revocation_id=revocation_id,
            network=network,
            credential_id=credential_id,
            threshold=threshold,
            target=target,
            credential_type=credential_type,
            flags=flags,
            signed_by=signed_by,
            signature=signature,
        )

    @property
    def issued_to(self) -> int:
        """The member whose credentials are revoked."""
        return self.target

    @property
    def fast_propagate(self) -> bool:
        """Whether a member that learns it tells all others."""
        return bool(self.flags & FLAG_FAST_PROPAGATE)

    def body(self) -> bytes:
        return b"".join(
            (
                _HEAD.pack(
                    self.revocation_id,
                    self.network,
                    self.credential_id,
                    self.threshold,
                    self.flags,
                ),
                address_bytes(self.target),
                address_bytes(self.signed_by),
                bytes([self.credential_type]),
            )
        )
