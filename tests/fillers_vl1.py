"""What fills the tables of the peer engine."""

from __future__ import annotations

import itertools
import random
from collections import deque
from unittest.mock import patch

from earthline.effects import (
    HelloReceived,
    PacketReceived,
    PairRelayed,
    PathSeen,
    SocketsChanged,
    StateLoaded,
    Store,
    UnknownSource,
)
from earthline.sim.simulation import throwaway_identities
from earthline.vl1 import rendezvous
from earthline.vl1.cache import MAX_RECORDS, record_of
from earthline.vl1.challenges import MAX_ASKED
from earthline.vl1.deferred import MAX_OPENED, MAX_SEALED
from earthline.vl1.engine import PeerEngine
from earthline.vl1.gates import prefix_key
from earthline.vl1.greetings import MAX_WAITING, Greeting
from earthline.vl1.mtu import MAX_PATHS
from earthline.vl1.nat import MAX_DESTINATIONS
from earthline.vl1.path import RECENT_LIMIT
from earthline.vl1.peer import MAX_ATTEMPTS, MAX_PLACES, MAX_SLOTS, Peer
from earthline.vl1.proofs import MAX_STRANGERS
from earthline.vl1.punch import MAX_WANTED
from earthline.vl1.rendezvous import MAX_PAIRS
from earthline.vl1.replies import TABLE_SIZE
from earthline.vl1.sendqueue import MAX_QUEUED
from earthline.vl1.spray import MAX_KEPT, MAX_KNOWN, Attempt
from earthline.vl1.surface import MAX_OF_MEMBERS, MAX_OF_STRANGERS, MAX_OF_UPSTREAMS
from earthline.vl1.topology import PEER_LIMIT
from earthline.vl1.turns import Regulars
from earthline.vl1.verdict import FORGED_KEPT
from earthline.vl1.vigil import MAX_TRIALS, MAX_WAYS
from earthline.vl1.whois import MAX_FOREIGN, MAX_TARGETS, PACE_MS
from earthline.vl1.whois import MAX_WAITING as WHOIS_WAITING
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.messages.rendezvous import Rendezvous
from earthline.wire.packet import Verb, build
from earthline.wire.world import Root, World, WorldKind
from tables import MORE, fill_alone, fills, overfill

NOW = 1_700_000_000_000
OWN, ROOT, SIGNER, SOMEBODY = itertools.islice(throwaway_identities(), 4)
KEY = bytes(48)
HERE = InetAddress.parse("81.0.0.1/9993")
SEEN = InetAddress.parse("82.0.0.1/9993")
HONEST_NET, STRANGE_NET = 80 << 24 | 1 << 16, 80 << 24 | 2 << 16
"""The first address of two IPv4 networks, of 65,536 addresses each."""


def place(network: int, number: int) -> InetAddress:
    """An address in one of them."""
    return InetAddress((network + number).to_bytes(4, "big"), 9993)


def path(endpoint: InetAddress):
    return (0, endpoint.ip, endpoint.port)


def port(network: int, number: int):
    """Paths that differ in nothing but the port."""
    return (0, network.to_bytes(4, "big"), 1_024 + number)


def who(number: int) -> Identity:
    return Identity(0x10_0000_0000 + number, SOMEBODY.public.public_key)


def strange(number: int) -> Identity:
    return who(0x1000_0000 + number)


def engine(commands: list[object] | None = None, identity: SecretIdentity = OWN) -> PeerEngine:
    """One that has a socket, and knows a root."""
    commands = [] if commands is None else commands
    made = PeerEngine(identity, random.Random(7).randbytes, commands.append)
    root = Root(ROOT.public, (InetAddress.parse("83.0.0.1/9993"),))
    world = World(WorldKind.PLANET, 7, 1, SIGNER.public.public_key, (root,))
    made.receive(StateLoaded("planet", 0, world.sign(SIGNER.private_key).emit()), NOW)
    made.receive(SocketsChanged(((0, HERE),)), NOW)
    return made


def known(node: PeerEngine, identity: Identity, *, member: bool = False) -> Peer:
    peer = node.topology.add(identity, NOW, KEY)
    assert peer is not None
    if member:
        peer.trusted_at = NOW
    return peer


def packet(source: int, number: int) -> PacketReceived:
    return PacketReceived(path(SEEN), source, number, 0, 1, Verb.FRAME, b"")


def hello(identity: Identity, endpoint: InetAddress) -> HelloReceived:
    payload = bytes([12, 1, 14, 0, 1]) + bytes(8) + identity.emit() + SEEN.emit() + bytes(20)
    return HelloReceived(
        path(endpoint), build(1, OWN.address, identity.address, Verb.HELLO, payload)
    )


