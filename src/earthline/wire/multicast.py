"""Multicast groups: a MAC and a number that tells address-resolution groups apart (01, 5.4).

::

    mac 6, adi u32                 10 bytes
"""

from __future__ import annotations

from typing import NamedTuple

from earthline.wire.mac import BROADCAST, mac_bytes
from earthline.wire.reader import Reader

_SOLICITED_NODE = 0x3333FF000000


class MulticastGroup(NamedTuple):
    """Sorts by MAC, then ADI, as groups on the wire do."""

    mac: int
    adi: int = 0

    def emit(self) -> bytes:
        """10 bytes."""
        return mac_bytes(self.mac) + self.adi.to_bytes(4, "big")


BROADCAST_GROUP = MulticastGroup(BROADCAST, 0)


def group_of_ip(ip: bytes) -> MulticastGroup:
    """The group asked when an IP of 4 or 16 bytes is resolved to a MAC."""
    if len(ip) == 4:
        return MulticastGroup(BROADCAST, int.from_bytes(ip, "big"))
    return MulticastGroup(_SOLICITED_NODE | int.from_bytes(ip[13:], "big"), 0)


def read_group(reader: Reader) -> MulticastGroup:
    """Read MAC and ADI."""
    return MulticastGroup(reader.mac(), reader.u32())
