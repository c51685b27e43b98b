"""NETWORK_CONFIG_REQUEST and the signed chunks that answer it (01, 6.15; 03, 2.2 and 3.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from earthline.wire.identity import SIGNATURE_LENGTH, Identity, SecretIdentity
from earthline.wire.reader import Malformed, Reader

MAX_CONFIG = 484520
"""A configuration of this many bytes or more is refused (03, 3.2)."""

MAX_CHUNK = 9740
"""Bytes of configuration in one chunk, as stock controllers send."""

FLAG_FAST_PROPAGATE = 0x01

_SIGNATURE_V1 = 0x01
_REQUEST_TAIL = struct.Struct(">QQ")
_CHUNK_TAIL = struct.Struct(">BQII")


@dataclass(frozen=True, slots=True)
class NetworkConfigRequest:
    """Asks a controller for our configuration.

    ::

        network u64, u16 length, metadata dictionary, revision u64, timestamp u64
    """

    network: int
    metadata: bytes
    revision: int = 0
    """Of the configuration held, or 0."""
    timestamp: int = 0
    """Of the configuration held, or 0."""

    @classmethod
    def parse(cls, payload: bytes) -> NetworkConfigRequest:
        """Read; the last two fields may be missing."""
        reader = Reader(payload)
        network, metadata = reader.u64(), reader.sized()
        held = (0, 0)
        if reader.remaining >= _REQUEST_TAIL.size:
            held = _REQUEST_TAIL.unpack(reader.take(_REQUEST_TAIL.size))
        return cls(network, metadata, *held)

    def emit(self) -> bytes:
        return b"".join(
            (
                self.network.to_bytes(8, "big"),
                len(self.metadata).to_bytes(2, "big"),
                self.metadata,
                _REQUEST_TAIL.pack(self.revision, self.timestamp),
            )
        )


@dataclass(frozen=True, slots=True)
class ConfigChunk:
    """A piece of a configuration: payload of NETWORK_CONFIG and of OK(NETWORK_CONFIG_REQUEST).

    ::

        network u64, u16 length, data, flags u8, update ID u64, total u32, offset u32,
        signature type u8 (1), u16 length (96), signature

    The signature covers all before its type. The oldest controllers end the packet after the data:
    then ``signature`` is None and the data is a whole configuration (`whole`), to be taken from
    the controller itself only.
    """

    network: int
    data: bytes
    update_id: int
    """Not 0, and the same for all chunks of one configuration; 0 in the unsigned form."""
    total: int
    """Bytes of the whole configuration."""
    offset: int
    """Where in it this chunk belongs."""
    flags: int = 0
    signature: bytes | None = None

    @classmethod
    def parse(cls, payload: bytes) -> ConfigChunk:
        reader = Reader(payload)
        network, data = reader.u64(), reader.sized()
        if reader.done:
            return cls(network, data, 0, len(data), 0)
        flags, update_id, total, offset = _CHUNK_TAIL.unpack(reader.take(_CHUNK_TAIL.size))
        if offset + len(data) > total or total >= MAX_CONFIG:
            raise Malformed(f"chunk {offset}+{len(data)} of {total} bytes")
        if reader.u8() != _SIGNATURE_V1 or reader.u16() != SIGNATURE_LENGTH:
            raise Malformed("chunk with an unknown kind of signature")
        return cls(network, data, update_id, total, offset, flags, reader.take(SIGNATURE_LENGTH))

    @property
    def whole(self) -> bool:
        """Whether this chunk is a configuration by itself."""
        return len(self.data) == self.total

    @property
    def fast_propagate(self) -> bool:
        """Whether a receiver passes the chunk on to other members."""
        return bool(self.flags & FLAG_FAST_PROPAGATE)

    def signed_bytes(self) -> bytes:
        return b"".join(
            (
                self.network.to_bytes(8, "big"),
                len(self.data).to_bytes(2, "big"),
                self.data,
                _CHUNK_TAIL.pack(self.flags, self.update_id, self.total, self.offset),
            )
        )

    def sign(self, controller: SecretIdentity) -> ConfigChunk:
        return replace(self, signature=controller.sign(self.signed_bytes()))

    def verify(self, controller: Identity) -> bool:
        """Whether the controller signed it; False for the unsigned form."""
        if self.signature is None:
            return False
        return controller.verify(self.signed_bytes(), self.signature)

    def emit(self) -> bytes:
        if self.signature is None:
            head = self.network.to_bytes(8, "big") + len(self.data).to_bytes(2, "big")
            return head + self.data
        kind = bytes([_SIGNATURE_V1]) + SIGNATURE_LENGTH.to_bytes(2, "big")
        return self.signed_bytes() + kind + self.signature


def split_config(
    network: int, dictionary: bytes, update_id: int, controller: SecretIdentity
) -> list[ConfigChunk]:
    """Signed chunks of a configuration, in order. Raises ValueError if it is too long."""
    total = len(dictionary)
    if total >= MAX_CONFIG:
        raise ValueError(f"configuration of {total} bytes, {MAX_CONFIG - 1} are possible")
    return [
        ConfigChunk(
            network, dictionary[offset : offset + MAX_CHUNK], update_id, total, offset
        ).sign(controller)
        for offset in range(0, total, MAX_CHUNK)
    ]
