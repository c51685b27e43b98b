"""Connections to the API: how many there may be, and whose has to end for the next.

Anybody on this machine can connect, and others where the settings let them. So there are fewer
connections than the node has files to spare, nobody is refused because others came first, and who
has the most gives one up: a user of this machine, or an address of another.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Protocol

MAX_CONNECTIONS = 256
"""Far below the 1024 files that the rest of the service may count on."""
LOOK_UP_S = 1.0
"""The kernel's table of sockets may be long, and is read no more often."""
IPV6_HOLDER_BITS = 64
"""One machine may have as many addresses as there are."""

Holder = tuple[str, object]
UNKNOWN: Holder = ("unknown", None)
"""Connections of this machine that nobody looked up yet."""


class Connection(Protocol):
    """What is known of a connection."""

    @property
    def source(self) -> tuple[str, int]: ...
    @property
    def busy(self) -> bool:
        """Whether a whole request was made that is not answered yet."""

    def end(self) -> None:
        """Close it at once, whatever is still to be sent."""


class Connections:
    """All of them, by who holds them."""

    def __init__(
        self,
        look_up: Callable[[], dict[tuple[str, int], int]],
        most: int = MAX_CONNECTIONS,
    ) -> None:
        """``look_up`` tells the uid of each end of a connection that is on this machine."""
        self._look_up = look_up
        self._most = most
        self._holders: dict[Holder, dict[Connection, None]] = {}
        self._holder_of: dict[Connection, Holder] = {}
        self._looked_up_at = float("-inf")

    def __len__(self) -> int:
        return len(self._holder_of)

    def enter(self, connection: Connection, now: float) -> None:
        """One more; another one ends for it if there are enough. ``now`` in seconds."""
        self._put(connection, _holder(connection.source[0]))
        if len(self._holder_of) > self._most:
            self._end_one(now)

    def used(self, connection: Connection) -> None:
        """It made a request: it is the last of its holder's to end."""
        if (holder := self._holder_of.get(connection)) is not None:
            self._put(connection, holder)

    def leave(self, connection: Connection) -> None:
        """It is closed. Idempotent."""
        holder = self._holder_of.pop(connection, None)
        if holder is not None:
            self._holders[holder].pop(connection)
            if not self._holders[holder]:
                del self._holders[holder]

    def _put(self, connection: Connection, holder: Holder) -> None:
        self.leave(connection)
        self._holder_of[connection] = holder
        self._holders.setdefault(holder, {})[connection] = None

    def _end_one(self, now: float) -> None:
        """The longest unused of the largest holder; one that waits for its answer comes last."""
        if UNKNOWN in self._holders and now - self._looked_up_at >= LOOK_UP_S:
            self._looked_up_at = now
            self._name_holders()
        largest = max(self._holders.values(), key=len)
        ending = next((found for found in largest if not found.busy), next(iter(largest)))
        self.leave(ending)
        ending.end()

    def _name_holders(self) -> None:
        try:
            uids = self._look_up()
        except OSError:  # without names they are one holder
            return
        for connection in list(self._holders[UNKNOWN]):
            if (uid := uids.get(connection.source)) is not None:
                self._put(connection, ("uid", uid))


def _holder(ip: str) -> Holder:
    address = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return UNKNOWN
    if address.version == 6:
        return "network", ipaddress.ip_network((address, IPV6_HOLDER_BITS), strict=False)
    return "address", address
