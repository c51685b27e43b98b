"""What fills the tables of the peer engine: paths, and what others say of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from unittest.mock import patch

from earthline.effects import (
    PathSeen,
)
from earthline.vl1.ground.replies import TABLE_SIZE
from earthline.vl1.paths.mtu import MAX_PATHS
from earthline.vl1.paths.vigil import MAX_WAYS
from earthline.vl1.peers.path import RECENT_LIMIT
from earthline.vl1.peers.peer import MAX_ATTEMPTS, MAX_PLACES, MAX_SLOTS, Peer
from earthline.vl1.receiving.allowance import ASKED
from earthline.vl1.sending import credit
from earthline.vl1.sending.challenges import MAX_ASKED, MAX_HELD, MAX_HELD_PER_PATH
from earthline.vl1.sending.credit import MAX_ACCOUNTS
from earthline.vl1.surface.nat import MAX_DESTINATIONS
from earthline.vl1.surface.surface import MAX_OF_MEMBERS, MAX_OF_STRANGERS, MAX_OF_UPSTREAMS
from earthline.wire.inet import InetAddress
from earthline.wire.packet import Verb
from peer_engine import (
    HONEST_NET,
    NOW,
    SEEN,
    STRANGE_NET,
    engine,
    known,
    packet,
    path,
    place,
    port,
    strange,
    who,
)
from tables import MORE, fills, overfill


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
    oldest = next(iter(stranger.proved))
    node._vigil.answered(stranger, oldest, NOW)
    enter(stranger, place(STRANGE_NET, MAX_WAYS + MORE))
    assert oldest in stranger.proved, "it has answered again"


@fills("Ways by which one peer may have us send a little", MAX_ACCOUNTS)
def accounts() -> None:
    """What came by a way that the peer did not answer by pays for as much three times."""
    node = engine()
    honest, stranger = known(node, who(1)), known(node, strange(1))

    def enter(peer: Peer, number: int, endpoint: InetAddress):
        came = packet(peer.address, number)
        node.receive(replace(came, path=path(endpoint), size=100), NOW)
        return peer, path(endpoint)

    overfill(
        lambda n: enter(honest, n, place(HONEST_NET, n)),
        lambda n: enter(stranger, n, place(STRANGE_NET, n)),
        lambda key: credit.pays(*key, 1, NOW),
        lambda: len(stranger.credit),
        MAX_ACCOUNTS,
    )


def _held(bound: int, stranger_path: Callable[[int], object]) -> None:
    """Answers that wait until a peer has shown to be where it asked from."""
    node = engine()
    honest, stranger = known(node, who(1)), known(node, strange(1))
    done: list[int] = []

    def enter(peer: Peer, key, number: int) -> int:
        node._challenges.hold(peer, key, lambda _: done.append(number), NOW, direct=True)
        return number

    early = [enter(honest, port(HONEST_NET, n), n) for n in range(3)]
    flood = [enter(stranger, stranger_path(n), 1_000 + n) for n in range(bound + MORE)]
    assert len(node._challenges) in {bound, bound + len(early)}
    late = enter(honest, port(HONEST_NET, 3), 3)
    for number in range(4):
        node._challenges.answered(honest, port(HONEST_NET, number), NOW)
    assert done == [*early, late]
    for key in dict.fromkeys(map(stranger_path, range(bound + MORE))):
        node._challenges.answered(stranger, key, NOW)
    assert done[4:] == flood[-len(done[4:]) :]
    assert bound - 4 <= len(done[4:]) <= bound


@fills("Answers that wait for a peer to show where it is", MAX_HELD)
def held_answers() -> None:
    _held(MAX_HELD, lambda n: port(STRANGE_NET, n))


@fills("Answers that wait for one peer by one way", MAX_HELD_PER_PATH)
def held_answers_of_one() -> None:
    _held(MAX_HELD_PER_PATH, lambda _: port(STRANGE_NET, 0))


KINDS = len(ASKED) + 7
"""Verbs, answers to six of them, and all other answers."""


@fills("Budgets of one peer for what it asks for", KINDS)
def allowances() -> None:
    """Whatever verbs it writes on packets and answers."""
    node = engine()
    peer = known(node, who(1))
    for number, (verb, in_re) in enumerate(itertools.product(range(32), range(32))):
        answer = bytes([in_re]) + bytes(28)
        node.receive(replace(packet(peer.address, number), verb=verb, payload=answer), NOW)
    assert len(peer.full_at) <= KINDS


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
