"""What is kept of sending to one group, and what the switch is told for one frame (03, 8.5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from earthline.bounded import FairQueue
from earthline.effects import InstallMulticast

if TYPE_CHECKING:
    from earthline.effects import InstallReplicator
    from earthline.vl2.multicast.groups import GroupKey

QUEUE_LIMIT = 32
"""Frames of one group queued for members learned late."""


class Incoming(NamedTuple):
    """A frame to send: our own, or that of the member ``origin``."""

    frame: bytes
    origin: int


def entry_of(
    key: GroupKey, recipients: list[int], gather_limit: int, refresh_at: int
) -> InstallMulticast:
    """What makes the switch send a group's frames to these, until ``refresh_at``."""
    network, (mac, adi) = key
    return InstallMulticast(network, mac, adi, tuple(recipients), gather_limit, refresh_at)


@dataclass(frozen=True, slots=True)
class Shipment:
    """A frame, whom it goes to, and how many more members it asks for on the way."""

    key: GroupKey
    frame: bytes
    recipients: list[int]
    gather_limit: int
    origin: int = 0
    """The member for which we replicate it; 0: it is our own."""

    def entry(self, refresh_at: int) -> InstallMulticast:
        """What makes the switch send it so."""
        return entry_of(self.key, self.recipients, self.gather_limit, refresh_at)


@dataclass(slots=True)
class Queued:
    """A frame for members learned late."""

    frame: bytes
    until: int
    sent: set[int]
    """Who has it, or sent it."""
    origin: int


@dataclass(slots=True)
class Sending:
    """What we know of sending to one group."""

    asked_at: int | None = None
    queue: FairQueue[int, Queued] = field(default_factory=lambda: FairQueue(QUEUE_LIMIT))
    """By whose they are: a member's that we replicate for push out none of ours."""
    settled: InstallMulticast | InstallReplicator | None = None
    unreached: set[int] = field(default_factory=set)
    """Recipients without a route, whom queued frames still await."""

    def is_settled_for(self, limit: int) -> bool:
        """Whether the switch has as many recipients as a frame may have."""
        settled = self.settled
        return isinstance(settled, InstallMulticast) and len(settled.recipients) >= limit

    def waits_for_members(self, limit: int) -> bool:
        """Whether a queued frame may go to one more than have it, or wait for a route already."""
        return any(len(queued.sent) + len(self.unreached) < limit for queued in self.queue)

    def expire(self, now: int) -> bool:
        """Forget old frames; whether any is left in the queue."""
        self.queue.take(lambda queued: queued.until <= now)
        if not self.queue:
            self.unreached.clear()
        return len(self.queue) > 0
