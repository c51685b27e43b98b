"""The peers in memory, which are upstreams, and which addresses may be paths (02, 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from earthline.bounded import FairTable
from earthline.vl1.ground.local import Local
from earthline.vl1.peers.path import UNKNOWN_LATENCY, PathTable
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.worlds import Worlds
from earthline.wire.address import is_reserved
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress, Scope, Subnets

PEER_LIFETIME_MS = 500_000
"""A peer silent for this long is forgotten; an upstream silent for so long is the last choice."""
PEER_LIMIT = 65_536
"""Peers kept in memory; for who goes when they are so many see `Topology`."""
SECOND_CHANCES = 8
"""Strangers heard since they were last looked at, and so passed over, per stranger that goes."""
LOOKED_AT = 64
"""Acquaintances looked at to find one that may go."""

OURS = -1
"""In place of a source prefix: we ourselves had reason to know the peer."""

_WORST_QUALITY = 0xFFFFFFFF
"""Of a relay that was silent for the lifetime of a peer (02, 2.8)."""
_QUALITY_STEP_MS = 61_000
"""Each such time of silence counts as its latency once more (02, 2.8)."""

_PATH_SCOPES = frozenset((Scope.PRIVATE, Scope.PSEUDO_PRIVATE, Scope.SHARED, Scope.GLOBAL))
_TUNNEL_BROKER = InetAddress(bytes.fromhex("20010470") + bytes(12), 32)
"""2001:470::/32, a tunnel broker: never a path (02, 6.2)."""


def _ignore(_peer: Peer, _now: int) -> None:
    return


def _nobody(_address: int) -> bool:
    return False


class Topology:
    """Who is known. The hooks are told of every peer that is added or dropped.

    When the table is full, one peer goes for each that comes: of the strangers the oldest of the
    source prefix that made most of them come up, so that nobody fills the table but with records
    of their own. A stranger that is found to share a network with us becomes an acquaintance, as
    those are that we asked for ourselves. They go only when there are no strangers. Upstreams, and
    nodes our networks rely on, never go.
    """

    def __init__(self, local: Local, worlds: Worlds, paths: PathTable) -> None:
        self._local = local
        self.worlds = worlds
        self.paths = paths
        self.peers: dict[int, Peer] = {}
        self.upstreams: tuple[int, ...] = ()
        self.peer_limit = PEER_LIMIT
        self.relied_on: Callable[[int], bool] = _nobody
        """Whether a node is the controller of a network of ours."""
        self._strangers: FairTable[int, int, Peer] = FairTable(PEER_LIMIT)
        """By address, held by the source prefixes."""
        self._acquaintances: dict[int, None] = {}
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

    def add(
        self,
        identity: Identity,
        now: int,
        key: bytes | None = None,
        *,
        prefix: int = OURS,
        genuine: bool = False,
    ) -> Peer | None:
        """The peer of an identity to be believed; an existing record is never replaced (02, 3.2).

        ``key`` saves an agreement made already; ``prefix``: whose packets are the reason for it;
        ``genuine``: its address was proved. None for addresses that no peer has.
        """
        if identity.address == self._local.address or is_reserved(identity.address):
            return None
        known = self.peers.get(identity.address)
        if known is not None:
            known.genuine |= genuine and known.identity == identity
            return known
        if len(self.peers) >= self.peer_limit:
            self._make_room(now)
        peer = Peer(identity, key or self._local.identity.agree(identity), now, genuine=genuine)
        self.peers[identity.address] = peer
        if prefix == OURS:
            self._acquaintances[identity.address] = None
        else:
            self._strangers.put(identity.address, prefix, peer)
        self.added(peer, now)
        return peer

    def drop(self, peer: Peer, now: int) -> None:
        """Forget a peer."""
        del self.peers[peer.address]
        self._strangers.pop(peer.address)
        self._acquaintances.pop(peer.address, None)
        self.dropped(peer, now)

    def must_prove(self, address: int) -> bool:
        """Whether a node's address has to be proved before it is relied on at all."""
        return self.relied_on(address) or address in self.worlds.seeds()

    def believed(self, peer: Peer) -> bool:
        """Whether the identity of a peer was proved, or is signed in a world."""
        return peer.genuine or self.worlds.lists(peer.identity)

    def expire(self, now: int) -> None:
        """Forget silent peers that are not upstreams, and paths nobody uses (02, 3.3, 6.1)."""
        for peer in list(self.peers.values()):
            silent = now - peer.last_heard >= PEER_LIFETIME_MS
            if silent and not self.is_contact(peer.address):
                self.drop(peer, now)
        self.paths.forget_unused()

    # Room

    def _make_room(self, now: int) -> None:
        """Forget one peer, without a look at all of them."""
        peer = self._stranger_to_go(now) or self._acquaintance_to_go(now)
        if peer is not None:
            self._local.count("peer_evicted")
            peer.evicted = True
            self.drop(peer, now)

    def _stranger_to_go(self, now: int) -> Peer | None:
        """Each becomes an acquaintance at most once, so that the loop is paid for beforehand."""
        chances = SECOND_CHANCES
        while (address := self._strangers.next_to_go()) is not None:
            peer = self.peers[address]
            if self._dear(peer) or peer.trusted(now):
                self._strangers.pop(address)
                self._acquaintances[address] = None
            elif chances and peer.last_receive > peer.passed_over_at:
                chances -= 1
                peer.passed_over_at = now
                self._strangers.touch(address)
            else:
                return peer
        return None

    def _acquaintance_to_go(self, now: int) -> Peer | None:
        """The oldest that shares no network with us just now, else the oldest that may go."""
        last: Peer | None = None
        for address in list(islice(self._acquaintances, LOOKED_AT)):
            peer = self.peers[address]
            if not self._dear(peer):
                if not peer.trusted(now):
                    return peer
                last = last or peer
            self._acquaintances[address] = self._acquaintances.pop(address)
        return last

    def _dear(self, peer: Peer) -> bool:
        return self.is_contact(peer.address) or self.relied_on(peer.address)

    # Upstreams

    def recompute(self, now: int) -> None:
        """Derive the upstream set from the worlds and know all its identities (02, 2.4)."""
        roots = self.worlds.roots()
        self.upstreams = tuple(
            root.address for root in roots if root.address != self._local.address
        )
        for root in roots:
            known = self.peers.get(root.address)
            if known is not None and known.identity != root and not known.genuine:
                # What a signature says is worth more than what somebody said of a stranger.
                self.drop(known, now)
            self.add(root, now)

    def is_upstream(self, address: int) -> bool:
        return address in self.upstreams

    def is_contact(self, address: int) -> bool:
        """Whether the node is a root or the seed of a wanted moon (02, 1.5)."""
        return address in self.upstreams or address in self.worlds.seeds()

    def relay_quality(self, peer: Peer, now: int) -> int:
        """How well an upstream serves as relay; lower is better (02, 2.8)."""
        idle = now - peer.last_receive
        if idle >= PEER_LIFETIME_MS or peer.silent_at:
            return _WORST_QUALITY
        best = peer.best(now)
        latency = best.path.latency if best is not None else UNKNOWN_LATENCY
        # Stock nodes take 0 ms for unknown; to us a root on the same LAN is the best there is.
        return max(latency, 1) * (max(idle, 0) // _QUALITY_STEP_MS + 1)

    def ranked_upstreams(self, now: int) -> list[Peer]:
        """Upstreams, best first; of equals the one of the highest address first (02, 2.8)."""
        peers = [self.peers[address] for address in self.upstreams if address in self.peers]
        return sorted(peers, key=lambda peer: (self.relay_quality(peer, now), -peer.address))

    def best_upstream(self, now: int) -> Peer | None:
        """If any upstream exists there is always a best one, even if it was never heard."""
        ranked = self.ranked_upstreams(now)
        return ranked[0] if ranked else None

    # Addresses

    def usable(self, address: int, endpoint: InetAddress) -> bool:
        """Whether a physical address may become a path to the node (02, 6.2)."""
        return any(self.usable_of(address, (endpoint,)))

    def usable_of(self, address: int, endpoints: Iterable[InetAddress]) -> Iterator[InetAddress]:
        """Those of physical addresses that may become paths to the node, as they are asked for.

        They never lie in a virtual subnet of our own; one of all there is would leave no way. But a
        cable whose subnet is at least as narrow is the better way: the kernel takes it, too.
        """
        virtual = Subnets(net for net in self._local.assigned_networks() if net.port)
        for endpoint in endpoints:
            if (
                endpoint.scope in _PATH_SCOPES
                and endpoint.port != 0
                and not _TUNNEL_BROKER.contains(endpoint)
                and self.worlds.pinned(address, endpoint.ip)
                and virtual.longest(endpoint) <= self._local.on_link.longest(endpoint)
                and self._local.path_allowed(address, endpoint)
            ):
                yield endpoint
