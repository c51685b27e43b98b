"""Neighbour emulation: solicitations for computed IPv6 addresses answered locally (03, 8.8).

The answer is an advertisement in an IPv6 packet of 72 bytes:

    0   IPv6 header: 60 00 00 00, length 0020, next header 3a, hop limit ff
    8   source: the target
    24  destination: our own matching address
    40  ICMPv6: 88 00, checksum u16, flags 60 00 00 00 (solicited, override)
    48  target
    64  option: 02 01, MAC of the target
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from earthline.wire.computed_ip import six_plane_prefix
from earthline.wire.mac import BROADCAST, is_multicast, mac_bytes, mac_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from earthline.wire.inet import InetAddress

ETHERTYPE_IPV6 = 0x86DD
ETHERNET_HEADER = 14

_ICMPV6 = 0x3A
_SOLICITATION = 0x87
_SHORTEST_SOLICITATION = 64
"""Bytes: an IPv6 header and a neighbour solicitation without options (03, 8.8)."""

_ADVERTISEMENT_HEADER = bytes.fromhex("6000000000203aff")
_ADVERTISEMENT = bytes.fromhex("8800")
_SOLICITED_OVERRIDE = bytes.fromhex("60000000")
_TARGET_LINK_LAYER = bytes.fromhex("0201")


def emulate(
    frame: bytes, network: int, own_address: int, addresses: Iterable[InetAddress]
) -> bytes | None:
    """The Ethernet frame that answers a solicitation, or None where it must go out as multicast.

    ``frame`` has its 14-byte header; ``addresses`` are our own static IPs on the network.
    """
    target = _solicited(frame)
    if target is None:
        return None
    for own in addresses:
        embedded = _embedded(target, own, network)
        if embedded not in (0, own_address):
            mac = mac_of(embedded, network)
            header = frame[6:12] + mac_bytes(mac) + frame[12:14]
            return header + _advertisement(target, own.ip, mac)
    return None


def _solicited(frame: bytes) -> bytes | None:
    """The target of a multicast neighbour solicitation."""
    destination = int.from_bytes(frame[:6], "big")
    payload = frame[ETHERNET_HEADER:]
    if len(payload) < _SHORTEST_SOLICITATION or not is_multicast(destination):
        return None
    if destination == BROADCAST or int.from_bytes(frame[12:14], "big") != ETHERTYPE_IPV6:
        return None
    if payload[6] != _ICMPV6 or payload[40] != _SOLICITATION:
        return None
    return payload[48:64]


def _embedded(target: bytes, own: InetAddress, network: int) -> int:
    """The node address inside a target that follows the pattern of ``own``; 0 if it does not."""
    ip = own.ip
    if len(ip) != 16:
        return 0
    if own.port == 88 and ip[0] == 0xFD and ip[9:11] == b"\x99\x93" and target[:11] == ip[:11]:
        return int.from_bytes(target[11:16], "big")
    prefix = six_plane_prefix(network)
    if own.port == 40 and ip[:5] == prefix and target[:5] == prefix:
        return int.from_bytes(target[5:10], "big")
    return 0


def _advertisement(target: bytes, own: bytes, mac: int) -> bytes:
    body = _SOLICITED_OVERRIDE + target + _TARGET_LINK_LAYER + mac_bytes(mac)
    checksum = _icmpv6_checksum(target, own, _ADVERTISEMENT + bytes(2) + body)
    message = _ADVERTISEMENT + checksum.to_bytes(2, "big") + body
    return _ADVERTISEMENT_HEADER + target + own + message


def _icmpv6_checksum(source: bytes, destination: bytes, message: bytes) -> int:
    pseudo = source + destination + len(message).to_bytes(4, "big") + bytes([0, 0, 0, _ICMPV6])
    data = pseudo + message
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
