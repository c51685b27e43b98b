"""Peers remembered over restarts (02, 3.3; 05, 2.5).

u8 2, identity 71, u16 protocol, u16 major, u16 minor, u16 revision,
u16 count, count x inet, u8 1 if the address was found to belong to the key
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from heapq import nlargest
from itertools import islice

from earthline.effects import Store
from earthline.vl1.gates import prefix_key
from earthline.vl1.local import Local
from earthline.vl1.peer import MAX_SLOTS, Peer, Version
from earthline.vl1.topology import OURS, Topology
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress, read_inet
from earthline.wire.reader import Malformed, Reader

RENEW_MS = 3_600_000
"""The age of a record tells when a peer was last heard, as exactly as this."""
MAX_RENEWED = 256
"""Records stored again, though they are the same, at a time."""
MAX_RENEWED_AT_STOP = 1024
_FORMAT = 2
_GENUINE = 1
_VERSIONS = struct.Struct(">HHHHH")


class PeerCache:
    """Hands records to the host to store whenever they differ from what it has.

    The host goes by their age, so those of peers that are still heard are handed over again.
    """

    def __init__(self, local: Local, topology: Topology) -> None:
        self._local = local
        self._topology = topology

    def save(self, peer: Peer) -> None:
        """Store a peer's record if it has changed."""
        record = _record(peer)
        if record != peer.stored:
            self._store(peer, record)

    def save_all(self) -> None:
        """Store every record that has changed, and renew some of those that have not for long."""
        for peer in self._topology.peers.values():
            self.save(peer)
        self._renew(islice(self._heard_since(RENEW_MS), MAX_RENEWED))

    def save_before_stop(self) -> None:
        """The same, but renew those heard last: they are the first to be known again."""
        for peer in self._topology.peers.values():
            self.save(peer)
        heard = self._heard_since(1)
        self._renew(nlargest(MAX_RENEWED_AT_STOP, heard, key=lambda peer: peer.last_receive))

    def forget(self, peer: Peer) -> None:
        """Have the record of a peer deleted, if there is one."""
        if peer.stored:
            self._local.emit(Store("peer", peer.address, None))

    def _heard_since(self, for_ms: int) -> Iterator[Peer]:
        """Peers heard at least so long after what the host was last told."""
        peers = self._topology.peers.values()
        return (peer for peer in peers if peer.last_receive - peer.stored_heard_at >= for_ms)

    def _renew(self, peers: Iterable[Peer]) -> None:
        for peer in peers:
            self._store(peer, peer.stored)

    def _store(self, peer: Peer, record: bytes) -> None:
        peer.stored = record
        peer.stored_heard_at = peer.last_heard
        self._local.emit(Store("peer", peer.address, record))

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
    reached = dict.fromkeys(slot.path.address for slot in peer.slots)
    addresses = tuple(reached) or peer.cached_addresses
    return record_of(peer.identity, peer.protocol, peer.version, addresses, genuine=peer.genuine)
