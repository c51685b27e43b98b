"""Looking for a peer where it once was, or where the operator says it may be (02, 3.3 and 7.11)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from earthline.vl1.ground.local import Local
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending.contact import Contact, toward
from earthline.wire.inet import InetAddress

HINT_INTERVAL_MS = 30_000
"""A static hint is tried at most this often per peer (02, 4.10)."""


def _no_hints(_address: int) -> Sequence[InetAddress]:
    return ()


class Seek:
    """Tries addresses for peers without a live direct path. ``hints`` is the operator's table."""

    def __init__(self, local: Local, topology: Topology, contact: Contact) -> None:
        self._local = local
        self._topology = topology
        self._contact = contact
        self.hints: Callable[[int], Sequence[InetAddress]] = _no_hints

    def look_for(self, peer: Peer, now: int) -> None:
        """HELLO to every cached address, once, and to one hint at a time."""
        cached, peer.cached_addresses = peer.cached_addresses, ()
        for endpoint in cached:
            self._try(peer, endpoint, now)
        hints = self.hints(peer.address)
        if hints and now - peer.hint_tried_at >= HINT_INTERVAL_MS:
            peer.hint_tried_at = now
            self._try(peer, hints[self._local.entropy(1)[0] % len(hints)], now)

    def _try(self, peer: Peer, endpoint: InetAddress, now: int) -> None:
        if self._topology.usable(peer.address, endpoint):
            self._contact.hello(peer, toward(endpoint), now)
