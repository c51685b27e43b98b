"""Whom WHOIS asks for, how often, and that junk does not keep us from it (02, 3.4 and 4.10)."""

from __future__ import annotations

import pytest
from vl1_internet import START, identity

from earthline.effects import PacketReceived, UnknownSource
from earthline.vl1.ground.gates import prefix_key
from earthline.vl1.verbs.whois import BURST, MAX_FOREIGN, MAX_TARGETS, MAX_WAITING, PACE_MS, Whois
from earthline.wire.identity import Identity
from earthline.wire.messages.ok import Ok, OkWhois
from earthline.wire.messages.whois import MAX_ADDRESSES
from earthline.wire.messages.whois import Whois as Question
from earthline.wire.packet import Verb

PATH = (0, bytes([80, 9, 0, 1]), 9993)
ELSEWHERE = (0, bytes([80, 10, 0, 1]), 9993)
FIRST = 0x0100000000
"""Addresses from here on belong to nobody."""


def asked_for(host, target):
    """How often a root was asked by anybody."""
    questions = [p for p in host.got if p.verb == Verb.WHOIS]
    return sum(target in Question.parse(p.payload).addresses for p in questions)


def junk(host, count, first=FIRST, path=PATH):
    for source in range(first, first + count):
        host.give(UnknownSource(path, source, bytes(28)))


@pytest.fixture
def ann(trio):
    trio.start()
    return trio.ann


def test_strangers_leave_room_for_what_we_need(trio, ann):
    junk(ann, MAX_TARGETS + 10)
    assert ann.engine.counters["whois_evicted"] == MAX_TARGETS + 10 - BURST - MAX_WAITING
    wanted = range(FIRST + 5_000, FIRST + 5_000 + MAX_TARGETS)
    for address in wanted:
        ann.engine.whois(address, trio.net.now)
    trio.net.run(100)
    assert all(asked_for(trio.root, address) == 1 for address in wanted)
    assert len(ann.engine._whois._asked) == MAX_TARGETS
    assert len(ann.engine._whois._foreign) == MAX_FOREIGN


def test_what_we_need_is_bounded_too(trio, ann):
    for address in range(FIRST, FIRST + MAX_TARGETS + 1):
        ann.engine.whois(address, trio.net.now)
    assert ann.engine.counters["whois_too_many"] == 1
    trio.net.run(5_000)
    ann.engine.whois(FIRST + MAX_TARGETS, trio.net.now)
    assert ann.engine.counters["whois_too_many"] == 1


def test_stranger_is_asked_for_a_few_times_at_growing_intervals(trio, ann):
    junk(ann, 1)
    trio.net.run(4_900)
    assert asked_for(trio.root, FIRST) == 4
    trio.net.run(20_000)
    assert asked_for(trio.root, FIRST) == 4


def test_stranger_that_goes_on_is_asked_for_every_two_seconds(trio, ann):
    for _ in range(100):
        junk(ann, 1)
        trio.net.run(200)
    assert 9 <= asked_for(trio.root, FIRST) <= 13


def test_what_others_ask_for_takes_none_of_our_room(trio, ann):
    whois: Whois = ann.engine._whois
    for address in range(FIRST, FIRST + MAX_TARGETS):
        whois.ask_foreign(address, trio.net.now, 1)
    whois.ask(FIRST + MAX_TARGETS, trio.net.now)
    trio.net.run(100)
    assert asked_for(trio.root, FIRST + MAX_TARGETS) == 1


def test_target_that_becomes_ours_is_asked_for_at_our_pace(trio, ann):
    """But not twice within 500 ms, whatever it is asked for."""
    junk(ann, 1)
    ann.engine.send(FIRST, Verb.FRAME, b"hi", trio.net.now)
    trio.net.run(100)
    assert asked_for(trio.root, FIRST) == 1
    trio.net.run(4_800)
    assert asked_for(trio.root, FIRST) == 10


