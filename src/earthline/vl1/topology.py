"""The peers in memory, which are upstreams, and which addresses may be paths (02, 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable

from earthline.vl1.local import Local
from earthline.vl1.path import UNKNOWN_LATENCY, PathTable
from earthline.vl1.peer import Peer
from earthline.vl1.worlds import Worlds
from earthline.wire.address import is_reserved
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress, Scope

PEER_LIFETIME_MS = 500_000
"""A peer silent for this long is forgotten; an upstream silent for so long is the last choice."""
PEER_LIMIT = 65_536
"""Peers kept in memory. When it is reached the longest-silent eighth goes, upstreams excepted."""

_WORST_QUALITY = 0xFFFFFFFF
_QUALITY_STEP_MS = 61_000

_PATH_SCOPES = frozenset((Scope.PRIVATE, Scope.PSEUDO_PRIVATE, Scope.SHARED, Scope.GLOBAL))
_TUNNEL_BROKER = InetAddress(bytes.fromhex("20010470") + bytes(12), 32)


def _ignore(_peer: Peer, _now: int) -> None:
    return


class Topology:
    """Who is known. The hooks are told of every peer that is added or dropped."""

    def __init__(self, local: Local, worlds: Worlds, paths: PathTable) -> None:
        self._local = local
        self.worlds = worlds
        self.paths = paths
        self.peers: dict[int, Peer] = {}
        self.upstreams: tuple[int, ...] = ()
        self.peer_limit = PEER_LIMIT
        self.added: Callable[[Peer, int], None] = _ignore
        self.dropped: Callable[[Peer, int], None] = _ignore

    def peer(self, address: int) -> Peer | None:
        return self.peers.get(address)

    def identity_of(self, address: int) -> Identity | None:
        """The identity of a known node, ourselves included."""
        if address == self._local.address:
            return self._local.identity.public
        peer = self.peers.get(address)
        return None if peer is None else peer.identity

    def add(self, identity: Identity, now: int, key: bytes | None = None) -> Peer | None:
        """The peer of an identity to be believed; an existing record is never replaced (3.2).

        ``key`` saves an agreement made already. None for addresses that no peer has.
        """
        if identity.address == self._local.address or is_reserved(identity.address):
            return None
        known = self.peers.get(identity.address)
        if known is not None:
            return known
        if len(self.peers) >= self.peer_limit:
            self._make_room(now)
        peer = Peer(identity, key or self._local.identity.agree(identity), now)
        self.peers[identity.address] = peer
        self.added(peer, now)
        return peer

    def drop(self, peer: Peer, now: int) -> None:
        """Forget a peer."""
        del self.peers[peer.address]
        self.dropped(peer, now)

    def expire(self, now: int) -> None:
        """Forget silent peers that are not upstreams, and paths nobody uses (3.3, 6.1)."""
        for peer in list(self.peers.values()):
            silent = now - peer.last_heard >= PEER_LIFETIME_MS
            if silent and not self.is_contact(peer.address):
                self.drop(peer, now)
        self.paths.forget_unused()

    def _make_room(self, now: int) -> None:
        leaves = [p for p in self.peers.values() if not self.is_contact(p.address)]
        leaves.sort(key=lambda peer: peer.last_heard)
        for peer in leaves[: max(1, self.peer_limit // 8)]:
            self._local.count("peer_evicted")
            self.drop(peer, now)

    # Upstreams

    def recompute(self, now: int) -> None:
        """Derive the upstream set from the worlds and know all its identities (2.4)."""
        roots = self.worlds.roots()
        self.upstreams = tuple(
            root.address for root in roots if root.address != self._local.address
        )
        for root in roots:
            self.add(root, now)

    def is_upstream(self, address: int) -> bool:
        return address in self.upstreams

    def is_contact(self, address: int) -> bool:
        """Whether the node is a root or the seed of a wanted moon (1.5)."""
        return address in self.upstreams or address in self.worlds.seeds()

    def relay_quality(self, peer: Peer, now: int) -> int:
        """How well an upstream serves as relay; lower is better (2.8)."""
        idle = now - peer.last_receive
        if idle >= PEER_LIFETIME_MS or peer.silent_at:
            return _WORST_QUALITY
        best = peer.best(now)
        latency = best.path.latency if best is not None else UNKNOWN_LATENCY
        # Stock nodes take 0 ms for unknown; to us a root on the same LAN is the best there is.
        return max(latency, 1) * (max(idle, 0) // _QUALITY_STEP_MS + 1)

    def ranked_upstreams(self, now: int) -> list[Peer]:
        """Upstreams, best first; of equals the one of the highest address first (2.8)."""
        peers = [self.peers[address] for address in self.upstreams if address in self.peers]
        return sorted(peers, key=lambda peer: (self.relay_quality(peer, now), -peer.address))

    def best_upstream(self, now: int) -> Peer | None:
        """If any upstream exists there is always a best one, even if it was never heard."""
        ranked = self.ranked_upstreams(now)
        return ranked[0] if ranked else None

    # Addresses

    def _is_virtual(self, endpoint: InetAddress) -> bool:
        """Whether it lies in a subnet of our own; one of all there is would leave no way."""
        subnets = (net for net in self._local.assigned_networks() if net.port)
        return any(net.network.contains(endpoint) for net in subnets)

    def usable(self, address: int, endpoint: InetAddress) -> bool:
        """Whether a physical address may become a path to the node (6.2)."""
        return (
            endpoint.scope in _PATH_SCOPES
            and endpoint.port != 0
            and not _TUNNEL_BROKER.contains(endpoint)
            and self.worlds.pinned(address, endpoint.ip)
            and not self._is_virtual(endpoint)
            and self._local.path_allowed(address, endpoint)
        )
