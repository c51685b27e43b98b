"""What fills the tables of the peer engine: peers that are looked after, asked for, introduced."""

from __future__ import annotations

import itertools
from collections import deque
from unittest.mock import patch

from earthline.effects import (
    OpenSockets,
    PacketReceived,
    PairRelayed,
    SocketsOpened,
    Transmit,
)
from earthline.vl1.engine import PeerEngine
from earthline.vl1.paths.vigil import MAX_TRIALS
from earthline.vl1.peers.peer import Peer
from earthline.vl1.sending.approach import MAX_WAITING as APPROACHED
from earthline.vl1.traversal.extra_sockets import MAX_KEPT
from earthline.vl1.traversal.fresh import MAX_TRIALS as FRESH_TRIALS
from earthline.vl1.traversal.fresh import PATIENCE
from earthline.vl1.traversal.punch import MAX_WANTED
from earthline.vl1.traversal.spray import MAX_KNOWN, Attempt
from earthline.vl1.verbs import rendezvous
from earthline.vl1.verbs.rendezvous import MAX_PAIRS
from earthline.vl1.verbs.whois import MAX_FOREIGN, MAX_TARGETS, PACE_MS
from earthline.vl1.verbs.whois import MAX_WAITING as WHOIS_WAITING
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress
from earthline.wire.messages.ok import Ok, OkWhois
from earthline.wire.messages.rendezvous import Rendezvous
from earthline.wire.packet import Verb
from peer_engine import (
    HERE,
    HONEST_NET,
    NOW,
    ROOT,
    SEEN,
    STRANGE_NET,
    engine,
    known,
    path,
    place,
    strange,
    who,
)
from tables import MORE, fill_alone, fills, overfill


def _looked_after(node: PeerEngine, enter, table, bound: int) -> None:
    """Members hold their own entries, strangers one share together."""

    def entered(peer: Peer) -> int:
        enter(peer)
        return peer.address

    overfill(
        lambda n: entered(known(node, who(n), member=True)),
        lambda n: entered(known(node, strange(n))),
        lambda address: address in table,
        lambda: len(table),
        bound,
    )


@fills("Peers to open NATs with by guessing ports", MAX_KNOWN)
def prospects() -> None:
    node = engine()
    spray = node.spray
    _looked_after(node, lambda peer: spray.introduced(peer, SEEN, NOW), spray._prospects, MAX_KNOWN)


@fills("Peers whose ways are in doubt", MAX_TRIALS)
def trials() -> None:
    node = engine()
    vigil = node._vigil
    _looked_after(node, lambda peer: vigil.doubt(peer, NOW), vigil._trials, MAX_TRIALS)


@fills("Peers with relayed traffic", MAX_WANTED)
def wanted() -> None:
    node = engine()

    def enter(number: int) -> int:
        peer = known(node, who(number), member=True)
        node._punch.relayed(peer, NOW)
        return peer.address

    wanted = node._punch._wanted
    fill_alone(enter, lambda address: address in wanted, lambda: len(wanted), MAX_WANTED)


# Whom we ask for, and introduce


def _asking(commands: list[object] | None = None) -> PeerEngine:
    """It has a way to its root."""
    node = engine(commands)
    upstream = node.topology.peer(ROOT.address)
    at = path(InetAddress.parse("83.0.0.1/9993"))
    node._reception.received(upstream, at, 0, Verb.OK, NOW, confirmed=True)
    return node


@fills("Addresses that we need and ask for", MAX_TARGETS)
def needed() -> None:
    """Ours, and those of whom a root says that they look for us: it gets no more than is left."""
    node = _asking()
    asked = node._whois._asked

    def introduce(number: int) -> None:
        rendezvous = Rendezvous(strange(number).address, SEEN).emit()
        upstream, at = ROOT.address, path(InetAddress.parse("83.0.0.1/9993"))
        node.receive(PacketReceived(at, upstream, number, 0, 1, Verb.RENDEZVOUS, rendezvous), NOW)

    ours = [who(number).address for number in range(4)]
    for address in ours[:3]:
        node.whois(address, NOW)
    for number in range(MAX_TARGETS + MORE):
        introduce(number)
    assert len(asked) == MAX_TARGETS
    node.whois(ours[3], NOW)
    assert len(asked) == MAX_TARGETS
    assert all(address in asked for address in ours)


@fills("Addresses asked for because of others", MAX_FOREIGN)
def foreign() -> None:
    whois = _asking()._whois
    clock = itertools.count(NOW, PACE_MS)

    def ask(identity: Identity, prefix: int) -> int:
        whois.ask_foreign(identity.address, next(clock), prefix)
        return identity.address

    overfill(
        lambda n: ask(who(n), 1),
        lambda n: ask(strange(n), 2),
        lambda address: address in whois._foreign,
        lambda: len(whois._foreign),
        MAX_FOREIGN,
    )


