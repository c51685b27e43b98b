"""WHOIS: whose identities are wanted (01, 6.6).

::

    one or more addresses of 5 bytes; a trailing part of one is ignored
"""

from __future__ import annotations

from dataclasses import dataclass

from earthline.wire.address import ADDRESS_LENGTH, address_bytes
from earthline.wire.reader import Reader


@dataclass(frozen=True, slots=True)
class Whois:
    """The addresses asked for, in order."""

    addresses: tuple[int, ...]

    @classmethod
    def parse(cls, payload: bytes) -> Whois:
        reader = Reader(payload)
        count = max(1, len(payload) // ADDRESS_LENGTH)
        return cls(tuple(reader.address() for _ in range(count)))

    def emit(self) -> bytes:
        return b"".join(map(address_bytes, self.addresses))
