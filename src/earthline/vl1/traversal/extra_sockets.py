"""Sockets beside the ordinary ones, each opened for one purpose and closed after it.

What is sent "by every socket" (02, 5.5) never leaves by these; a path that was found by one of
them is used like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from earthline.bounded import FairTable
from earthline.effects import CloseSockets, OpenSockets, SocketsOpened
from earthline.vl1.ground.local import Local
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.topology import Topology
from earthline.vl1.surface.surface import Surface

Opened: TypeAlias = Callable[[tuple[int, ...], int], None]
"""(socket numbers, now)"""

MAX_KEPT = 64
"""Sockets kept for the paths that they found; of more, the one goes that was found first."""


class ExtraSockets:
    """Opens and closes them. ``changed`` is called when a peer lost a path thereby."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        surface: Surface,
        changed: Callable[[Peer, int], None],
    ) -> None:
        self._local = local
        self._topology = topology
        self._surface = surface
        self._changed = changed
        self._tokens = 0
        self._asked: dict[int, Opened] = {}
        self._kept: FairTable[int, int, int] = FairTable(MAX_KEPT)
        """Socket → the peer whose path leads by it, which holds it."""

    def open(self, like: int, count: int, opened: Opened) -> None:
        """Have sockets opened on the IP of an ordinary one; ``opened`` gets those there are."""
        self._tokens += 1
        self._asked[self._tokens] = opened
        self._local.emit(OpenSockets(self._tokens, like, count))

    def opened(self, event: SocketsOpened, now: int) -> None:
        """The host's answer."""
        opened = self._asked.pop(event.token, None)
        if opened is None:
            return
        self._local.extra.update(event.sockets)
        opened(tuple(number for number, _ in event.sockets), now)

    def close(self, numbers: Iterable[int], now: int) -> None:
        """Close sockets, and drop the paths of peers that led by them."""
        closed = {number for number in numbers if number in self._local.extra}
        if not closed:
            return
        for number in closed:
            del self._local.extra[number]
        self._local.emit(CloseSockets(tuple(sorted(closed))))
        self._surface.forget_sockets(closed)
        for peer in list(self._topology.peers.values()):
            kept = [slot for slot in peer.slots if slot.path.socket not in closed]
            if len(kept) < len(peer.slots):
                peer.slots = kept
                self._changed(peer, now)

    def keep(self, number: int, address: int, now: int) -> None:
        """Leave a socket open as long as it has a path of the peer."""
        evicted = self._kept.put(number, address, address)
        if evicted is not None:
            self.close([evicted.key], now)

    def expire(self, now: int) -> None:
        """Close the sockets whose paths are given up."""
        for number, address in list(self._kept.items()):
            peer = self._topology.peer(address)
            slots = [] if peer is None else peer.slots
            if not any(s.path.socket == number and not s.expired(now) for s in slots):
                self._kept.pop(number)
                self.close([number], now)

    def follow(self, now: int) -> None:
        """The ordinary sockets are others now: close what sits on an IP that is gone."""
        bound = {address.ip for address in self._local.sockets.values()}
        self.close([n for n, at in self._local.extra.items() if at.ip not in bound], now)