@fills("Addresses that wait to be asked for", WHOIS_WAITING)
def foreign_waiting() -> None:
    whois = _asking()._whois
    for number in range(MAX_FOREIGN):
        whois.ask_foreign(strange(10_000 + number).address, NOW, 3)

    def ask(identity: Identity, prefix: int) -> int:
        whois.ask_foreign(identity.address, NOW, prefix)
        return identity.address

    overfill(
        lambda n: ask(who(n), 1),
        lambda n: ask(strange(n), 2),
        lambda address: address in whois._in_line,
        lambda: len(whois._waiting),
        WHOIS_WAITING,
    )


@fills("Addresses that a root lied about", MAX_TARGETS)
def deceits() -> None:
    """It names identities that were found to be forged, when we ask for them."""
    commands: list[object] = []
    node = _asking(commands)
    at = path(InetAddress.parse("83.0.0.1/9993"))

    def lie(number: int) -> int:
        forged = strange(number)
        node._verdicts.expose(forged, ROOT.address)
        node.whois(forged.address, NOW)
        asked = [command for command in commands if isinstance(command, Transmit)][-1]
        packet_id = int.from_bytes(asked.datagram[:8], "big")
        ok = Ok(Verb.WHOIS, packet_id, OkWhois((forged,)).emit()).emit()
        node.receive(PacketReceived(at, ROOT.address, number, 0, 1, Verb.OK, ok), NOW)
        commands.clear()
        return forged.address

    deceived = node._whois._deceived
    fill_alone(lie, lambda address: address in deceived, lambda: len(deceived), MAX_TARGETS)


@fills("Pairs introduced lately, by the engine", MAX_PAIRS)
def introductions() -> None:
    """As a root: by two peers in different networks, each with many others."""
    with patch.object(rendezvous, "MAX_PAIRS", 300):
        node = engine(identity=ROOT)
    pairs = node._introduction._pairs
    sources = {}
    for source, network in ((who(1), HONEST_NET), (strange(1), STRANGE_NET)):
        sources[network] = known(node, source)
        at = path(place(network, 1))
        node._reception.received(sources[network], at, 0, Verb.OK, NOW, confirmed=True)

    def introduce(network: int, number: int) -> tuple[int, int]:
        other = known(node, who(1_000_000 + network + number))
        at = path(InetAddress((90 << 24 | network // 65_536 << 16 | number).to_bytes(4), 9993))
        node._reception.received(other, at, 0, Verb.OK, NOW, confirmed=True)
        source = sources[network].address
        node.receive(PairRelayed(source, other.address), NOW)
        return min(source, other.address), max(source, other.address)

    overfill(
        lambda n: introduce(HONEST_NET, n),
        lambda n: introduce(STRANGE_NET, n),
        lambda pair: pair in pairs._passed_at,
        lambda: len(pairs),
        300,
    )


@fills("Sockets for paths found by guessing, or by a fresh port", MAX_KEPT)
def kept_sockets() -> None:
    node = engine()

    def find(number: int) -> int:
        """An attempt that was won by the socket of this number."""
        peer, socket = known(node, who(number), member=True), 1_000 + number
        node.local.extra[socket] = HERE
        at = (socket, *path(place(HONEST_NET, number))[1:])
        node._reception.received(peer, at, 0, Verb.OK, NOW, confirmed=True)
        attempt = Attempt(peer, SEEN, NOW, 0, opened=deque([(0, socket)]), won_at=NOW)
        node.spray._end(attempt, NOW)
        return socket

    fill_alone(
        find,
        lambda socket: socket in node._extra._kept and socket in node.local.extra,
        lambda: len(node._extra._kept),
        MAX_KEPT,
    )


def _seen_by_two_roots(node: PeerEngine) -> None:
    for reporter in (1, 2):
        seen_by = node.paths.get(path(place(HONEST_NET, reporter)))
        node.surface.record(reporter, seen_by, SEEN, NOW, upstream=True)


@fills("Places that are contacted a little later", APPROACHED)
def approached() -> None:
    node = engine()
    _seen_by_two_roots(node)
    for number in range(APPROACHED + MORE):
        peer = known(node, who(number), member=True)
        node._approach.introduced(peer, path(place(STRANGE_NET, number)), NOW)
    assert len(node._approach._waiting) == APPROACHED


@fills("Peers that are met by a fresh port", FRESH_TRIALS)
def fresh_ports() -> None:
    commands: list[object] = []
    node = engine(commands)
    _seen_by_two_roots(node)

    def meet(number: int) -> bool:
        """As when traffic with the peer has been relayed for some time; whether it is its turn."""
        peer = known(node, who(number), member=True)
        peer.punches = PATIENCE
        commands.clear()
        node._fresh.consider(peer, NOW)
        for command in [c for c in commands if isinstance(c, OpenSockets)]:
            node.receive(SocketsOpened(command.token, ((1_000 + number, HERE),)), NOW)
        return peer.address in node._fresh._trials

    assert [meet(number) for number in range(FRESH_TRIALS + MORE)].count(True) == FRESH_TRIALS
    node._fresh.start_over(NOW)
    assert not node.local.extra
    assert meet(FRESH_TRIALS + MORE)
