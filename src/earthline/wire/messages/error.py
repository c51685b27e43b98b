"""ERROR: why a request, or a frame, was refused (01, 6.3).

::

    in-re verb u8, in-re packet ID u64, code u8, payload that depends on the code
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from earthline.wire.multicast import MulticastGroup, read_group
from earthline.wire.reader import Reader

_HEAD = struct.Struct(">BQB")

_MAX_AUTHENTICATION_INFO = 8191


@dataclass(frozen=True, slots=True)
class Error:
    """The frame of every ERROR. Codes that no one assigned parse too."""

    in_re_verb: int
    in_re_packet_id: int
    code: int
    payload: bytes = b""

    @classmethod
    def parse(cls, payload: bytes) -> Error:
        reader = Reader(payload)
        verb, packet_id, code = _HEAD.unpack(reader.take(_HEAD.size))
        return cls(verb, packet_id, code, reader.rest())

    def emit(self) -> bytes:
        return _HEAD.pack(self.in_re_verb, self.in_re_packet_id, self.code) + self.payload

    def network(self) -> int:
        """The network ID that starts the payload of codes 3 and 5 to 9; `Malformed` if missing."""
        return Reader(self.payload).u64()


@dataclass(frozen=True, slots=True)
class UnwantedMulticast:
    """Payload of code 0x08: network u64, group."""

    network: int
    group: MulticastGroup

    @classmethod
    def parse(cls, payload: bytes) -> UnwantedMulticast:
        reader = Reader(payload)
        return cls(reader.u64(), read_group(reader))

    def emit(self) -> bytes:
        return self.network.to_bytes(8, "big") + self.group.emit()


@dataclass(frozen=True, slots=True)
class AuthenticationRequired:
    """Payload of code 0x09: network u64, then nothing, or u16 length and a dictionary (03, 2.6)."""

    network: int
    dictionary: bytes = b""

    @classmethod
    def parse(cls, payload: bytes) -> AuthenticationRequired:
        """Read; a dictionary longer than 8191 bytes is cut there."""
        reader = Reader(payload)
        network = reader.u64()
        if reader.remaining <= 2:
            return cls(network)
        return cls(network, reader.sized()[:_MAX_AUTHENTICATION_INFO])

    def emit(self) -> bytes:
        head = self.network.to_bytes(8, "big")
        if not self.dictionary:
            return head
        return head + len(self.dictionary).to_bytes(2, "big") + self.dictionary
