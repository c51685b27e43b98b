"""WHOIS, send queue, deferred packets, relaying, introductions (02, 3.4, 4.4, 4.6, 5.1, 7.4)."""

from __future__ import annotations

import pytest
from vl1_internet import Internet, PortRestrictedNat, identity, planet

from earthline.effects import PacketReceived, UnknownSource
from earthline.vl1.receiving.deferred import MAX_OPENED, MAX_SEALED, MAX_SEALED_PER_SOURCE
from earthline.vl1.sending.sendqueue import MAX_QUEUED
from earthline.vl1.verbs.rendezvous import MAX_PAIRS
from earthline.wire.inet import InetAddress
from earthline.wire.messages.rendezvous import Rendezvous
from earthline.wire.messages.whois import Whois
from earthline.wire.packet import MAX_PACKET, Suite, Verb


def whois_of(host, target):
    return [
        p for p in host.got if p.verb == Verb.WHOIS and target in Whois.parse(p.payload).addresses
    ]


@pytest.fixture
def frames(trio):
    """Frames that Bob's upper layer got."""
    got = []
    trio.bob.engine.register(Verb.FRAME, lambda packet, _now: got.append(packet))
    return got


def test_first_packet_to_a_stranger_arrives_by_the_root(trio, frames):
    trio.start()
    assert trio.ann.engine.send(trio.bob.address, Verb.FRAME, b"hi", trio.net.now) is None
    trio.net.run(60)

    assert [(p.source, p.payload, p.hops) for p in frames] == [(trio.ann.address, b"hi", 1)]


def test_introduced_peers_are_direct_after_the_first_packet(trio, frames):
    trio.start()
    trio.ann.engine.send(trio.bob.address, Verb.FRAME, b"hi", trio.net.now)
    trio.net.run(120)

    assert trio.ann.direct_to(trio.bob)
    assert trio.bob.direct_to(trio.ann)
    assert trio.ann.events()[-2:] == ["peer_relayed", "peer_direct"]


def test_packet_id_returned_is_the_one_on_the_wire(trio, frames):
    trio.start()
    trio.ann.engine.send(trio.bob.address, Verb.FRAME, b"one", trio.net.now)
    trio.net.run(200)
    packet_id = trio.ann.engine.send(trio.bob.address, Verb.FRAME, b"two", trio.net.now)
    trio.net.run(50)
    assert frames[-1].packet_id == packet_id


def test_hosts_behind_two_port_restricted_nats_become_direct(net: Internet):
    root = net.host(1, "198.19.0.1/9993")
    ann, bob = net.host(2, "10.1.0.2/9993"), net.host(3, "10.2.0.2/9993")
    net.nats = [
        PortRestrictedNat(bytes([198, 19, 0, 2]), {bytes([10, 1, 0, 2])}),
        PortRestrictedNat(bytes([198, 19, 0, 3]), {bytes([10, 2, 0, 2])}),
    ]
    for host in (root, ann, bob):
        host.start(planet(root))
    net.run(200)
    ann.engine.send(bob.address, Verb.FRAME, b"hi", net.now)
    net.run(300)

    assert ann.direct_to(bob)
    assert bob.direct_to(ann)


def test_rendezvous_opens_the_nat_with_a_short_lived_datagram(trio, frames):
    trio.start()
    trio.ann.engine.send(trio.bob.address, Verb.FRAME, b"hi", trio.net.now)
    trio.net.run(120)
    openers = [(t.ttl, len(t.datagram)) for t in trio.ann.sent if t.ttl]
    assert openers == [(2, 4)]


def test_rendezvous_with_a_stranger_opens_the_nat_before_anybody_says_who_it_is(trio):
    trio.start()
    ann, stranger = trio.ann, identity(77).address
    path = (0, trio.root.addresses[0].ip, 9993)
    payload = Rendezvous(stranger, InetAddress.parse("198.19.0.7/9993")).emit()
    sent = len(ann.sent)
    ann.give(PacketReceived(path, trio.root.address, 5, 1, 1, Verb.RENDEZVOUS, payload))
    opener = ann.sent[sent]
    assert (opener.ttl, len(opener.datagram)) == (2, 4)
    assert opener.path == (0, bytes([198, 19, 0, 7]), 9993)
    assert ann.engine.topology.peer(stranger) is None


