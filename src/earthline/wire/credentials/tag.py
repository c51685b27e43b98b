"""The tag: a number that rules compare (03, 4.3).

::

    network u64, timestamp u64, tag ID u32, value u32, issued to 5, signed by 5,
    signature block, additional fields               135 bytes
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

_HEAD = struct.Struct(">QQII")


@dataclass(frozen=True, slots=True)
class Tag(ControllerSigned):
    """A member's tag as read or made."""

    timestamp: int
    tag_id: int
    value: int
    issued_to: int

    @classmethod
    def read(cls, reader: Reader) -> Tag:
        network, timestamp, tag_id, value = _HEAD.unpack(reader.take(_HEAD.size))
        issued_to, signed_by = reader.address(), reader.address()
        signature = read_signature(reader)
        skip_additional_fields(reader)
        return cls(
            network,
            timestamp,
            tag_id,
            value,
            issued_to,
            signed_by=signed_by,
            signature=signature,
        )

    def body(self) -> bytes:
        head = _HEAD.pack(self.network, self.timestamp, self.tag_id, self.value)
        return head + address_bytes(self.issued_to) + address_bytes(self.signed_by)
