"""Node addresses and network IDs (01, 1.3 and 1.4)."""

from __future__ import annotations

import string

ADDRESS_LENGTH = 5
MAX_ADDRESS = 0xFFFFFFFFFF

_HEX_DIGITS = frozenset(string.hexdigits)
_NETWORK_NUMBER_BITS = 24


def is_reserved(address: int) -> bool:
    """Whether no node may have the address: zero, or first byte 0xff (fragments start so)."""
    return address == 0 or address >> 32 == 0xFF


def format_address(address: int) -> str:
    """10 lower-case hex digits."""
    return f"{address:010x}"


def parse_address(text: str) -> int:
    """Read exactly 10 hex digits; ValueError otherwise. Reserved addresses pass."""
    return _parse_hex(text, 10, "address")


def address_bytes(address: int) -> bytes:
    """The 5 bytes of the wire."""
    return address.to_bytes(ADDRESS_LENGTH, "big")


def format_network(network: int) -> str:
    """16 lower-case hex digits."""
    return f"{network:016x}"


def parse_network(text: str) -> int:
    """Read exactly 16 hex digits; ValueError otherwise."""
    return _parse_hex(text, 16, "network ID")


def controller_of(network: int) -> int:
    """Address of the only node that may speak for the network: its upper 40 bits."""
    return network >> _NETWORK_NUMBER_BITS


def _parse_hex(text: str, digits: int, what: str) -> int:
    # int() alone would take signs, underscores and foreign digits.
    if len(text) != digits or not _HEX_DIGITS.issuperset(text):
        raise ValueError(f"{what} is not {digits} hex digits: {text!r}")
    return int(text, 16)
