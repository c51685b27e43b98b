"""New and vanished UDP sockets: peers must be found again by those left (02, 7.8 and 7.9)."""

from __future__ import annotations

from collections.abc import Callable

from earthline.effects import SocketsChanged
from earthline.vl1.contact import Contact, toward
from earthline.vl1.local import ALL_SOCKETS, Local
from earthline.vl1.peer import Peer
from earthline.vl1.topology import Topology


class SocketChange:
    """Applies the host's list of sockets."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        contact: Contact,
        changed: Callable[[Peer, int], None],
    ) -> None:
        self._local = local
        self._topology = topology
        self._contact = contact
        self._changed = changed

    def apply(self, event: SocketsChanged, now: int) -> bool:
        """Take the new list; whether it differs in sockets, so that upstreams must be told."""
        before = self._local.sockets
        self._local.sockets = dict(event.sockets)
        self._local.mapped = event.mapped
        if before == self._local.sockets:
            return False
        moved = {number for number, at in before.items() if self._local.sockets.get(number) != at}
        if moved:
            self._leave(moved, now)
        return True

    def _leave(self, gone: set[int], now: int) -> None:
        """Drop the paths of closed sockets, and greet their peers by the others at once."""
        for peer in list(self._topology.peers.values()):
            lost = [s for s in peer.slots if s.path.socket in gone and s.path.socket != ALL_SOCKETS]
            if not lost:
                continue
            peer.slots = [slot for slot in peer.slots if slot not in lost]
            for endpoint in dict.fromkeys(slot.path.address for slot in lost):
                self._contact.hello(peer, toward(endpoint), now)
            self._changed(peer, now)
