"""What may be sent to where nobody has shown to be (`vl1.sending.credit`), and what waits
meanwhile.
"""

from __future__ import annotations

import pytest
from vl1_internet import START, identity

from earthline.effects import PacketReceived, SocketsChanged
from earthline.vl1.peers.peer import Peer
from earthline.vl1.sending import credit
from earthline.vl1.sending.challenges import LIFETIME_MS, MAX_HELD, MAX_HELD_PER_PATH
from earthline.wire.inet import InetAddress
from earthline.wire.messages.ok import Ok
from earthline.wire.messages.paths import PushDirectPaths, PushedPath
from earthline.wire.messages.whois import MAX_ADDRESSES, Whois
from earthline.wire.packet import Verb

HERE = (0, bytes([192, 168, 77, 7]), 555)
THERE = (0, bytes([192, 168, 77, 7]), 556)


@pytest.fixture
def peer():
    return Peer(identity(7).public, bytes(48), START)


def test_three_bytes_for_each_that_came_by_the_same_path(peer):
    credit.came_in(peer, HERE, 100, START)
    assert not credit.pays(peer, THERE, 1, START)
    assert not credit.pays(peer, HERE, 301, START)
    assert credit.pays(peer, HERE, 200, START)
    assert credit.pays(peer, HERE, 100, START)
    assert not credit.pays(peer, HERE, 1, START)


def test_account_and_proof_are_of_the_place_by_whichever_of_our_sockets(peer):
    """A relay uses now this one of our sockets, now that."""
    credit.came_in(peer, HERE, 100, START)
    assert credit.pays(peer, (5, *HERE[1:]), 300, START)
    peer.proved[HERE] = START
    assert credit.proven(peer, (5, *HERE[1:]), START)
    assert not credit.proven(peer, THERE, START)


def test_who_answered_has_no_account_until_that_is_long_ago(peer):
    peer.proved[HERE] = START
    credit.came_in(peer, HERE, 100, START)
    assert peer.credit == {}
    assert credit.pays(peer, HERE, 10_000, START + credit.PROVEN_MS - 1)
    assert not credit.pays(peer, HERE, 1, START + credit.PROVEN_MS)


def test_credit_is_bounded_and_so_are_the_paths_that_have_any(peer):
    for _ in range(50):
        credit.came_in(peer, HERE, 10_000, START)
    assert not credit.pays(peer, HERE, credit.MAX_CREDIT + 1, START)
    for port in range(1_000):
        credit.came_in(peer, (0, HERE[1], port), 10, START)
    assert len(peer.credit) == credit.MAX_ACCOUNTS
    assert not credit.pays(peer, HERE, 1, START)


def test_places_that_a_peer_names_cost_no_more_than_so_much_a_second(peer):
    sent = sum(credit.pays_for_places(peer, 28, START + at) and 28 for at in range(60_000))
    assert sent <= credit.PLACES_BURST + 60 * credit.PLACES_RATE + 28
    assert sent >= credit.PLACES_BURST + 50 * credit.PLACES_RATE


@pytest.fixture
def known(trio):
    """Ann knows Bob, who has not answered her by any path."""
    trio.start()
    trio.ann.engine.topology.add(trio.bob.identity.public, trio.net.now)
    trio.bob.engine.topology.add(trio.ann.identity.public, trio.net.now)
    return trio


def ask(trio, path, size, verb=Verb.ECHO, payload=bytes(200)):
    """A packet of Bob by a path; the datagrams it makes Ann send there at once."""
    before = len(trio.ann.sent)
    trio.ann.give(PacketReceived(path, trio.bob.address, 77, 0, 1, verb, payload, size))
    return [sent for sent in trio.ann.sent[before:] if sent.path[1:] == path[1:]]


def test_long_answer_waits_for_proof_and_is_dropped_after_five_seconds(known):
    engine = known.ann.engine
    (challenge,) = ask(known, HERE, 50)
    assert len(challenge.datagram) <= 150
    assert len(engine._challenges) == 1
    known.net.run(LIFETIME_MS + 600)
    assert len(engine._challenges) == 0
    assert engine.counters["held_too_long"] == 1


def test_answer_by_the_path_releases_what_waits(known):
    ann, bob = known.ann, known.bob
    at = (0, *bob.addresses[0])
    known.net.drops = lambda _source, target, _: target == ann.addresses[0]
    known_size = 50
    ask(known, at, known_size)
    known.net.drops = lambda *_: False
    known.net.run(1_500)
    assert credit.proven(ann.engine.peer(bob.address), at, known.net.now)
    assert len(ann.engine._challenges) == 0
    assert ann.engine.counters["tx_ok"] >= 1


