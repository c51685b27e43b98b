"""WHOIS: whose identities are wanted (01, 6.6).

::

    one or more addresses of 5 bytes; a trailing part of one is ignored

Stock nodes ask for one in a packet (02, 3.4).
"""

from __future__ import annotations

from dataclasses import dataclass

from earthline.wire.address import ADDRESS_LENGTH, address_bytes
from earthline.wire.reader import Reader

MAX_ADDRESSES = 16
"""Of one packet that are read: each that is not known has us ask for it in turn."""


@dataclass(frozen=True, slots=True)
class Whois:
    """The first addresses asked for, in order."""

    addresses: tuple[int, ...]
    unread: int = 0
    """How many more there are."""

    @classmethod
    def parse(cls, payload: bytes) -> Whois:
        reader = Reader(payload)
        count = max(1, len(payload) // ADDRESS_LENGTH)
        read = min(count, MAX_ADDRESSES)
        return cls(tuple(reader.address() for _ in range(read)), count - read)

    def emit(self) -> bytes:
        return b"".join(map(address_bytes, self.addresses))
