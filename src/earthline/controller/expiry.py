"""Sign-ons that will expire, and are revoked when they do (04, section 11)."""

from __future__ import annotations

import heapq

_MAX_ENTRIES = 1 << 16


class ExpiryList:
    """When sign-ons expire, by (network, member). In memory; if too many, the soonest are kept."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int]] = []
        self._known: set[tuple[int, int, int]] = set()

    def note(self, network: int, member: int, expires_at: int) -> None:
        """Remember an expiry time; the same one again changes nothing."""
        entry = (expires_at, network, member)
        if entry in self._known:
            return
        if len(self._known) >= _MAX_ENTRIES:
            latest = max(self._known)
            if latest <= entry:
                return
            self._heap.remove(latest)
            heapq.heapify(self._heap)
            self._known.remove(latest)
        self._known.add(entry)
        heapq.heappush(self._heap, entry)

    def expired(self, now: int) -> list[tuple[int, int]]:
        """Take out every (network, member) whose time has passed."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)
            self._known.remove(entry)
            found.append(entry[1:])
        return found

    def next_check(self) -> int | None:
        """When the soonest expires."""
        return self._heap[0][0] if self._heap else None