def test_answer_from_elsewhere_than_asked_proves_nothing(known):
    """Who gets our question at home may write another's address on the answer."""
    ann, bob = known.ann, known.bob
    peer = ann.engine.peer(bob.address)
    home = (0, *bob.addresses[0])
    packet_id = ann.engine._outbound.write(peer, home, Verb.ECHO, b"", known.net.now)
    answer = Ok(Verb.ECHO, packet_id, b"").emit()
    ask(known, HERE, 50, Verb.OK, answer)
    assert not credit.proven(peer, HERE, known.net.now)
    assert peer.slot_of(HERE) is None
    ask(known, home, 50, Verb.OK, answer)
    assert credit.proven(peer, home, known.net.now)


def test_packets_that_wait_are_bounded(known):
    challenges = known.ann.engine._challenges
    for number in range(3 * MAX_HELD):
        path = (0, bytes([192, 168, number % 200, 7]), number % 8)
        for _ in range(2):
            challenges.hold(
                known.ann.engine.peer(known.bob.address),
                path,
                lambda _now: None,
                known.net.now,
                direct=True,
            )
    assert len(challenges) <= MAX_HELD
    for _ in range(2 * MAX_HELD_PER_PATH):
        ask(known, HERE, 28)
    held = [kept for kept in challenges._held if kept.path == HERE]
    assert len(held) <= MAX_HELD_PER_PATH


def test_challenge_is_no_larger_than_its_credit(known):
    """HELLO by every socket, by one socket, an ECHO, or nothing: as much as came allows."""
    endpoint = known.ann.addresses[0]
    sockets = tuple((number, InetAddress(endpoint.ip, 9_000 + number)) for number in range(3))
    known.ann.give(SocketsChanged(sockets))
    largest = []
    for number, size in enumerate((5, 28, 60, 200)):
        path = (0, bytes([192, 168, 70, number]), 1)
        sent = ask(known, path, size, Verb.NOP, b"")
        cost = sum(len(s.datagram) * (3 if s.path[0] == -1 else 1) for s in sent)
        assert cost <= 3 * size
        largest.append(cost)
    assert largest[0] == 0
    assert largest == sorted(set(largest))


def test_pushed_places_are_looked_at_once_the_peer_has_answered(known):
    ann, bob = known.ann, known.bob
    place = InetAddress.parse("192.168.9.9/7")
    payload = PushDirectPaths((PushedPath(place),)).emit()
    at = (0, *bob.addresses[0])

    def looked_at():
        return [sent for sent in ann.sent if sent.path[1:] == tuple(place)]

    ask(known, HERE, 60, Verb.PUSH_DIRECT_PATHS, payload)
    known.net.run(6_000)
    assert looked_at() == []
    ask(known, at, 60, Verb.PUSH_DIRECT_PATHS, payload)
    assert looked_at() == []
    known.net.run(1_100)
    assert len(looked_at()) == 1


def test_peer_is_told_our_new_addresses_though_it_has_no_credit(known):
    """By a relay of our choice, for a reason of our own: it may have nothing to send us."""
    ann, now = known.ann, known.net.now
    peer = ann.engine.peer(known.bob.address)
    peer.trusted_at = now
    ann.engine._push.at_once(peer, HERE, now)
    assert [sent.path for sent in ann.sent if sent.path == HERE] == [HERE]


def test_strangers_questions_are_passed_on_within_their_credit(known):
    ann = known.ann
    before = ann.engine.counters["tx_whois"]
    unknown = tuple(0x40_0000_0000 + number for number in range(128))
    ask(known, HERE, 165, Verb.WHOIS, Whois(unknown).emit())
    assert 0 < ann.engine.counters["tx_whois"] - before <= 3 * 165 // 33


def test_rest_of_a_question_for_more_than_anybody_honest_asks_is_counted_and_not_read(known):
    ann = known.ann
    unknown = [0x40_0000_0000 + number for number in range(MAX_ADDRESSES + 1)]
    ann.engine.peer(known.bob.address).proved[HERE] = known.net.now
    before = ann.engine.counters["tx_whois"]
    ask(known, HERE, 600, Verb.WHOIS, Whois(tuple(unknown)).emit())
    assert ann.engine.counters["tx_whois"] - before == MAX_ADDRESSES
    assert ann.engine.counters["whois_too_long"] == 1