def test_rendezvous_from_a_leaf_is_refused(trio):
    trio.start()
    ann = trio.ann
    ann.engine.topology.add(trio.bob.identity.public, trio.net.now)
    path = (0, bytes([192, 168, 3, 3]), 9993)
    payload = Rendezvous(trio.root.address, InetAddress.parse("192.168.7.7/1")).emit()
    sent = len(ann.sent)
    ann.give(PacketReceived(path, trio.bob.address, 5, 1, 1, Verb.RENDEZVOUS, payload))
    assert len(ann.sent) == sent
    assert ann.engine.counters["refused_rendezvous"] == 1


def test_pair_is_introduced_once_in_30_seconds(trio, frames):
    trio.start()
    lost = {trio.ann.addresses[0], trio.bob.addresses[0]}
    trio.net.drops = lambda source, target, _: {source, target} == lost
    for _ in range(4):
        trio.ann.engine.send(trio.bob.address, Verb.FRAME, b"hi", trio.net.now)
        trio.net.run(9_000)
    introductions = [p for p in trio.ann.got if p.verb == Verb.RENDEZVOUS]
    assert len(introductions) == 1
    trio.ann.engine.send(trio.bob.address, Verb.FRAME, b"hi", trio.net.now)
    trio.net.run(100)
    assert len([p for p in trio.ann.got if p.verb == Verb.RENDEZVOUS]) == 2


def test_pairs_of_one_network_in_whatever_number_keep_no_other_from_being_introduced(trio, frames):
    trio.start()
    pairs = trio.root.engine._introduction._pairs
    for number in range(MAX_PAIRS):
        pairs.passes((number, number + 1), bytes([80, 1, 1]), trio.net.now)
    trio.ann.engine.send(trio.bob.address, Verb.FRAME, b"hello", trio.net.now)
    trio.net.run(2_000)
    assert trio.ann.direct_to(trio.bob)
    assert len(pairs) == MAX_PAIRS


def test_whois_repeats_every_500_ms_for_5_seconds_and_then_gives_up(trio):
    trio.start()
    nobody = identity(20).address
    trio.ann.engine.send(nobody, Verb.FRAME, b"hi", trio.net.now)
    trio.net.run(4_900)
    assert len(whois_of(trio.root, nobody)) == 10
    trio.net.run(20_000)
    assert len(whois_of(trio.root, nobody)) <= 11
    assert trio.ann.engine.counters["send_queue_timeout"] == 1


def test_whois_goes_to_the_next_root_while_the_best_is_dead(net: Internet):
    one, two = net.host(1, "192.168.1.1/9993"), net.host(4, "192.168.4.4/9993")
    ann, bob = net.host(2, "192.168.2.2/9993"), net.host(3, "192.168.3.3/9993")
    world = planet(one, two)
    for host in (one, two, ann, bob):
        host.start(world)
    net.run(300)
    best = ann.engine.best_upstream(net.now)
    dead = next(h for h in (one, two) if h.address == best)
    net.drops = lambda source, target, _: dead.addresses[0] in (source, target)
    ann.engine.whois(bob.address, net.now)
    net.run(600)
    ann.engine.whois(bob.address, net.now)
    net.run(100)
    assert ann.engine.identity_of(bob.address) == bob.identity.public


def test_leaf_answers_one_whois_per_100_ms(trio):
    trio.start()
    trio.ann.engine.topology.add(trio.bob.identity.public, trio.net.now)
    path = (0, bytes([192, 168, 3, 3]), 9993)
    question = Whois((trio.root.address,)).emit()
    before = len(trio.ann.sent)
    for _ in range(3):
        asked = PacketReceived(path, trio.bob.address, 5, 1, 1, Verb.WHOIS, question, 100)
        trio.ann.give(asked)
    assert len(trio.ann.sent) == before + 1
    assert trio.ann.engine.counters["gated_whois"] == 2


def test_root_answers_a_burst_of_whois_and_itself_included(trio):
    trio.start()
    question = Whois((trio.root.address, trio.bob.address)).emit()
    path = (0, bytes([192, 168, 2, 2]), 9993)
    before = len(trio.root.sent)
    for _ in range(20):
        trio.root.give(PacketReceived(path, trio.ann.address, 5, 0, 1, Verb.WHOIS, question))
    assert len(trio.root.sent) == before + 20


def test_identity_from_a_node_that_is_no_upstream_is_not_believed(trio):
    trio.start()
    net, ann, bob = trio.net, trio.ann, trio.bob
    bob.engine.topology.add(identity(30).public, net.now)
    ann.engine.send(bob.address, Verb.WHOIS, Whois((identity(30).address,)).emit(), net.now)
    net.run(200)
    assert ann.engine.counters["whois_ok_not_upstream"] == 1
    assert ann.engine.identity_of(identity(30).address) is None


