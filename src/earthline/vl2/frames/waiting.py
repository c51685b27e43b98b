"""Frames of the TAP that wait for a session with their destination, or a route (02, 5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earthline.bounded import FairQueue
from earthline.effects import IngestFrame
from earthline.vl2.ground.underlay import HOLD_MS

if TYPE_CHECKING:
    from earthline.vl2.ground.underlay import Station

WAITING_LIMIT = 256
"""Frames; when full the oldest for the destination goes that most wait for."""

RETRY_MS = 500
"""How often the destinations are looked up again (02, 4.10)."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    network: int
    frame: bytes
    destination: int
    until: int


class WaitingFrames:
    """A bounded queue of frames, given back to the switch as soon as they can leave."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._frames: FairQueue[int, _Waiting] = FairQueue(WAITING_LIMIT)
        """By their destinations: those for one that is gone push out none but each other."""
        self._retry_at = 0

    def hold(self, network: int, frame: bytes, destination: int, now: int) -> None:
        """Keep a frame, and look for its destination."""
        if not self._frames:
            self._retry_at = now + RETRY_MS
        waiting = _Waiting(network, frame, destination, now + HOLD_MS)
        if self._frames.append(destination, waiting) is not None:
            self._station.underlay.count("frame_waiting_overflow")
        self._station.underlay.whois(destination, now)

    def settle(self, now: int) -> None:
        """Hand back what can leave now."""
        reachable = self._station.underlay.reachable
        for waiting in self._frames.take(lambda kept: reachable(kept.destination, now)):
            self._station.emit(IngestFrame(waiting.network, waiting.frame))

    def next_timeout(self) -> int | None:
        """When destinations are looked up again; None while nothing waits."""
        return self._retry_at if self._frames else None

    def handle_timeout(self, now: int) -> None:
        """Drop what waited too long; ask again for the rest."""
        if not self._frames or now < self._retry_at:
            return
        self._retry_at = now + RETRY_MS
        for _ in self._frames.take(lambda kept: kept.until <= now):
            self._station.underlay.count("frame_without_route")
        for destination in dict.fromkeys(waiting.destination for waiting in self._frames):
            self._station.underlay.whois(destination, now)

    def forget(self, network: int) -> None:
        """The network was left."""
        self._frames.take(lambda kept: kept.network == network)
