"""Packets that must wait: sealed ones of strangers, opened ones that lack an identity (02, 4.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from earthline.bounded import FairQueue
from earthline.effects import IngestDatagram, PacketReceived, Path
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.peers.path import ip_prefix

LIFETIME_MS = 5_000
"""How long a packet waits for an identity (02, 4.6)."""
MAX_SEALED = 256
"""Of more, one of the network goes that most came from: source addresses cost a forger nothing."""
MAX_SEALED_PER_SOURCE = 8
"""From one network: so that one stranger cannot push out the others that come by its relay."""
MAX_OPENED = 128
"""Of more, one of the sender goes of whom most wait."""


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
    """Two bounded queues, oldest first. ``dispatch`` takes a packet that was opened before."""

    def __init__(
        self, local: Local, timers: Timers, dispatch: Callable[[PacketReceived, int], None]
    ) -> None:
        self._local = local
        self._timers = timers
        self._dispatch = dispatch
        self._sealed: FairQueue[bytes, Sealed] = FairQueue(MAX_SEALED)
        self._opened: FairQueue[int, Opened] = FairQueue(MAX_OPENED)
        self._arrived_at: int | None = None
        """While a packet is tried again: when it came first."""

    def __len__(self) -> int:
        return len(self._sealed) + len(self._opened)

    def keep_sealed(self, path: Path, source: int, packet: bytes, now: int) -> None:
        """Keep a stranger's packet until its identity is known."""
        self._timers.begin(Timer.QUEUE, now)
        prefix = ip_prefix(path[1])
        same = [kept for kept in self._sealed.of(prefix) if kept.source == source]
        if len(same) >= MAX_SEALED_PER_SOURCE:
            oldest = same[0]
            self._sealed.take(lambda kept: kept is oldest)
            self._local.count("deferred_overflow")
        if self._sealed.append(prefix, Sealed(path, source, packet, now)) is not None:
            self._local.count("deferred_overflow")

    def keep(self, packet: PacketReceived, now: int) -> None:
        """Keep an opened packet; one tried again keeps the time of its arrival."""
        self._timers.begin(Timer.QUEUE, now)
        at = now if self._arrived_at is None else self._arrived_at
        if self._opened.append(packet.source, Opened(packet, at)) is not None:
            self._local.count("deferred_overflow")

    def holds(self, packet: PacketReceived) -> bool:
        """Whether this very packet waits."""
        return any(kept.packet is packet for kept in self._opened)

    def strangers(self) -> dict[int, bytes]:
        """Sources whose identities are waited for, each with an IP that it sent from."""
        return {kept.source: kept.path[1] for kept in self._sealed}

    def release(self, source: int) -> None:
        """Give a former stranger's packets to the switch, which can open them now."""
        for kept in self._sealed.take(lambda kept: kept.source == source):
            self._local.emit(IngestDatagram(kept.path, kept.packet))

    def retry(self, now: int) -> None:
        """Dispatch all opened packets again."""
        self.expire(now)
        for kept in self._opened.take(lambda _: True):
            outer, self._arrived_at = self._arrived_at, kept.at
            self._dispatch(kept.packet, now)
            self._arrived_at = outer

    def expire(self, now: int) -> None:
        """Drop what waited too long."""
        late = [
            *self._sealed.take(lambda kept: now - kept.at >= LIFETIME_MS),
            *self._opened.take(lambda kept: now - kept.at >= LIFETIME_MS),
        ]
        for _ in late:
            self._local.count("deferred_timeout")
