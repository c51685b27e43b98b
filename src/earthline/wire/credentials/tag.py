"""The tag: a number that rules compare (03, 4.3).

::

    network u64, timestamp u64, tag ID u32, value u32, issued to 5, signed by 5,
    signature block, additional fields               135 bytes
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from earthline.wire.address import address_bytes
from earthline.wire.credentials.common import (
    NO_SIGNATURE,
    FindIdentity,
    Verification,
    emit_additional_fields,
    emit_signature,
    guard,
    read_signature,
    skip_additional_fields,
    verify_signed_by_controller,
)
from earthline.wire.identity import SecretIdentity
from earthline.wire.reader import Reader

_HEAD = struct.Struct(">QQII")


@dataclass(frozen=True, slots=True)
class Tag:
    """A member's tag as read or made."""

    network: int
    timestamp: int
    tag_id: int
    value: int
    issued_to: int
    signed_by: int = 0
    signature: bytes = NO_SIGNATURE

    @classmethod
    def read(cls, reader: Reader) -> Tag:
        network, timestamp, tag_id, value = _HEAD.unpack(reader.take(_HEAD.size))
        issued_to, signed_by = reader.address(), reader.address()
        signature = read_signature(reader)
        skip_additional_fields(reader)
        return cls(network, timestamp, tag_id, value, issued_to, signed_by, signature)

    def emit(self) -> bytes:
        return self._body() + emit_signature(self.signature) + emit_additional_fields()

    def signed_bytes(self) -> bytes:
        return guard(self._body())

    def sign(self, controller: SecretIdentity) -> Tag:
        unsigned = replace(self, signed_by=controller.address)
        return replace(unsigned, signature=controller.sign(unsigned.signed_bytes()))

    def verify(self, find_identity: FindIdentity) -> Verification:
        return verify_signed_by_controller(
            self.network, self.signed_by, self.signed_bytes(), self.signature, find_identity
        )

    def _body(self) -> bytes:
        head = _HEAD.pack(self.network, self.timestamp, self.tag_id, self.value)
        return head + address_bytes(self.issued_to) + address_bytes(self.signed_by)