# Who is known


@fills("Known peers", PEER_LIMIT)
def peers() -> None:
    node = engine()
    node.topology.peer_limit = 200

    def enter(identity: Identity, prefix: int) -> int:
        node.topology.add(identity, NOW, KEY, prefix=prefix)
        return identity.address

    overfill(
        lambda n: enter(who(n), 1),
        lambda n: enter(strange(n), 2),
        lambda address: node.topology.peer(address) is not None,
        lambda: len(node.topology.peers),
        200,
    )


@fills("Files of peers", MAX_RECORDS)
def records() -> None:
    commands: list[object] = []
    node = engine(commands)
    entered = set()

    def enter(identity: Identity, endpoint: InetAddress) -> int:
        record = record_of(identity, addresses=[endpoint])
        node.receive(StateLoaded("peer", identity.address, record), NOW)
        entered.add(identity.address)
        return identity.address

    def deleted() -> set[int]:
        return {c.key for c in commands if isinstance(c, Store) and c.data is None}

    overfill(
        lambda n: enter(who(n), place(HONEST_NET, n)),
        lambda n: enter(strange(n), place(STRANGE_NET, n % 256)),
        lambda address: address not in deleted(),
        lambda: len(entered - deleted()),
        MAX_RECORDS,
    )


@fills("Identities found to be forged", FORGED_KEPT)
def forged() -> None:
    verdicts = engine()._verdicts

    def expose(number: int) -> Identity:
        verdicts.expose(strange(number), ROOT.address)
        return strange(number)

    fill_alone(expose, verdicts.forged, lambda: len(verdicts._forged), FORGED_KEPT)


@fills("Moons that nobody asked for", 0)
def moons() -> None:
    worlds = engine().worlds

    def moon(number: int) -> World:
        world = World(
            WorldKind.MOON, number, 1, SIGNER.public.public_key, (Root(ROOT.public, (SEEN,)),)
        )
        return world.sign(SIGNER.private_key)

    worlds.orbit(1, ROOT.address)
    worlds.orbit(99, ROOT.address)
    assert worlds.accept(moon(1), from_disk=False)
    for number in range(2, 2 + MORE):
        assert not worlds.accept(moon(number), from_disk=False)
    assert worlds.accept(moon(99), from_disk=False)
    assert sorted(worlds.moons) == [1, 99]


# What waits


@fills("Sealed packets of strangers", MAX_SEALED)
def sealed() -> None:
    node = engine()

    def enter(identity: Identity, network: int) -> int:
        node.receive(UnknownSource(port(network, 0), identity.address, bytes(28)), NOW)
        return identity.address

    overfill(
        lambda n: enter(who(n), HONEST_NET),
        lambda n: enter(strange(n), STRANGE_NET),
        lambda address: address in node._deferred.strangers(),
        lambda: len(node._deferred),
        MAX_SEALED,
    )


@fills("Opened packets that wait for an identity", MAX_OPENED)
def opened() -> None:
    node = engine()

    def enter(source: int, number: int) -> PacketReceived:
        waiting = packet(source, number)
        node.defer(waiting, NOW)
        return waiting

    overfill(
        lambda n: enter(1, n),
        lambda n: enter(2, n),
        node._deferred.holds,
        lambda: len(node._deferred),
        MAX_OPENED,
    )


@fills("Packets that wait for a way", MAX_QUEUED)
def queued() -> None:
    node = engine()

    def enter(destination: Identity, number: int) -> tuple[int, bytes]:
        node.send(destination.address, Verb.FRAME, number.to_bytes(4, "big"), NOW)
        return destination.address, number.to_bytes(4, "big")

    def waiting() -> list[tuple[int, bytes]]:
        return [(kept.destination, kept.payload) for kept in node._queue._queue]

    overfill(
        lambda n: enter(who(1), n),
        lambda n: enter(strange(1), n),
        lambda key: key in waiting(),
        lambda: len(node._queue),
        MAX_QUEUED,
    )


@fills("HELLOs that wait to be opened", MAX_WAITING)
def greetings() -> None:
    """One prefix may send 16 at once: the flood comes from four of them."""
    node = engine()
    line = node._hello.greetings

    def enter(identity: Identity, endpoint: InetAddress) -> tuple[Identity, object]:
        node.receive(hello(identity, endpoint), NOW)
        return identity, path(endpoint)

    early = [enter(who(n), place(HONEST_NET, n)) for n in range(3)]
    flood = [enter(strange(n), place(STRANGE_NET, n % 4 << 8)) for n in range(64)]
    late = enter(who(3), place(HONEST_NET, 3))
    assert len(line._waiting) == MAX_WAITING
    assert all(key in line._keys for key in (*early, late, flood[-1]))
    assert flood[0] not in line._keys


