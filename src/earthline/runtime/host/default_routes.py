"""Whether the ways to everywhere else are others than they were.

Most news of default routes are none: a router's advertisement has the same route set again, by a
replacement or by deleting and adding it, as often as the router likes.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from earthline.runtime.base.watch import Watch
from earthline.runtime.host.netlink import Change, DefaultRoute

LOOK_S = 30.0
"""Default routes are looked up again after this time, should the kernel have told nothing."""


class DefaultRoutes:
    """Reports a difference once its burst of news is over. `watch` is to be run."""

    def __init__(self, report: Callable[[], None]) -> None:
        self._report = report
        self._known: set[DefaultRoute] = set()
        self._lost: set[DefaultRoute] = set()
        """Deleted in the burst that goes on, and not back yet."""
        self._gained = False
        self.watch = Watch("routes", LOOK_S, self._look)

    def note(self, change: Change) -> None:
        """Take one piece of news."""
        if change.default_route is None:
            return
        if change.gone:
            self._known.discard(change.default_route)
            self._lost.add(change.default_route)
        else:
            self._note_there(change.default_route, replaces=change.replaces)
        self.watch.wake()

    def _note_there(self, route: DefaultRoute, *, replaces: bool) -> None:
        # Added though it is known: the kernel tells nobody which IPv4 routes go with a link or an
        # address, so it must have been away.
        same = route in self._lost or (replaces and route in self._known)
        self._lost.discard(route)
        self._gained |= not same
        if replaces or route.family == socket.AF_INET:
            # There is one IPv4 route of a metric. What has made room for this one is not told.
            self._known = {known for known in self._known if not known.makes_room_for(route)}
        self._known.add(route)

    def forget(self) -> None:
        """News were lost: whatever is said next is new."""
        self._known.clear()

    async def _look(self) -> None:
        if self._lost or self._gained:
            self._lost.clear()
            self._gained = False
            self._report()
