"""Whether default routes may lead into networks just now.

Not while nobody answers: the internet is gone then, or such a route has taken it away, and without
it somebody may get in to repair what is wrong. Where it is taken away again and again, the rest
before the next attempt becomes longer.
"""

from __future__ import annotations

from earthline.vl1.peers.topology import Topology

SILENT_MS = 120_000
"""So long no packet of any peer: roots are asked every minute at the latest."""
SOON_MS = 600_000
"""Lost so soon after it came, and it may be to blame itself."""
FIRST_REST_MS = 60_000
MAX_REST_MS = 3_600_000


class DefaultWay:
    """Decides. `leads` is to be asked a few times a minute at least."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._leads_since = 0
        self._answered_since = 0
        self._rest_ms = 0

    def leads(self, now: int, *, online: bool) -> bool:
        """Whether default routes may stand, given whether the node is online."""
        if not (online and self._is_answered(now)):
            self._lose(now)
            return False
        self._answered_since = self._answered_since or now
        if not self._leads_since and now - self._answered_since >= self._rest_ms:
            self._leads_since = now
        return self._leads_since > 0

    def _lose(self, now: int) -> None:
        if self._leads_since:
            is_soon = now - self._leads_since < SOON_MS
            longer = min(max(2 * self._rest_ms, FIRST_REST_MS), MAX_REST_MS)
            self._rest_ms = longer if is_soon else 0
        self._leads_since = self._answered_since = 0

    def _is_answered(self, now: int) -> bool:
        """A root has nobody that it asks: it takes its being there for granted."""
        if self._topology.worlds.acting_as_upstream:
            return True
        peers = self._topology.peers.values()
        return any(now - peer.last_receive < SILENT_MS for peer in peers if peer.last_receive)
