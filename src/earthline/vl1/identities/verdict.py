"""What follows once it is known whether an address belongs to a key."""

from __future__ import annotations

from collections.abc import Callable

from earthline.vl1.ground.local import Local
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.topology import Topology
from earthline.wire.address import format_address
from earthline.wire.identity import Identity

FORGED_KEPT = 1_024
"""Forged identities remembered, the oldest first to go: neither believed nor reported twice."""


class Verdicts:
    """Keeps the peers true to it. ``vouched`` is called for a peer that is found to be genuine."""

    def __init__(
        self, local: Local, topology: Topology, vouched: Callable[[Peer, int], None]
    ) -> None:
        self._local = local
        self._topology = topology
        self._vouched = vouched
        self._forged: dict[Identity, None] = {}

    def forged(self, identity: Identity) -> bool:
        """Whether it was found out before."""
        return identity in self._forged

    def apply(self, identity: Identity, now: int, *, valid: bool) -> None:
        """A peer of this identity is genuine, or it goes: but what a signed world lists stays."""
        peer = self._topology.peer(identity.address)
        if peer is None or peer.identity != identity:
            return
        if valid:
            peer.genuine = True
            self._vouched(peer, now)
            return
        peer.forged = True
        self.expose(identity, peer.named_by)
        if not self._topology.worlds.lists(identity):
            self._topology.drop(peer, now)

    def expose(self, identity: Identity, named_by: int) -> None:
        """An identity is not what a root, if any, said it was: told once, and not taken again."""
        if identity in self._forged:
            return
        while len(self._forged) >= FORGED_KEPT:
            del self._forged[next(iter(self._forged))]
        self._forged[identity] = None
        self._local.count("identity_forged")
        self._local.report(
            "identity_forged",
            address=format_address(identity.address),
            named_by=format_address(named_by) if named_by else "",
        )
