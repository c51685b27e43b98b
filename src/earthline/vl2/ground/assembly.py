"""Putting a configuration together from its signed chunks (03, 3.2).

Chunks may come in any order, from anybody: the controller's signature speaks for them. Nothing is
kept of a chunk before its signature is checked, so only the controller can fill the slots.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earthline.wire.identity import Identity
    from earthline.wire.messages.config import ConfigChunk

MAX_CHUNKS = 474
"""Of one configuration: as many as a stock member takes (03, 3.2)."""
SLOTS = 3
"""Configurations put together at a time (03, 3.2)."""


class Chunk(Enum):
    """What became of a chunk."""

    REJECTED = "rejected"
    """Out of bounds, wrongly signed, or unsigned from somebody else: as if it never came."""
    DUPLICATE = "duplicate"
    KEPT = "kept"
    """Verified and new, but the configuration is not complete."""
    COMPLETE = "complete"
    """Verified, new, and the last one: `Assembled.dictionary` is the configuration."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """The outcome of one chunk."""

    outcome: Chunk
    dictionary: bytes = b""

    @property
    def is_news(self) -> bool:
        """Whether the chunk was verified and not seen before: worth passing on."""
        return self.outcome in (Chunk.KEPT, Chunk.COMPLETE)


@dataclass(slots=True)
class _Slot:
    update_id: int
    total: int
    buffer: bytearray
    seen: set[int] = field(default_factory=set)
    received: int = 0


class Assembly:
    """The reassembly slots of one network."""

    def __init__(self) -> None:
        self._slots: list[_Slot] = []

    def accept(self, chunk: ConfigChunk, source: int, controller: Identity) -> Assembled:
        """Take a chunk, whose bounds its parser has checked, that arrived from ``source``."""
        if not chunk.signature:
            return self._accept_unsigned(chunk, source, controller)
        slot = self._slot_of(chunk)
        duplicate_key = _fold(chunk.signature)
        if slot is not None and duplicate_key in slot.seen:
            return Assembled(Chunk.DUPLICATE)
        if not chunk.verify(controller):
            return Assembled(Chunk.REJECTED)
        return self._keep(chunk, slot or self._recycle(chunk), duplicate_key)

    def _accept_unsigned(self, chunk: ConfigChunk, source: int, controller: Identity) -> Assembled:
        """The old form: whole, and believed only from the controller itself (03, 3.1)."""
        if source != controller.address:
            return Assembled(Chunk.REJECTED)
        return Assembled(Chunk.COMPLETE, chunk.data)

    def _slot_of(self, chunk: ConfigChunk) -> _Slot | None:
        for slot in self._slots:
            if slot.update_id == chunk.update_id:
                return slot
        return None

    def _recycle(self, chunk: ConfigChunk) -> _Slot:
        """A slot for a new update, at the cost of the one that has received the fewest chunks."""
        slot = _Slot(chunk.update_id, chunk.total, bytearray(chunk.total))
        if len(self._slots) >= SLOTS:
            self._slots.remove(min(self._slots, key=lambda other: len(other.seen)))
        self._slots.append(slot)
        return slot

    def _keep(self, chunk: ConfigChunk, slot: _Slot, duplicate_key: int) -> Assembled:
        if chunk.total != slot.total or len(slot.seen) >= MAX_CHUNKS:
            return Assembled(Chunk.REJECTED)
        slot.seen.add(duplicate_key)
        slot.buffer[chunk.offset : chunk.offset + len(chunk.data)] = chunk.data
        slot.received += len(chunk.data)
        if slot.received != slot.total:
            return Assembled(Chunk.KEPT)
        return Assembled(Chunk.COMPLETE, bytes(slot.buffer))


def _fold(signature: bytes) -> int:
    """The duplicate key: bytes 0..7 XOR bytes 8..15."""
    return int.from_bytes(signature[:8], "big") ^ int.from_bytes(signature[8:16], "big")
