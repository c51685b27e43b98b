"""Reaching out: HELLO, and ECHO where it may stand in for one (02, 3.8 and 3.10)."""

from __future__ import annotations

from earthline.effects import Path
from earthline.vl1.ground.local import ALL_SOCKETS, Local
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.worlds import Worlds
from earthline.vl1.sending import credit
from earthline.vl1.sending.outbound import Outbound
from earthline.wire.inet import InetAddress
from earthline.wire.messages.hello import Hello, tail_mask
from earthline.wire.packet import HEADER_LENGTH, PROTOCOL_VERSION, Suite, Verb, build

SOFTWARE_VERSION = (1, 14, 1)
"""We announce the release whose protocol we speak: peers judge features by it (02, 3.11)."""


_HELLO_LENGTH = 150
"""Roughly: more with moons, and by IPv6."""


def toward(endpoint: InetAddress) -> Path:
    """A path to the address by every bound socket (02, 5.5)."""
    return (ALL_SOCKETS, endpoint.ip, endpoint.port)


def probe_length(peer: Peer) -> int:
    """Bytes of what `Contact.probe` sends by a socket."""
    return HEADER_LENGTH if peer.understands_echo else _HELLO_LENGTH


class Contact:
    """Sends what asks a peer to show itself."""

    def __init__(self, local: Local, worlds: Worlds, outbound: Outbound) -> None:
        self._local = local
        self._worlds = worlds
        self._outbound = outbound

    def hello(self, peer: Peer, path: Path, now: int, *, relayed: bool = False) -> None:
        """HELLO in suite 0, its tail masked (01, 6.5); ``relayed``: by the path of a root."""
        if not relayed:
            peer.tried(path, now)
        self._hello(peer, path, now)

    def _hello(self, peer: Peer, path: Path, now: int) -> None:
        hello = self._sealed_hello(peer, path, now)
        self._outbound.transmit(hello, path, Verb.HELLO, peer.address, now)

    def _sealed_hello(self, peer: Peer, path: Path, now: int) -> bytes:
        packet_id = self._local.packet_id()
        hello = self._compose(InetAddress(path[1], path[2]), now)
        payload = hello.emit(tail_mask(peer.session, packet_id))
        ours = self._local.address
        packet = build(packet_id, peer.address, ours, Verb.HELLO, payload)
        return peer.session.seal(self._outbound.mark(packet, path), Suite.POLY1305)

    def compose_bare(self, path: Path, now: int) -> bytes:
        """The payload of a HELLO that names no worlds, so that its answer carries none either."""
        sent_to = InetAddress(path[1], path[2])
        ours = self._local.identity.public
        hello = Hello(PROTOCOL_VERSION, *SOFTWARE_VERSION, self._local.wall.at(now), ours, sent_to)
        return hello.emit_clear()

    def _compose(self, sent_to: InetAddress, now: int) -> Hello:
        planet = self._worlds.planet
        return Hello(
            PROTOCOL_VERSION,
            *SOFTWARE_VERSION,
            self._local.wall.at(now),
            self._local.identity.public,
            sent_to,
            0 if planet is None else planet.world_id,
            0 if planet is None else planet.timestamp,
            self._worlds.listed_moons(),
        )

    def echo(self, peer: Peer, path: Path, now: int) -> None:
        """An empty ECHO; its OK confirms the path like that of a HELLO."""
        peer.tried(path, now)
        self._outbound.write(peer, path, Verb.ECHO, b"", now)

    def knock(self, peer: Peer, path: Path, now: int, *, hello: bool = False) -> None:
        """The same as `probe` (or HELLO), where the attempt is not worth to be remembered."""
        if peer.understands_echo and not hello:
            self._outbound.write(peer, path, Verb.ECHO, b"", now)
        else:
            self._hello(peer, path, now)

    def probe(self, peer: Peer, path: Path, now: int) -> None:
        """The cheapest contact that the peer is known to understand (02, 3.10)."""
        if peer.understands_echo:
            self.echo(peer, path, now)
        else:
            self.hello(peer, path, now)

    def challenge(self, peer: Peer, path: Path, now: int, *, direct: bool) -> bool:
        """Ask the peer to show that it is there, by what its credit covers; whether by anything.

        A path that is not ``direct`` is its relay's, and asked by as little as can be.
        """
        if direct:
            alone = path[0] in self._local.extra
            everywhere = toward(InetAddress(path[1], path[2]))
            ways = [path] if alone else [everywhere, path]
        else:
            ways = [] if peer.understands_echo else [path]
        hello = self._sealed_hello(peer, path, now) if ways else b""
        for way in ways:
            if credit.pays(peer, path, self._outbound.size_on_wire(hello, way), now):
                if direct:
                    peer.tried(path, now)
                self._outbound.transmit(hello, way, Verb.HELLO, peer.address, now)
                return True
        paid = credit.pays(peer, path, HEADER_LENGTH, now)
        if paid:
            self._outbound.write(peer, path, Verb.ECHO, b"", now)
        return paid

    def look_at(self, peer: Peer, place: InetAddress, now: int) -> None:
        """Probe where the peer says that it is, as often as it has not asked for too much of it."""
        way = toward(place)
        size = probe_length(peer) * self._local.fan_out(way)
        if credit.pays_for_places(peer, size, now):
            self.probe(peer, way, now)
        else:
            self._local.count("places_too_many")