def test_frames_of_strangers_wait_for_their_identity(trio, frames):
    """All of a burst arrives, though Bob must look Ann up first."""
    trio.start()
    trio.ann.engine.topology.add(trio.bob.identity.public, trio.net.now)
    for number in range(5):
        trio.ann.engine.send(trio.bob.address, Verb.FRAME, bytes([number]), trio.net.now)
    trio.net.run(100)
    assert [p.payload for p in frames] == [bytes([n]) for n in range(5)]


def test_sealed_packets_of_strangers_are_bounded(trio):
    trio.start()
    deferred = trio.ann.engine._deferred
    for number in range(MAX_SEALED * 3):
        source = identity(9).address + number // (2 * MAX_SEALED_PER_SOURCE)
        trio.ann.give(UnknownSource((0, b"\xc0\xa8\x01\x01", 1), source, bytes(60)))
    assert len(deferred) <= MAX_SEALED
    trio.net.run(6_000)
    assert len(deferred) == 0


def test_deferred_packet_is_tried_again_and_keeps_its_age(trio):
    trio.start()
    engine, tries = trio.ann.engine, []

    def not_now(packet, now):
        tries.append(now - start)
        engine.defer(packet, now)

    engine.register(Verb.NETWORK_CREDENTIALS, not_now)
    start = trio.net.now
    path = (0, bytes([192, 168, 1, 1]), 9993)
    trio.ann.give(
        PacketReceived(path, trio.root.address, 5, 0, 3, Verb.NETWORK_CREDENTIALS, b"\x00")
    )
    trio.net.run(20_000)
    assert tries == [0, *range(tries[1], 5_000, 500)]
    assert 0 < tries[1] <= 500
    assert engine.counters["deferred_timeout"] == 1


def test_deferred_packets_are_bounded(trio):
    trio.start()
    engine = trio.ann.engine
    engine.register(Verb.FRAME, engine.defer)
    path = (0, bytes([192, 168, 1, 1]), 9993)
    for number in range(MAX_OPENED + 10):
        trio.ann.give(PacketReceived(path, trio.root.address, number, 0, 3, Verb.FRAME, b""))
    assert len(engine._deferred) == MAX_OPENED
    assert engine.counters["deferred_overflow"] == 10


def test_send_queue_is_bounded(trio):
    trio.start()
    nobody = identity(20).address
    for _ in range(MAX_QUEUED + 5):
        trio.ann.engine.send(nobody, Verb.FRAME, b"", trio.net.now)
    assert len(trio.ann.engine._queue) == MAX_QUEUED
    assert trio.ann.engine.counters["send_queue_overflow"] == 5


def test_packet_sent_before_the_node_is_online_leaves_once_it_is(trio, frames):
    for host in (trio.root, trio.bob):
        host.start(trio.planet)
    trio.net.run(100)
    trio.ann.start(trio.planet)
    trio.ann.engine.send(trio.bob.address, Verb.FRAME, b"early", trio.net.now)
    trio.net.run(100)
    assert [p.payload for p in frames] == [b"early"]


def test_peers_that_never_become_direct_learn_their_versions_by_the_relay(trio, frames):
    trio.start()
    both = {trio.ann.addresses[0], trio.bob.addresses[0]}
    trio.net.drops = lambda source, target, _: {source, target} == both
    for _ in range(3):
        trio.ann.engine.send(trio.bob.address, Verb.FRAME, b"hi", trio.net.now)
        trio.net.run(5_000)
    assert trio.ann.relayed_to(trio.bob)
    assert frames[0].suite == Suite.SALSA20_POLY1305
    assert frames[-1].suite == Suite.AES_GMAC_SIV


def test_large_packet_is_cut_and_arrives_whole(trio, frames):
    trio.start()
    payload = bytes(range(256)) * 30
    trio.ann.engine.send(trio.bob.address, Verb.FRAME, payload, trio.net.now)
    trio.net.run(200)
    assert frames[0].payload == payload
    assert max(len(t.datagram) for t in trio.ann.sent) == 1432


def test_packet_too_large_for_seven_pieces_is_dropped_and_counted(trio, frames):
    trio.start()
    trio.ann.engine.send(trio.root.address, Verb.FRAME, bytes(MAX_PACKET - 28), trio.net.now)
    assert trio.ann.engine.counters["tx_too_large"] == 1


def test_nothing_is_sent_to_ourselves(trio):
    trio.start()
    before = len(trio.ann.sent)
    assert trio.ann.engine.send(trio.ann.address, Verb.FRAME, b"", trio.net.now) is None
    assert len(trio.ann.sent) == before
    assert len(trio.ann.engine._queue) == 0
