"""What fills the tables of the peer engine: who is known, and what waits to be let in or on."""

from __future__ import annotations

from earthline._native import SessionKey
from earthline.effects import (
    PacketReceived,
    StateLoaded,
    Store,
    UnknownSource,
)
from earthline.vl1.engine import PeerEngine
from earthline.vl1.ground.gates import prefix_key
from earthline.vl1.ground.proofs import CROWD, MAX_STRANGERS
from earthline.vl1.ground.turns import Regulars
from earthline.vl1.identities.asked import MAX_ASKED, MAX_CLAIMS
from earthline.vl1.identities.greetings import MAX_WAITING, Greeting
from earthline.vl1.identities.newcomers import Newcomers
from earthline.vl1.identities.verdict import FORGED_KEPT
from earthline.vl1.peers.cache import MAX_RECORDS, record_of
from earthline.vl1.peers.topology import PEER_LIMIT
from earthline.vl1.receiving.deferred import MAX_OPENED, MAX_SEALED
from earthline.vl1.sending.sendqueue import MAX_QUEUED
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress
from earthline.wire.packet import Suite, Verb, build
from earthline.wire.world import Root, World, WorldKind
from peer_engine import (
    HONEST_NET,
    KEY,
    NOW,
    OWN,
    ROOT,
    SEEN,
    SIGNER,
    STRANGE_NET,
    engine,
    hello,
    packet,
    path,
    place,
    port,
    strange,
    who,
)
from tables import MORE, fill_alone, fills, overfill

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
    """One prefix may send 16 at once: the flood comes from as many as it takes."""
    node = engine()
    line = node._hello.greetings

    def enter(identity: Identity, endpoint: InetAddress) -> tuple[Identity, object]:
        node.receive(hello(identity, endpoint), NOW)
        return identity, path(endpoint)

    overfill(
        lambda n: enter(who(n), place(HONEST_NET, n)),
        lambda n: enter(strange(n), place(STRANGE_NET, n // 16 << 8)),
        lambda key: key in line._keys,
        lambda: len(line._waiting),
        MAX_WAITING,
    )


@fills("Source prefixes whose newcomers have a budget", 1 << 14)
def gates() -> None:
    """There are no more keys than that: what is spent stays spent, and all others have theirs."""
    gate = engine()._hello.greetings.gate
    honest = place(HONEST_NET, 0).ip

    def passes(ip: bytes) -> int:
        return sum(gate.passes(ip, NOW) for _ in range(20))

    assert passes(honest) == 16
    others = {prefix_key(ip): ip for ip in (n.to_bytes(3, "big") + b"\1" for n in range(1 << 16))}
    del others[prefix_key(honest)]
    assert {passes(ip) for ip in others.values()} == {16}
    assert len(gate._per_prefix) == 1 << 14
    assert passes(honest) == 0


def _crowd(node: PeerEngine) -> Newcomers:
    """So many are in line already that whoever comes has to answer first."""
    line = node._hello.newcomers
    for number in range(CROWD + 1):
        line.take(Greeting(who(100 + number), hello(who(100 + number), SEEN)), KEY, NOW)
    return line


def _asks(line: Newcomers, identity: Identity, endpoint: InetAddress) -> Identity:
    line.take(Greeting(identity, hello(identity, endpoint)), KEY, NOW)
    return identity


@fills("Newcomers that are asked to answer", MAX_ASKED)
def asked_newcomers() -> None:
    """They claim one address, from one prefix."""
    line = _crowd(engine())
    overfill(
        lambda n: _asks(line, who(n), place(HONEST_NET, n)),
        lambda n: _asks(line, _claim(n), place(STRANGE_NET, n % 256)),
        line.holds,
        lambda: len(line._asked),
        MAX_ASKED,
    )


@fills("Newcomers that claim one address at one IP", MAX_CLAIMS)
def claimants() -> None:
    """The oldest is to be asked again; the same address at another IP is another matter."""
    line = _crowd(engine())
    _asks(line, who(1), place(HONEST_NET, 0))

    def claiming(endpoint: InetAddress) -> list[Identity]:
        return [one.identity for one in line._asked.claimants(who(1).address, path(endpoint))]

    fill_alone(
        lambda n: _asks(line, _claim(n), place(STRANGE_NET, 0)),
        lambda claim: claim in claiming(place(STRANGE_NET, 0)),
        lambda: len(claiming(place(STRANGE_NET, 0))),
        MAX_CLAIMS,
    )
    assert claiming(place(HONEST_NET, 0)) == [who(1)]


def _claim(number: int) -> Identity:
    return Identity(who(1).address, number.to_bytes(64, "big"))


@fills("Newcomers that wait for the proof of their address", MAX_STRANGERS)
def newcomers() -> None:
    """Those who have answered: the first of all is with the host already."""
    node = engine()
    line = _crowd(node)

    def enter(identity: Identity, endpoint: InetAddress) -> Identity:
        _asks(line, identity, endpoint)
        asked = line._asked[identity].asked[-1].to_bytes(8, "big")
        ok = build(2, OWN.address, identity.address, Verb.OK, bytes([Verb.HELLO]) + asked)
        answer = SessionKey(KEY).seal(ok, Suite.POLY1305)
        node.receive(UnknownSource(path(endpoint), identity.address, answer), NOW)
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
