"""What is taken for a call of another host with our identity, and what is not."""

from __future__ import annotations

import pytest
from vl1_internet import START, Entropy, identity

from earthline._native import SessionKey
from earthline.effects import Report, SocketsChanged, Transmit, UnknownSource, WallClock
from earthline.vl1.engine import PeerEngine
from earthline.vl1.identities.twins import (
    ANSWER_MS,
    FRESH_MS,
    FRUGAL_CALL_MS,
    FRUGAL_KEPT_MS,
    MAX_PLACES,
)
from earthline.wire.inet import InetAddress
from earthline.wire.packet import HEADER_LENGTH, Header, Suite, Verb, build

OURS = identity(1)
ROOT = (1, bytes((80, 1, 0, 1)), 9993)
THERE = InetAddress.parse("81.2.0.1/9993")
NOW = START
SESSION = SessionKey(OURS.agree(OURS.public))


class Node:
    """An engine, and what it did."""

    def __init__(self):
        self.done = []
        self.engine = PeerEngine(OURS, Entropy(1), self.done.append)
        self.engine.receive(SocketsChanged(((1, InetAddress.parse("81.1.0.1/9993")),)), NOW)
        self.done.clear()

    def hear(self, packet, *, now=NOW, path=ROOT):
        self.engine.receive(UnknownSource(path, Header.parse(packet).source, packet), now)

    def reports(self):
        return [it.event for it in self.done if isinstance(it, Report)]

    def answers(self):
        """Where it has answered, and the packets."""
        return {InetAddress(*it.path[1:]): it.datagram for it in self.done if type(it) is Transmit}


@pytest.fixture
def node():
    return Node()


def call(*, run=bytes(8), at=NOW, kind=0, places=(THERE,), session=SESSION, payload=None):
    if payload is None:
        payload = run + at.to_bytes(8, "big") + bytes((kind, len(places)))
        payload += b"".join(place.emit() for place in places)
    mark = Node().engine.twins._mark
    return session.seal(build(7, OURS.address, mark, Verb.NOP, payload), Suite.SALSA20_POLY1305)


def test_call_of_another_run_is_that_of_another_host_and_answered_where_it_is(node):
    node.hear(call())
    twin = node.engine.twins.twin(NOW)
    assert (twin.places, twin.direct, twin.heard_by) == ((THERE,), False, InetAddress(*ROOT[1:]))
    assert node.reports() == ["identity_cloned"]
    assert list(node.answers()) == [THERE]


def test_answer_is_heard_and_not_answered(node):
    other = Node()
    other.engine.local.entropy(1)
    answering = PeerEngine(OURS, Entropy(2), other.done.append)
    answering.receive(SocketsChanged(((1, THERE),)), NOW)
    other.done.clear()
    other.engine = answering
    other.hear(call(places=(InetAddress.parse("81.1.0.1/9993"),)))
    (answer,) = other.answers().values()
    assert len(answer) > HEADER_LENGTH
    node.hear(answer, path=(1, bytes((81, 2, 0, 9)), 4_000))
    twin = node.engine.twins.twin(NOW)
    assert twin.places == (InetAddress.parse("81.2.0.9/4000"), THERE)
    assert twin.direct
    assert node.answers() == {}


def test_own_call_that_comes_back_is_nobody_elses(node):
    node.hear(call(run=node.engine.twins._run))
    assert node.engine.counters["twin_none"] == 1
    assert node.engine.twins.twin(NOW) is None
    assert node.answers() == {}


@pytest.mark.parametrize("off_ms", [-FRESH_MS - 1, FRESH_MS + 1])
def test_old_call_that_somebody_kept_counts_for_nothing(node, off_ms):
    node.hear(call(at=NOW + off_ms))
    assert node.engine.twins.twin(NOW) is None
    assert node.engine.counters["twin_old"] == 1
    node.engine.receive(WallClock(off_ms), NOW)
    node.hear(call(at=NOW + off_ms))
    assert node.engine.twins.twin(NOW) is not None


def test_call_of_our_own_former_run_is_nobody_elses_though_somebody_kept_it(node):
    node.hear(call(at=NOW - 1))
    node.engine.receive(SocketsChanged(((1, THERE),)), NOW + 1_000)
    node.hear(call(at=NOW - 1), now=NOW + 1_000)
    assert node.engine.twins.twin(NOW + 1_000) is None
    assert node.engine.counters["twin_old"] == 2
    assert node.reports() == []
    node.hear(call(at=NOW + 500), now=NOW + 1_000)
    assert node.engine.twins.twin(NOW + 1_000) is not None


def test_nobody_without_the_key_is_taken_for_it(node):
    stranger = identity(2)
    node.hear(call(session=SessionKey(stranger.agree(OURS.public))))
    assert node.engine.twins.twin(NOW) is None
    assert node.engine.counters["twin_forged"] == 1
    assert node.done == []


@pytest.mark.parametrize("payload", [b"", bytes(17), bytes(8) + NOW.to_bytes(8, "big") + b"\0\2\4"])
def test_what_cannot_be_read_is_dropped_and_counted(node, payload):
    node.hear(call(payload=payload))
    assert node.engine.counters["twin_malformed"] == 1
    assert node.engine.twins.twin(NOW) is None


def test_calls_are_answered_now_and_then_and_at_a_few_places(node):
    many = [InetAddress(bytes((81, 3, 0, number)), 9993) for number in range(1, 30)]
    for ms in range(0, ANSWER_MS, 500):
        node.hear(call(places=many), now=NOW + ms)
    assert (
        len(node.answers()) == len([it for it in node.done if type(it) is Transmit]) == MAX_PLACES
    )
    node.hear(call(places=many), now=NOW + ANSWER_MS)
    assert len([it for it in node.done if type(it) is Transmit]) == 2 * MAX_PLACES


def test_it_is_reported_again_only_if_it_is_elsewhere(node):
    for port in range(3):
        node.hear(call())
        node.hear(call(kind=1), path=(1, THERE.ip, port))
    node.hear(call(places=(InetAddress.parse("81.9.0.1/9993"),)))
    assert node.reports() == ["identity_cloned"] * 2


def test_in_low_bandwidth_mode_it_is_remembered_from_one_call_to_the_next(node):
    node.engine.set_low_bandwidth(True, NOW)
    node.hear(call())
    assert node.engine.twins.twin(NOW + FRUGAL_CALL_MS) is not None
    assert node.engine.twins.twin(NOW + FRUGAL_KEPT_MS + 1) is None
