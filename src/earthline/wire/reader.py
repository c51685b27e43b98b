"""A checked cursor over received bytes: the only way a parser here looks at its input."""

from __future__ import annotations

import struct

_ADDRESS = struct.Struct(">BI")


class Malformed(ValueError):
    """What a peer sent does not parse (01, 1.6): the whole packet is dropped and counted."""


class Reader:
    """Reads big-endian fields one after the other; running past the end raises `Malformed`."""

    __slots__ = ("_data", "offset")

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self._data = data
        self.offset = offset

    @property
    def data(self) -> bytes:
        """All the bytes, for those who move `offset` by themselves."""
        return self._data

    @property
    def remaining(self) -> int:
        """Bytes not yet read."""
        return len(self._data) - self.offset

    @property
    def done(self) -> bool:
        """Whether every byte was read."""
        return self.offset >= len(self._data)

    def take(self, length: int) -> bytes:
        """The next ``length`` bytes."""
        end = self.offset + length
        if end > len(self._data):
            raise Malformed(f"{length} bytes wanted at {self.offset}, {self.remaining} left")
        taken = self._data[self.offset : end]
        self.offset = end
        return taken

    def skip(self, length: int) -> None:
        """Pass over the next ``length`` bytes."""
        self.take(length)

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(self.remaining)

    def peek(self) -> int:
        """The next byte, without moving."""
        if self.done:
            raise Malformed(f"one byte wanted at {self.offset}, none left")
        return self._data[self.offset]

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "big")

    def address(self) -> int:
        """A node address, 5 bytes (01, 1.3)."""
        return int.from_bytes(self.take(5), "big")

    def addresses(self, count: int) -> tuple[int, ...]:
        """So many node addresses."""
        parts = _ADDRESS.iter_unpack(self.take(count * _ADDRESS.size))
        return tuple([high << 32 | low for high, low in parts])

    def mac(self) -> int:
        """A MAC address, 6 bytes."""
        return int.from_bytes(self.take(6), "big")

    def sized(self) -> bytes:
        """A u16 length and that many bytes."""
        return self.take(self.u16())