@fills("Newcomers that wait for the proof of their address", MAX_STRANGERS)
def newcomers() -> None:
    """The first of all is with the host already."""
    node = engine()
    line = node._hello.newcomers
    line.take(Greeting(who(99), hello(who(99), SEEN)), KEY, NOW)

    def enter(identity: Identity, endpoint: InetAddress) -> Identity:
        line.take(Greeting(identity, hello(identity, endpoint)), KEY, NOW)
        return identity

    overfill(
        lambda n: enter(who(n), place(HONEST_NET, n)),
        lambda n: enter(strange(n), place(STRANGE_NET, n)),
        line.holds,
        lambda: len(node._proofs._strangers),
        MAX_STRANGERS,
    )


@fills("Source prefixes of proved peers", 1 << 14)
def regulars() -> None:
    """There are no more keys than that, so that nothing ever has to go."""
    seen = Regulars()
    honest = place(HONEST_NET, 0).ip
    seen.note(prefix_key(honest), NOW)
    for number in range(1 << 17):
        seen.note(prefix_key(number.to_bytes(3, "big") + b"\1"), NOW)
    assert len(seen._seen_at) == 1 << 14
    assert seen.known(prefix_key(honest), NOW)


# Paths


@fills("Paths that are nobody's", RECENT_LIMIT)
def recent_paths() -> None:
    paths = engine().paths

    def enter(key):
        paths.get(key)
        return key

    overfill(
        lambda n: enter(port(HONEST_NET, n)),
        lambda n: enter(port(STRANGE_NET, n)),
        lambda key: paths.find(key) is not None,
        lambda: len(paths),
        RECENT_LIMIT,
    )


@fills("Paths of one peer", MAX_SLOTS)
def slots() -> None:
    node = engine()
    honest, stranger = known(node, who(1)), known(node, strange(1))
    clock = itertools.count(NOW)

    def enter(peer: Peer, endpoint: InetAddress):
        now = next(clock)
        node._reception.received(peer, path(endpoint), 0, Verb.OK, now, confirmed=True)
        return peer, path(endpoint)

    overfill(
        lambda n: enter(honest, place(HONEST_NET, n)),
        lambda n: enter(stranger, place(STRANGE_NET, n)),
        lambda key: key[0].slot_of(key[1]) is not None,
        lambda: len(stranger.slots),
        MAX_SLOTS,
    )


@fills("Unknown paths of one peer", MAX_ASKED)
def confirmations() -> None:
    node = engine()
    honest, stranger = known(node, who(1)), known(node, strange(1))

    def enter(peer: Peer, endpoint: InetAddress):
        node.receive(PathSeen(peer.address, path(endpoint), 1_400), NOW)
        return peer, path(endpoint)

    overfill(
        lambda n: enter(honest, place(HONEST_NET, n)),
        lambda n: enter(stranger, place(STRANGE_NET, n)),
        lambda key: key[1] in key[0].confirmations,
        lambda: len(stranger.confirmations),
        MAX_ASKED,
    )


@fills("Ways by which one peer answered", MAX_WAYS)
def ways() -> None:
    node = engine()
    honest, stranger = known(node, who(1)), known(node, strange(1))

    def enter(peer: Peer, endpoint: InetAddress):
        node._vigil.answered(peer, path(endpoint), NOW)
        return peer, path(endpoint)

    overfill(
        lambda n: enter(honest, place(HONEST_NET, n)),
        lambda n: enter(stranger, place(STRANGE_NET, n)),
        lambda key: key[1] in key[0].proved,
        lambda: len(stranger.proved),
        MAX_WAYS,
    )


@fills("Places where one peer may be", MAX_PLACES)
def places() -> None:
    node = engine()
    honest, stranger = known(node, who(1)), known(node, strange(1))

    def enter(peer: Peer, endpoint: InetAddress) -> tuple[Peer, InetAddress]:
        peer.remember_place(endpoint)
        return peer, endpoint

    overfill(
        lambda n: enter(honest, place(HONEST_NET, n)),
        lambda n: enter(stranger, place(STRANGE_NET, n)),
        lambda key: key[1] in key[0].places,
        lambda: len(stranger.places),
        MAX_PLACES,
    )


