"""Packets that must wait: sealed ones of strangers, opened ones that lack an identity (02, 4.6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from earthline.effects import IngestDatagram, PacketReceived, Path
from earthline.vl1.local import Local

LIFETIME_MS = 5_000
MAX_SEALED = 256
MAX_SEALED_PER_SOURCE = 8
"""So that one stranger cannot push the others out."""
MAX_OPENED = 128


@dataclass(frozen=True, slots=True)
class Sealed:
    """A packet we have no key for yet."""

    path: Path
    source: int
    packet: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A packet whose handler said: not now."""

    packet: PacketReceived
    at: int


class Deferred:
    """Two bounded rings, oldest first. ``dispatch`` takes a packet that was opened before."""

    def __init__(self, local: Local, dispatch: Callable[[PacketReceived, int], None]) -> None:
        self._local = local
        self._dispatch = dispatch
        self._sealed: deque[Sealed] = deque()
        self._opened: deque[Opened] = deque()
        self._arrived_at: int | None = None
        """While a packet is tried again: when it came first."""

    def __len__(self) -> int:
        return len(self._sealed) + len(self._opened)

    def keep_sealed(self, path: Path, source: int, packet: bytes, now: int) -> None:
        """Keep a stranger's packet until its identity is known."""
        same = [kept for kept in self._sealed if kept.source == source]
        if len(same) >= MAX_SEALED_PER_SOURCE:
            self._sealed.remove(same[0])
            self._local.count("deferred_overflow")
        elif len(self._sealed) >= MAX_SEALED:
            self._sealed.popleft()
            self._local.count("deferred_overflow")
        self._sealed.append(Sealed(path, source, packet, now))

    def keep(self, packet: PacketReceived, now: int) -> None:
        """Keep an opened packet; one tried again keeps the time of its arrival."""
        if len(self._opened) >= MAX_OPENED:
            self._opened.popleft()
            self._local.count("deferred_overflow")
        at = now if self._arrived_at is None else self._arrived_at
        self._opened.append(Opened(packet, at))

    def holds(self, packet: PacketReceived) -> bool:
        """Whether this very packet waits."""
        return any(kept.packet is packet for kept in self._opened)

    def strangers(self) -> set[int]:
        """Sources whose identities are waited for."""
        return {kept.source for kept in self._sealed}

    def release(self, source: int) -> None:
        """Give a former stranger's packets to the switch, which can open them now."""
        released = [kept for kept in self._sealed if kept.source == source]
        if released:
            self._sealed = deque(kept for kept in self._sealed if kept.source != source)
        for kept in released:
            self._local.emit(IngestDatagram(kept.path, kept.packet))

    def retry(self, now: int) -> None:
        """Dispatch all opened packets again."""
        self.expire(now)
        waiting, self._opened = self._opened, deque()
        for kept in waiting:
            outer, self._arrived_at = self._arrived_at, kept.at
            self._dispatch(kept.packet, now)
            self._arrived_at = outer

    def expire(self, now: int) -> None:
        """Drop what waited too long."""
        while self._sealed and now - self._sealed[0].at >= LIFETIME_MS:
            self._sealed.popleft()
            self._local.count("deferred_timeout")
        for kept in [kept for kept in self._opened if now - kept.at >= LIFETIME_MS]:
            self._opened.remove(kept)
            self._local.count("deferred_timeout")
