"""When and where members were seen last: what people want to know of them. In memory only."""

from __future__ import annotations

from dataclasses import dataclass

from earthline.bounded import FairTable
from earthline.controller.members.activity import is_online
from earthline.effects import Path

MAX_SIGHTINGS = 1 << 16


@dataclass(frozen=True, slots=True)
class Sighting:
    """The last request of a member, let in or not, whose identity is that on file."""

    at: int
    """When it came, ms."""
    path: Path | None
    """Where from; None by way of a root, or from this node itself."""
    version: tuple[int, int, int]
    """Of its software, as it says itself: major, minor, revision."""

    def is_online(self, now: int) -> bool:
        """Whether it asked so lately that it still must be there (04, 10)."""
        return is_online(self.at, now)


class Sightings:
    """The last sighting of every (network, member), since this controller was started."""

    def __init__(self, max_entries: int = MAX_SIGHTINGS) -> None:
        self._last: FairTable[tuple[int, int], int, Sighting] = FairTable(max_entries)
        """By source prefix."""

    def note(self, network: int, member: int, sighting: Sighting, prefix: int) -> None:
        """``prefix``: whose share of the table it takes."""
        self._last.put((network, member), prefix, sighting)

    def last(self, network: int, member: int) -> Sighting | None:
        return self._last.get((network, member))

    def __len__(self) -> int:
        return len(self._last)
