"""Who asked for a configuration lately: the table behind pushes (04, 10). In memory only.

An entry is made when a member of an existing network asks, and forgotten when the member has not
asked again within `ONLINE_MS`. The table is bounded whatever happens: each entry is held by the
source prefix of the request, since identities cost a stranger little and places more.
"""

from __future__ import annotations

from dataclasses import dataclass

from earthline.bounded import FairTable
from earthline.vl1.ground.gates import drawn
from earthline.wire.identity import Identity

ONLINE_MS = 120_000
"""A member is online while its last request is younger than this."""

MIN_REQUEST_INTERVAL_MS = 1_000
"""A request that comes this soon after the last accepted one, or sooner, is dropped."""

BURST = 32
EVERY_MS = 5_000
"""A member may ask so often at once, and so often in the long run: it needs one a minute."""

MAX_ENTRIES = 1 << 20
"""Members remembered; of more, one of the largest holder goes."""


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks, and what it told about itself (03, 2.3)."""

    identity: Identity
    metadata: bytes


@dataclass(slots=True)
class _Entry:
    asked_at: int
    requester: Requester
    full_at: int
    """When it may ask `BURST` times at once again."""
    came_at: int
    """When it asked first, without having been away since."""

    def is_online(self, now: int) -> bool:
        return is_online(self.asked_at, now)


def is_online(asked_at: int, now: int) -> bool:
    """Whether who asked then still must be there (04, 10)."""
    return now - asked_at < ONLINE_MS


class Activity:
    """Time and content of the last request of every (network, member) seen lately."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._entries: FairTable[tuple[int, int], int, _Entry] = FairTable(max_entries)
        """By source prefix; who asked last comes last."""
        self._members: dict[int, dict[int, None]] = {}
        self._began_at: int | None = None
        """Who has not asked since is not known of."""
        self._looked_at = 0

    def too_soon(self, network: int, member: int, now: int) -> bool:
        """Whether the member asked at most 1000 ms ago (section 8 item 2), or all too often."""
        entry = self._entries.get((network, member))
        if entry is None:
            return False
        if now - entry.asked_at <= MIN_REQUEST_INTERVAL_MS:
            return True
        return drawn(entry.full_at, BURST, EVERY_MS, now) is None

    def note(self, network: int, member: int, requester: Requester, now: int, prefix: int) -> None:
        """Remember a request; forget what is no longer online. ``prefix``: where it came from."""
        self._look(now)
        self._expire(now)
        key = (network, member)
        entry = self._entries.get(key)
        full_at = drawn(now if entry is None else entry.full_at, BURST, EVERY_MS, now)
        came_at = entry.came_at if entry is not None and entry.is_online(now) else now
        noted = _Entry(now, requester, now if full_at is None else full_at, came_at)
        self._members.setdefault(network, {})[member] = None
        evicted = self._entries.put(key, prefix, noted)
        if evicted is not None:
            self._leave(*evicted.key)

    def requester(self, network: int, member: int, now: int) -> Requester | None:
        """What an online member asked with; None for one that is not online."""
        entry = self._entries.get((network, member))
        return entry.requester if entry is not None and entry.is_online(now) else None

    def came_within(self, network: int, member: int, ms: int, now: int) -> bool:
        """Whether a member was not there before that, as far as is known."""
        entry = self._entries.get((network, member))
        return entry is None or now - entry.came_at <= ms

    def online(self, network: int, now: int) -> list[int]:
        """The members of a network that are online, in the order they first asked."""
        self._expire(now)
        return list(self._members.get(network, ()))

    def knows_all(self, now: int) -> bool:
        """Whether who is online must have asked by now.

        Not after a restart, nor after a sleep. Nobody asking for long looks like one, and does as
        little harm.
        """
        self._look(now)
        return self._began_at is not None and now - self._began_at >= ONLINE_MS

    def __len__(self) -> int:
        return len(self._entries)

    def _look(self, now: int) -> None:
        if self._began_at is None or now - self._looked_at >= ONLINE_MS:
            self._began_at = now
        self._looked_at = now

    def _expire(self, now: int) -> None:
        while (key := next(iter(self._entries), None)) is not None:
            if self._entries[key].is_online(now):
                return
            self._entries.pop(key)
            self._leave(*key)

    def _leave(self, network: int, member: int) -> None:
        members = self._members[network]
        del members[member]
        if not members:
            del self._members[network]
