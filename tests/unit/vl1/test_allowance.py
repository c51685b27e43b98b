"""What one peer may ask for: far more than any honest one does, and no more (02, 4.10)."""

from __future__ import annotations

import itertools

import pytest
from vl1_internet import identity

from earthline.effects import PacketReceived
from earthline.vl1.receiving.allowance import ANSWERED, ASKED, OTHER_ANSWERS
from earthline.wire.inet import InetAddress
from earthline.wire.messages.error import Error
from earthline.wire.messages.ok import Ok
from earthline.wire.messages.rendezvous import Rendezvous
from earthline.wire.messages.whois import Whois
from earthline.wire.multicast import MulticastGroup
from earthline.wire.packet import ErrorCode, Verb

NUMBERS = itertools.count(1)
NETWORK = bytes.fromhex("8056c2e21c000001")
LARGEST_LIKE = (NETWORK + MulticastGroup(0x01005E0000FB, 0).emit()) * 540
FOREVER = 60_000
"""Packets that no bucket holds."""


def packet(source, verb, payload, port=9993):
    path = (0, bytes([192, 168, 3, 3]), port)
    return PacketReceived(path, source.address, next(NUMBERS), 0, 1, verb, payload)


@pytest.fixture
def root(trio):
    """A root that both others are known to, and that handles what the Ethernet engine would."""
    trio.start()
    for verb in set(ASKED) - {Verb.HELLO, Verb.ERROR, Verb.WHOIS, Verb.RENDEZVOUS, Verb.ECHO}:
        if verb != Verb.PUSH_DIRECT_PATHS:
            trio.root.engine.register(verb, lambda packet, now: None)
    for host in (trio.ann, trio.bob):
        trio.root.engine.topology.add(host.identity.public, trio.net.now)
    return trio.root


def flood(host, source, verb, payload, count=FOREVER):
    """How many packets were handled before the first was gated; each by a path of its own."""
    name = f"gated_{Verb(verb).name.lower()}"
    for number in range(count):
        host.give(packet(source, verb, payload, 1_024 + number % FOREVER))
        if host.engine.counters[name]:
            return number
    return count


PAYLOADS = {
    Verb.ECHO: b"",
    Verb.WHOIS: Whois((identity(1).address,)).emit(),
    Verb.ERROR: Error(Verb.FRAME, 5, ErrorCode.NEED_MEMBERSHIP_CERTIFICATE, NETWORK).emit(),
    Verb.PUSH_DIRECT_PATHS: b"\x00\x00",
    Verb.MULTICAST_LIKE: NETWORK + MulticastGroup(1, 0).emit(),
    Verb.MULTICAST_GATHER: bytes(23),
    Verb.NETWORK_CONFIG_REQUEST: NETWORK,
    Verb.NETWORK_CONFIG: NETWORK,
    Verb.NETWORK_CREDENTIALS: bytes(9),
}


@pytest.mark.parametrize("verb", PAYLOADS)
def test_flood_of_one_peer_is_gated_and_another_is_served(trio, root, verb):
    served = flood(root, trio.bob, verb, PAYLOADS[verb])
    assert served == ASKED[verb].burst
    before = root.engine.counters[f"gated_{verb.name.lower()}"]
    root.give(packet(trio.ann, verb, PAYLOADS[verb]))
    assert root.engine.counters[f"gated_{verb.name.lower()}"] == before


def test_every_verb_of_the_table_was_flooded_here_or_has_a_test_of_its_own():
    assert set(ASKED) == {*PAYLOADS, Verb.HELLO, Verb.RENDEZVOUS}


def test_hellos_of_a_known_peer_are_answered_up_to_a_number(trio, root):
    trio.bob.sent.clear()
    for _ in range(100):
        trio.bob.engine._contact.hello(
            trio.bob.engine.peer(root.address), (0, *root.addresses[0]), trio.net.now
        )
    trio.net.run(100)
    assert 100 - ASKED[Verb.HELLO].burst <= root.engine.counters["gated_hello"] < 100