@fills("Places where one peer was looked for", MAX_ATTEMPTS)
def attempts() -> None:
    node = engine()
    honest, stranger = known(node, who(1)), known(node, strange(1))

    def enter(peer: Peer, endpoint: InetAddress) -> tuple[Peer, InetAddress]:
        node._contact.probe(peer, path(endpoint), NOW)
        return peer, endpoint

    overfill(
        lambda n: enter(honest, place(HONEST_NET, n)),
        lambda n: enter(stranger, place(STRANGE_NET, n)),
        lambda key: key[1] in key[0].attempts,
        lambda: len(stranger.attempts),
        MAX_ATTEMPTS,
    )


@fills("Datagram sizes of paths", MAX_PATHS)
def sizes() -> None:
    table = engine().sizes

    def enter(peer: int, key):
        table.note((peer, key))
        return peer, key

    overfill(
        lambda n: enter(1, port(HONEST_NET, n)),
        lambda n: enter(2, port(STRANGE_NET, n)),
        lambda key: key in table._known,
        lambda: len(table._known),
        MAX_PATHS,
    )


# What we asked, and were told


@fills("Packets that may be answered", TABLE_SIZE)
def replies() -> None:
    node = engine()
    honest, stranger = known(node, who(1)), known(node, strange(1))

    def enter(peer: Peer, key) -> tuple[int | None, int]:
        return node._outbound.write(peer, key, Verb.ECHO, b"", NOW), peer.address

    overfill(
        lambda n: enter(honest, port(HONEST_NET, n)),
        lambda n: enter(stranger, port(STRANGE_NET, n)),
        lambda key: node._replies.matches(key[0], Verb.ECHO, key[1]),
        lambda: len(node._replies),
        TABLE_SIZE,
    )


def _surface(bound: int, **kind: bool) -> None:
    node = engine()

    def enter(reporter: int, key):
        node.surface.record(reporter, node.paths.get(key), SEEN, NOW, **kind)
        return reporter, key

    def seen():
        return {(s.reporter, s.path) for s in node.surface.sightings()}

    overfill(
        lambda n: enter(1, port(HONEST_NET, n)),
        lambda n: enter(2, port(STRANGE_NET, n)),
        lambda key: key in seen(),
        lambda: len(seen()),
        bound,
    )


@fills("Where upstreams see us", MAX_OF_UPSTREAMS)
def upstreams_reports() -> None:
    _surface(MAX_OF_UPSTREAMS, upstream=True)


@fills("Where members see us", MAX_OF_MEMBERS)
def members_reports() -> None:
    _surface(MAX_OF_MEMBERS, upstream=False, member=True)


@fills("Where strangers see us", MAX_OF_STRANGERS)
def strangers_reports() -> None:
    _surface(MAX_OF_STRANGERS, upstream=False)


@fills("Destinations that our NAT knows", MAX_DESTINATIONS)
def destinations() -> None:
    nat = engine().nat

    def enter(key):
        nat.sent(key, NOW)
        return key

    overfill(
        lambda n: enter(port(HONEST_NET, n)),
        lambda n: enter(port(STRANGE_NET, n)),
        lambda key: key in nat._sent,
        lambda: len(nat._sent),
        MAX_DESTINATIONS,
    )


@fills("Places heard while our NAT is examined", 5)
def examination() -> None:
    """The two roots that are asked, other ports of each, and everybody else as one."""
    node = engine()
    watch = node._examination
    witness, other = InetAddress.parse("83.0.0.1/9993"), InetAddress.parse("84.0.0.1/9993")
    with patch.multiple(watch, _socket=5, _witness=(1, witness), _stranger=(2, other)):
        for number in range(3_000):
            for ip in (witness.ip, other.ip, place(STRANGE_NET, number).ip):
                assert watch.takes((5, ip, 1_024 + number))
        assert watch.takes((5, witness.ip, 9993))
        assert watch.takes((5, other.ip, 9993))
        assert len(watch._heard) == 5
        assert {witness, other} <= watch._heard


# Peers that are looked after


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


def _asking() -> PeerEngine:
    """It has a way to its root."""
    node = engine()
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
    whois = engine()._whois

    def remember(number: int) -> int:
        whois._remember_deceit(strange(number).address, 1)
        return strange(number).address

    fill_alone(
        remember,
        lambda address: address in whois._deceived,
        lambda: len(whois._deceived),
        MAX_TARGETS,
    )


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


@fills("Sockets for paths found by guessing", MAX_KEPT)
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
        lambda socket: socket in node.spray._kept and socket in node.local.extra,
        lambda: len(node.spray._kept),
        MAX_KEPT,
    )
