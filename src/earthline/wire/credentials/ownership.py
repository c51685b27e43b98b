"""The certificate of ownership: which IPs and MACs a member may use (03, 4.5).

::

    network u64, timestamp u64, flags u64, ID u32, u16 count (at most 16),
    count x { type u8, value 16, zero-padded }, issued to 5, signed by 5,
    signature block, additional fields               141 + 17 count bytes
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from earthline.wire.address import address_bytes
from earthline.wire.credentials.common import (
    ControllerSigned,
    read_signature,
    skip_additional_fields,
)
from earthline.wire.mac import mac_bytes
from earthline.wire.reader import Malformed, Reader

MAX_THINGS = 16

_VALUE_LENGTH = 16
_HEAD = struct.Struct(">QQQIH")


class ThingType(IntEnum):
    """What can be owned."""

    MAC = 1
    IPV4 = 2
    IPV6 = 3


_SIGNIFICANT_LENGTHS: dict[int, int] = {ThingType.MAC: 6, ThingType.IPV4: 4, ThingType.IPV6: 16}


class Thing(NamedTuple):
    """A thing owned; types that no one assigned are kept, but nobody asks for them."""

    type: int
    value: bytes
    """16 bytes, zero-padded."""

    @classmethod
    def of_ip(cls, ip: bytes) -> Thing:
        """An IP of 4 or 16 bytes."""
        kind = ThingType.IPV4 if len(ip) == 4 else ThingType.IPV6
        return cls(kind, ip.ljust(_VALUE_LENGTH, b"\x00"))

    @classmethod
    def of_mac(cls, mac: int) -> Thing:
        return cls(ThingType.MAC, mac_bytes(mac).ljust(_VALUE_LENGTH, b"\x00"))

    @property
    def significant(self) -> bytes:
        """The value without its padding."""
        return self.value[: _SIGNIFICANT_LENGTHS.get(self.type, _VALUE_LENGTH)]

    def same(self, other: Thing) -> bool:
        """Whether both are one thing; padding does not matter."""
        return self.type == other.type and self.significant == other.significant


@dataclass(frozen=True, slots=True)
class CertificateOfOwnership(ControllerSigned):
    """A certificate as read or made."""

    timestamp: int
    ownership_id: int
    things: tuple[Thing, ...]
    issued_to: int
    flags: int = 0

    @classmethod
    def read(cls, reader: Reader) -> CertificateOfOwnership:
        network, timestamp, flags, number, count = _HEAD.unpack(reader.take(_HEAD.size))
        if count > MAX_THINGS:
            raise Malformed(f"certificate of ownership of {count} things")
        things = tuple(Thing(reader.u8(), reader.take(_VALUE_LENGTH)) for _ in range(count))
        certificate = cls(
            network=network,
            timestamp=timestamp,
            ownership_id=number,
            things=things,
            issued_to=reader.address(),
            flags=flags,
            signed_by=reader.address(),
            signature=read_signature(reader),
        )
        skip_additional_fields(reader)
        return certificate

    def owns_ip(self, ip: bytes) -> bool:
        """Whether an IP of 4 or 16 bytes is among the things."""
        return self._owns(Thing.of_ip(ip))

    def owns_mac(self, mac: int) -> bool:
        """Whether a MAC is among the things."""
        return self._owns(Thing.of_mac(mac))

    def _owns(self, wanted: Thing) -> bool:
        return any(thing.same(wanted) for thing in self.things)

    def body(self) -> bytes:
        return b"".join(
            (
                _HEAD.pack(
                    self.network, self.timestamp, self.flags, self.ownership_id, len(self.things)
                ),
                *(bytes([thing.type]) + thing.value for thing in self.things),
                address_bytes(self.issued_to),
                address_bytes(self.signed_by),
            )
        )
