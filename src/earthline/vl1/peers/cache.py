"""Peers remembered over restarts (02, 3.3; 05, 2.5).

u8 2, identity 71, u16 protocol, u16 major, u16 minor, u16 revision,
u16 count, count x inet, u8 1 if the address was found to belong to the key
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from heapq import nlargest
from itertools import islice

from earthline.bounded import FairTable
from earthline.effects import Store
from earthline.vl1.ground.gates import prefix_key
from earthline.vl1.ground.local import Local
from earthline.vl1.peers.peer import MAX_SLOTS, STRANGERS, Peer, Version
from earthline.vl1.peers.topology import OURS, Topology
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress, read_inet
from earthline.wire.reader import Malformed, Reader

RENEW_MS = 3_600_000
"""The age of a record tells when a peer was last heard, as exactly as this."""
MAX_RENEWED = 256
"""Records stored again, though they are the same, at a time."""
MAX_RENEWED_AT_STOP = 1024
"""Records written again when the node stops: a stop has to end within seconds."""
MAX_RECORDS = 4_096
"""Records that the host keeps; of more, the oldest goes of the source prefix that has most."""
_FORMAT = 2
"""First byte of a record: the stock format's number (02, 3.3)."""
_GENUINE = 1
"""A bit of our own after the paths, which stock nodes do not read."""
_VERSIONS = struct.Struct(">HHHHH")


class PeerCache:
    """Hands records to the host to store whenever they differ from what it has.

    The host goes by their age, so those of peers that are still heard are handed over again. New
    identities are cheap, and a disk is not for whoever makes most of them: so there are only so
    many records, held by the places that the peers were reached at. A peer that shares a network
    with us holds its own.
    """

    def __init__(self, local: Local, topology: Topology) -> None:
        self._local = local
        self._topology = topology
        self._kept: FairTable[int, int, None] = FairTable(MAX_RECORDS)
        """By address: those that the host has."""

    def save(self, peer: Peer, now: int) -> None:
        """Store a peer's record if it has changed."""
        record = _record(peer)
        if record != peer.stored:
            self._store(peer, record, now)

    def save_all(self, now: int) -> None:
        """Store every record that has changed, and renew some of those that have not for long."""
        for peer in self._topology.peers.values():
            self.save(peer, now)
        self._renew(islice(self._heard_since(RENEW_MS), MAX_RENEWED), now)

    def save_before_stop(self, now: int) -> None:
        """The same, but renew those heard last: they are the first to be known again."""
        for peer in self._topology.peers.values():
            self.save(peer, now)
        heard = self._heard_since(1)
        self._renew(nlargest(MAX_RENEWED_AT_STOP, heard, key=lambda peer: peer.last_receive), now)

    def forget(self, peer: Peer) -> None:
        """Have the record of a peer deleted, if there is one."""
        if peer.stored:
            self._kept.pop(peer.address)
            self._local.emit(Store("peer", peer.address, None))

    def _heard_since(self, for_ms: int) -> Iterator[Peer]:
        """Peers heard at least so long after what the host was last told."""
        peers = self._topology.peers.values()
        return (peer for peer in peers if peer.last_receive - peer.stored_heard_at >= for_ms)

    def _renew(self, peers: Iterable[Peer], now: int) -> None:
        for peer in peers:
            self._store(peer, peer.stored, now)

    def _store(self, peer: Peer, record: bytes, now: int) -> None:
        peer.stored = record
        peer.stored_heard_at = peer.last_heard
        self._keep(peer.address, peer.address if peer.trusted(now) else _place_of(_reached(peer)))
        self._local.emit(Store("peer", peer.address, record))

    def _keep(self, address: int, holder: int) -> None:
        evicted = self._kept.put(address, holder, None)
        if evicted is not None:
            self._local.emit(Store("peer", evicted.key, None))

    def load(self, data: bytes, now: int) -> Peer | None:
        """Know a peer again: versions are restored, addresses are only remembered to be tried.

        None if the peer is known already; raises `Malformed`.
        """
        reader = Reader(data)
        if (kind := reader.u8()) != _FORMAT:
            raise Malformed(f"peer record of format {kind}")
        identity = Identity.read(reader)
        protocol, major, minor, revision, count = _VERSIONS.unpack(reader.take(_VERSIONS.size))
        addresses = [read_inet(reader) for _ in range(min(count, MAX_SLOTS))]
        genuine = not reader.done and reader.u8() == _GENUINE
        self._keep(identity.address, _place_of([a for a in addresses if a is not None]))
        if self._topology.peer(identity.address) is not None:
            return None
        known = next((address for address in addresses if address is not None), None)
        prefix = OURS if known is None else prefix_key(known.ip)
        peer = self._topology.add(identity, now, prefix=prefix, genuine=genuine)
        if peer is not None:
            peer.protocol, peer.version = protocol, Version(major, minor, revision)
            peer.cached_addresses = tuple(a for a in addresses if a is not None)
            peer.stored = data
        return peer


def record_of(
    identity: Identity,
    protocol: int = 0,
    version: Version = Version(),  # noqa: B008 - a constant
    addresses: Sequence[InetAddress] = (),
    *,
    genuine: bool = False,
) -> bytes:
    """What is stored of a peer; by default nothing but who it says it is."""
    versions = _VERSIONS.pack(protocol, *version, len(addresses))
    encoded = b"".join(address.emit() for address in addresses)
    proof = bytes([_GENUINE]) if genuine else b""
    return bytes([_FORMAT]) + identity.emit() + versions + encoded + proof


def _record(peer: Peer) -> bytes:
    addresses = _reached(peer)
    return record_of(peer.identity, peer.protocol, peer.version, addresses, genuine=peer.genuine)


def _reached(peer: Peer) -> tuple[InetAddress, ...]:
    return tuple(dict.fromkeys(slot.path.address for slot in peer.slots)) or peer.cached_addresses


def _place_of(addresses: Sequence[InetAddress]) -> int:
    """Who holds a record: a source prefix, never to be taken for a node's address."""
    return ~prefix_key(addresses[0].ip) if addresses else STRANGERS
