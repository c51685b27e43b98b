"""Sign-ons that will expire, and are revoked when they do (04, 11). In memory.

Each is held by its network. One that had to go is noted again when its member asks, and runs out
without a revocation, too: its certificate is not renewed.
"""

from __future__ import annotations

import heapq

from earthline.bounded import FairTable

MAX_ENTRIES = 1 << 16
"""Sign-ons remembered; of more, one of the largest holder goes."""


class ExpiryList:
    """When the sign-on of each (network, member) expires, as was last heard."""

    def __init__(self) -> None:
        self._expires_at: FairTable[tuple[int, int], int, int] = FairTable(MAX_ENTRIES)
        self._heap: list[tuple[int, int, int]] = []
        """What is not in the table any more stays until it comes up, or is most of it."""

    def __len__(self) -> int:
        return len(self._expires_at)

    def __contains__(self, key: tuple[int, int]) -> bool:
        return key in self._expires_at

    def note(self, network: int, member: int, expires_at: int) -> None:
        """Remember when it does now; the same again changes nothing."""
        key = (network, member)
        if self._expires_at.get(key) == expires_at:
            return
        self._expires_at.put(key, network, expires_at)
        heapq.heappush(self._heap, (expires_at, *key))
        if len(self._heap) > 2 * len(self._expires_at):
            self._heap = [(at, *kept) for kept, at in self._expires_at.items()]
            heapq.heapify(self._heap)

    def expired(self, now: int) -> list[tuple[int, int]]:
        """Take out every (network, member) whose time has passed."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            expires_at, network, member = heapq.heappop(self._heap)
            if self._expires_at.get((network, member)) == expires_at:
                self._expires_at.pop((network, member))
                found.append((network, member))
        return found

    def next_check(self) -> int | None:
        """When the soonest expires, or would have; to look then finds nothing in that case."""
        return self._heap[0][0] if self._heap else None
