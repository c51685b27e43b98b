"""IPv6 addresses computed from a network and a member's address (03, 9.1).

::

    6PLANE   fc, low 32 bits of (network ^ network >> 32), address 5, 00 00 00 00 00 01      /40
    RFC4193  fd, network 8, 99 93, address 5                                                 /88
"""

from __future__ import annotations

from earthline.wire.address import address_bytes
from earthline.wire.inet import InetAddress

SIX_PLANE_BITS = 40
RFC4193_BITS = 88

_HOST = b"\x00\x00\x00\x00\x00\x01"


def six_plane_prefix(network: int) -> bytes:
    """The first 5 bytes of every 6PLANE address of a network."""
    folded = (network ^ network >> 32) & 0xFFFFFFFF
    return b"\xfc" + folded.to_bytes(4, "big")


def six_plane(network: int, address: int) -> InetAddress:
    """The 6PLANE address of a member, with its prefix length."""
    return InetAddress(six_plane_prefix(network) + address_bytes(address) + _HOST, SIX_PLANE_BITS)


def rfc4193(network: int, address: int) -> InetAddress:
    """The RFC 4193 address of a member, with its prefix length."""
    ip = b"\xfd" + network.to_bytes(8, "big") + b"\x99\x93" + address_bytes(address)
    return InetAddress(ip, RFC4193_BITS)
