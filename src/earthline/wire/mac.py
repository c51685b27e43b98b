"""MAC addresses as 48-bit integers, and how they follow from address and network (01, 5.3)."""

from __future__ import annotations

BROADCAST = 0xFFFFFFFFFFFF

_MULTICAST_BIT = 0x010000000000
_LOCAL_BIT = 0x020000000000
_LOW_OCTETS = 0xFFFFFFFFFF


def mac_of(address: int, network: int) -> int:
    """The MAC address a node has on a network."""
    return _first_octet(network) << 40 | (address ^ _mask(network))


def address_of(mac: int, network: int) -> int | None:
    """The node a MAC belongs to, or None where it is of something bridged."""
    if mac >> 40 != _first_octet(network):
        return None
    return (mac & _LOW_OCTETS) ^ _mask(network)


def is_multicast(mac: int) -> bool:
    """Whether the lowest bit of the first octet is set (broadcast included)."""
    return bool(mac & _MULTICAST_BIT)


def is_locally_administered(mac: int) -> bool:
    """Whether the MAC was made up rather than bought."""
    return bool(mac & _LOCAL_BIT)


def format_mac(mac: int) -> str:
    """Six pairs of lower-case hex digits with colons."""
    return mac.to_bytes(6, "big").hex(":")


def parse_mac(text: str) -> int:
    """Read 12 hex digits with or without ``:`` or ``-`` between octets; ValueError otherwise."""
    digits = text.replace(":", "").replace("-", "")
    if len(digits) != 12 or any(c not in "0123456789abcdefABCDEF" for c in digits):
        raise ValueError(f"not a MAC address: {text!r}")
    return int(digits, 16)


def mac_bytes(mac: int) -> bytes:
    """The 6 bytes of the wire."""
    return mac.to_bytes(6, "big")


def link_local_of(mac: int) -> bytes:
    """The IPv6 link-local address of a MAC, 16 bytes; bit 0x02 is cleared, never set (01, 5.3)."""
    octets = mac.to_bytes(6, "big")
    interface = bytes([octets[0] & 0xFD]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return b"\xfe\x80" + bytes(6) + interface


def _first_octet(network: int) -> int:
    octet = (network & 0xFE) | 0x02
    # 0x52 belongs to a well-known hypervisor, so stock nodes avoid it.
    return 0x32 if octet == 0x52 else octet


def _mask(network: int) -> int:
    """Octets 1..5 of the network ID, second least significant first, as a 40-bit number."""
    return int.from_bytes(network.to_bytes(8, "little")[1:6], "big")