def test_roots_are_gated_like_others(trio, root):
    introduction = Rendezvous(trio.bob.address, InetAddress(bytes([80, 1, 2, 3]), 9)).emit()
    trio.ann.engine.topology.add(trio.bob.identity.public, trio.net.now)
    assert flood(trio.ann, root, Verb.RENDEZVOUS, introduction) == ASKED[Verb.RENDEZVOUS].burst
    trio.net.run(1_000)
    before = trio.ann.engine.counters["gated_rendezvous"]
    trio.ann.give(packet(root, Verb.RENDEZVOUS, introduction))
    assert trio.ann.engine.counters["gated_rendezvous"] == before


def test_packets_that_take_long_cost_more(trio, root):
    """540 groups take 60 times as long as one: 3 ms."""
    assert flood(root, trio.bob, Verb.MULTICAST_LIKE, LARGEST_LIKE) < 70
    many = Whois(tuple(range(0x2000000000, 0x2000000080))).emit()
    assert flood(root, trio.bob, Verb.WHOIS, many) < 400


def test_answers_that_name_many_cost_more_and_leave_room_for_others(trio, root):
    named = Ok(Verb.MULTICAST_GATHER, 5, bytes(9_000)).emit()
    root.engine.register_ok(Verb.MULTICAST_GATHER, lambda packet, ok, now: None)
    assert flood(root, trio.bob, Verb.OK, named) < ANSWERED[Verb.MULTICAST_GATHER].burst // 150
    for _ in range(100):
        root.give(packet(trio.bob, Verb.OK, Ok(Verb.ECHO, 5, b"").emit()))
    assert root.engine.counters["gated_ok"] == 1
    assert root.engine.counters["ok_unexpected"] > 100


def test_answers_to_nothing_are_gated_whatever_they_say_they_answer(trio, root):
    for number in range(OTHER_ANSWERS.burst + 10):
        root.give(packet(trio.bob, Verb.OK, Ok(11 + number % 5, 5, b"").emit()))
    assert root.engine.counters["gated_ok"] == 10


def test_peer_that_was_gated_is_served_again_after_a_while(trio, root):
    verb = Verb.MULTICAST_LIKE
    flood(root, trio.bob, verb, PAYLOADS[verb])
    root.give(packet(trio.bob, verb, PAYLOADS[verb]))
    assert root.engine.counters["gated_multicast_like"] == 2
    trio.net.run(10 * ASKED[verb].refill_ms)
    for _ in range(10):
        root.give(packet(trio.bob, verb, PAYLOADS[verb]))
    assert root.engine.counters["gated_multicast_like"] == 2


STORMS = {
    "a node whose members all look for one another": (Verb.WHOIS, PAYLOADS[Verb.WHOIS], 1_536),
    "joining 200 networks of a controller": (Verb.NETWORK_CONFIG_REQUEST, bytes(600), 200),
    "announcing 20 groups on 30 networks": (Verb.MULTICAST_LIKE, LARGEST_LIKE[:360], 30),
    "new groups of 30 networks, one by one": (Verb.MULTICAST_LIKE, LARGEST_LIKE[:18], 600),
    "what is behind a large bridge": (Verb.MULTICAST_LIKE, LARGEST_LIKE, 16),
    "a scan of four /24": (Verb.MULTICAST_GATHER, bytes(23), 1_024),
    "32 held frames, asked about ten times": (Verb.ERROR, PAYLOADS[Verb.ERROR], 320),
    "256 sockets that look for a way": (Verb.ECHO, b"", 256),
    "pushes of a node that roams": (Verb.PUSH_DIRECT_PATHS, bytes([0, 64]) + bytes(1_000), 8),
    "a large configuration of 40 networks": (Verb.NETWORK_CONFIG, bytes(1_300), 40 * 50),
}


@pytest.mark.parametrize("storm", STORMS)
def test_storm_of_an_honest_peer_is_not_gated(trio, root, storm):
    verb, payload, count = STORMS[storm]
    assert flood(root, trio.bob, verb, payload, count) == count
