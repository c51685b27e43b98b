"""From a verb and its payload to datagrams: compress, seal, cut, transmit (02, 5.3; 01, 4)."""

from __future__ import annotations

from earthline import _native
from earthline.effects import Path, Transmit
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.replies import ExpectedReplies
from earthline.vl1.peers.path import PathTable
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.physical import PhysicalNetworks
from earthline.vl1.surface.nat import NatWatch
from earthline.wire.inet import InetAddress
from earthline.wire.packet import (
    FLAG_FRAGMENTED,
    FRAGMENT_HEADER_LENGTH,
    MAX_PACKET,
    Verb,
    build,
    seal_trusted,
)

MAX_PIECES = 7
"""Pieces of one packet that receivers accept (01, 4.3)."""

_FLAGS_OFFSET = 18
"""Of the flags byte in a packet (01, 3.1)."""
_UNANSWERED = frozenset((Verb.OK, Verb.ERROR))
_COUNTED_AS = {verb.value: f"tx_{verb.name.lower()}" for verb in Verb}


class Outbound:
    """Writes packets to paths and registers their wire IDs, so that an OK to them is known."""

    def __init__(
        self,
        local: Local,
        paths: PathTable,
        replies: ExpectedReplies,
        physical: PhysicalNetworks,
        nat: NatWatch,
    ) -> None:
        self._local = local
        self._paths = paths
        self._replies = replies
        self.physical = physical
        self._nat = nat

    def write(
        self,
        peer: Peer,
        path: Path,
        verb: Verb,
        payload: bytes,
        now: int,
        *,
        compress: bool = False,
        trusted_path_id: int = 0,
    ) -> int | None:
        """Seal for the peer and send by the path; the wire ID, or None if too large to deliver."""
        packet = self.compose(peer, path, verb, payload, compress=compress)
        if packet is None:
            return None
        return self.send(peer, path, verb, packet, now, trusted_path_id=trusted_path_id)

    def compose(
        self, peer: Peer, path: Path, verb: Verb, payload: bytes, *, compress: bool = False
    ) -> bytes | None:
        """A packet to be sealed for the peer; None if it is too large to be delivered."""
        packet = build(self._local.packet_id(), peer.address, self._local.address, verb, payload)
        if compress:
            packet = _native.compress(packet)
        mtu = self._mtu(path)
        if len(packet) <= min(mtu, MAX_PACKET):
            return packet
        if len(packet) > _capacity(mtu):
            self._local.count("tx_too_large")
            return None
        return _marked(packet)

    def send(
        self,
        peer: Peer,
        path: Path,
        verb: Verb,
        packet: bytes,
        now: int,
        *,
        trusted_path_id: int = 0,
    ) -> int:
        """Seal what was composed, and send it; the wire ID."""
        if trusted_path_id:
            sealed = seal_trusted(packet, trusted_path_id)
        else:
            sealed = peer.session.seal(packet, peer.suite)
        peer.last_sent = now
        return self.transmit(sealed, path, verb, peer.address, now)

    def size_on_wire(self, packet: bytes, path: Path) -> int:
        """Bytes of all datagrams that a packet takes, by all sockets that the path stands for."""
        mtu, length = self._mtu(path), len(packet)
        if length > mtu:
            length += -(-(length - mtu) // (mtu - FRAGMENT_HEADER_LENGTH)) * FRAGMENT_HEADER_LENGTH
        return length * self._local.fan_out(path)

    def transmit(self, sealed: bytes, path: Path, verb: int, destination: int, now: int) -> int:
        """Cut an armoured packet and send it; register it for a reply; returns its wire ID."""
        packet_id = int.from_bytes(sealed[:8], "big")
        self._local.count(_COUNTED_AS[verb])
        if verb not in _UNANSWERED:
            self._replies.expect(packet_id, verb, destination, path)
        for datagram in _native.fragment(sealed, self._mtu(path)):
            self._local.emit(Transmit(path, datagram))
        self._sent_by(path, verb, now)
        return packet_id

    def probe(self, peer: Peer, path: Path, payload: bytes, now: int) -> int:
        """An ECHO in one datagram, above the path's MTU: whole or not at all; its wire ID."""
        ours = self._local.address
        packet = build(self._local.packet_id(), peer.address, ours, Verb.ECHO, payload)
        sealed = peer.session.seal(packet, peer.suite)
        packet_id = int.from_bytes(sealed[:8], "big")
        self._local.count("tx_echo")
        self._replies.expect(packet_id, Verb.ECHO, peer.address, path)
        self._local.emit(Transmit(path, sealed, dont_fragment=True))
        self._sent_by(path, Verb.ECHO, now)
        return packet_id

    def _sent_by(self, path: Path, verb: int, now: int) -> None:
        """Note that something left by the path, if it is one we keep."""
        self._nat.sent(path, now)
        state = self._paths.find(path)
        if state is not None:
            state.last_out = now
            if verb == Verb.ECHO:
                state.echo_sent_at = now

    def _mtu(self, path: Path) -> int:
        return self.physical.mtu(InetAddress(path[1], path[2]))

    def mark(self, packet: bytes, path: Path) -> bytes:
        """Set the fragmented flag of a plain packet where the path's MTU needs it (01, 4.2)."""
        return packet if len(packet) <= self._mtu(path) else _marked(packet)


def _capacity(mtu: int) -> int:
    """Bytes of the largest packet that arrives in pieces of a size."""
    return min(MAX_PACKET, mtu + (MAX_PIECES - 1) * (mtu - FRAGMENT_HEADER_LENGTH))


def _marked(packet: bytes) -> bytes:
    marked = bytearray(packet)
    marked[_FLAGS_OFFSET] |= FLAG_FRAGMENTED
    return bytes(marked)