def test_answer_of_a_root_makes_room_in_both(trio, ann):
    junk(ann, 1, trio.bob.address)
    trio.net.run(100)
    assert ann.engine.peer(trio.bob.address) is not None
    assert not len(ann.engine._whois._foreign)


def test_nobody_asks_for_oneself(ann):
    ann.engine._whois.ask_foreign(ann.address, START, 1)
    assert not len(ann.engine._whois._foreign)


def test_stranger_is_asked_for_while_others_of_another_network_flood(trio, ann):
    """It was refused while as many as there is room for were asked for."""
    junk(ann, 2_000)
    junk(ann, 1, FIRST + 5_000, ELSEWHERE)
    trio.net.run(600)
    assert asked_for(trio.root, FIRST + 5_000) == 1


def test_answer_for_a_stranger_is_taken_while_others_flood(trio, ann):
    junk(ann, 2_000)
    junk(ann, 1, trio.bob.address, ELSEWHERE)
    for _ in range(10):
        junk(ann, 300, FIRST + 10_000)
        trio.net.run(100)
    assert ann.engine.peer(trio.bob.address) is not None


def test_flood_of_strangers_makes_us_ask_a_root_at_a_pace(trio, ann):
    """Whatever place they seem to come from: that may be forged."""
    for second in range(10):
        for n in range(1_000):
            path = (0, bytes([80, n % 250, second, 1]), 9993)
            junk(ann, 1, FIRST + 1_000 * second + n, path)
        trio.net.run(1_000)
    questions = [p for p in trio.root.got if p.verb == Verb.WHOIS]
    assert BURST < len(questions) <= BURST + 10_000 // PACE_MS


def test_root_whose_introductions_fill_the_room_for_what_we_need_makes_room(trio, ann):
    whois: Whois = ann.engine._whois
    for address in range(FIRST, FIRST + MAX_TARGETS + 10):
        whois.ask(address, trio.net.now, trio.root.address)
    assert ann.engine.counters["whois_too_many"] == 10
    wanted = range(FIRST + 5_000, FIRST + 5_000 + 20)
    for address in wanted:
        ann.engine.whois(address, trio.net.now)
    trio.net.run(100)
    assert all(asked_for(trio.root, address) == 1 for address in wanted)
    assert ann.engine.counters["whois_too_many"] == 10


def test_what_a_peer_asks_for_is_charged_to_where_it_comes_from(trio, ann):
    question = Question(tuple(range(FIRST, FIRST + MAX_ADDRESSES))).emit()
    path = (0, *trio.bob.addresses[0])
    bob = ann.engine.topology.add(trio.bob.identity.public, trio.net.now)
    bob.proved[path] = trio.net.now
    ann.give(PacketReceived(path, trio.bob.address, 1, 0, 1, Verb.WHOIS, question))
    assert ann.engine._whois._foreign.held_by(prefix_key(path[1])) == [
        *range(FIRST, FIRST + MAX_ADDRESSES)
    ]


@pytest.mark.parametrize("relied_on", [True, False], ids=["controller", "anybody"])
def test_root_that_names_a_false_identity_is_not_believed(trio, ann, relied_on):
    """Of a controller not even before it is proved; of others until it was."""
    ann.engine.topology.relied_on = lambda address: relied_on and address == FIRST
    ann.engine.whois(FIRST, trio.net.now)
    trio.net.run(100)
    (question,) = [p for p in trio.root.got if p.verb == Verb.WHOIS]
    false = Identity(FIRST, identity(9).public.public_key)
    said = Ok(Verb.WHOIS, question.packet_id, OkWhois((false,)).emit()).emit()
    path = ann.engine.peer(trio.root.address).slots[0].path.key
    ann.give(PacketReceived(path, trio.root.address, 1, 0, 1, Verb.OK, said))
    assert not relied_on or ann.engine.peer(FIRST) is None
    trio.net.run(1_000)
    assert ann.engine.counters["identity_forged"] == 1
    assert ann.engine.peer(FIRST) is None
