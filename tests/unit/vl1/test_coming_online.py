"""HELLO and its answers (02, 3.6 to 3.8, 2.9, 8.1)."""

from __future__ import annotations

from vl1_internet import Internet, identity, planet

from earthline import _native
from earthline._native import SessionKey
from earthline.effects import HelloReceived, PacketReceived
from earthline.vl1.ground.gates import IdentityGate
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.messages.hello import Hello, tail_mask
from earthline.wire.messages.ok import Ok, OkHello
from earthline.wire.packet import Suite, Verb, build


def hello_to(host, secret, *, protocol=12, source=None, key=None, now=0, moons=()):
    """A clear HELLO as anybody might make it."""
    session = SessionKey(key or secret.agree(host.identity.public))
    hello = Hello(
        protocol, 1, 14, 1, now, secret.public, InetAddress.parse("192.168.1.1/9993"), moons=moons
    )
    payload = hello.emit(tail_mask(session, 77))
    packet = build(77, host.address, source or secret.address, Verb.HELLO, payload)
    return session.seal(packet, Suite.POLY1305)


PATH = (0, bytes([192, 168, 5, 5]), 9993)


def answers(host, secret):
    """What ``host`` sent to PATH, opened by the owner of ``secret``."""
    session = SessionKey(secret.agree(host.identity.public))
    opened = [session.open(t.datagram) for t in host.sent if t.path == PATH]
    return [packet for packet in opened if packet is not None]


def test_node_comes_online_within_one_round_trip(trio):
    trio.start()

    assert trio.ann.events()[:2] == ["peer_direct", "online"]
    assert trio.ann.engine.online
    assert trio.ann.direct_to(trio.root)
    assert trio.root.direct_to(trio.ann)


def test_first_answer_is_salsa_and_the_next_is_aes(trio):
    trio.start()
    trio.net.run(70_000)

    suites = [p.suite for p in trio.ann.got if p.verb == Verb.OK and p.hops == 0]
    assert suites[0] == Suite.SALSA20_POLY1305
    assert suites[-1] == Suite.AES_GMAC_SIV
    assert trio.root.suites[trio.ann.address] == Suite.AES_GMAC_SIV


def test_versions_and_latency_are_learned(trio):
    trio.start()

    root = trio.ann.engine.peer(trio.root.address)
    assert (root.protocol, root.version) == (12, (1, 14, 1))
    assert root.latency == 20


def test_every_valid_hello_is_answered(trio):
    trio.root.start(trio.planet)
    stranger = identity(9)
    packet = hello_to(trio.root, stranger)
    for _ in range(50):
        trio.root.give(HelloReceived(PATH, packet))

    oks = [p for p in answers(trio.root, stranger) if p[27] == Verb.OK]
    assert len(oks) == 50


def test_answer_names_the_address_seen_and_our_versions(trio):
    trio.root.start(trio.planet)
    stranger = identity(9)
    trio.root.give(HelloReceived(PATH, hello_to(trio.root, stranger, now=1234)))

    ok = Ok.parse(answers(trio.root, stranger)[0][28:])
    answer = OkHello.parse(ok.payload)
    assert (ok.in_re_verb, ok.in_re_packet_id) == (Verb.HELLO, 77)
    assert answer.timestamp == 1234
    assert answer.protocol == 12
    assert answer.seen_from == InetAddress(PATH[1], PATH[2])


def test_peer_below_protocol_5_is_told_no_port(trio):
    trio.root.start(trio.planet)
    stranger = identity(9)
    trio.root.give(HelloReceived(PATH, hello_to(trio.root, stranger, protocol=4)))

    ok = Ok.parse(answers(trio.root, stranger)[0][28:])
    assert OkHello.parse(ok.payload).seen_from == InetAddress(PATH[1], 0)


def refused(host, packet, reason):
    host.give(HelloReceived(PATH, packet))
    assert host.engine.counters[reason] == 1
    assert host.engine.peer(identity(9).address) is None
    assert host.sent == []


def test_hello_with_a_broken_mac_changes_nothing(trio):
    packet = bytearray(hello_to(trio.root, identity(9)))
    packet[-1] ^= 1
    refused(trio.root, bytes(packet), "hello_bad_mac")


def test_hello_of_protocol_3_is_dropped(trio):
    refused(trio.root, hello_to(trio.root, identity(9), protocol=3), "hello_old_protocol")


def test_hello_under_a_foreign_source_is_dropped(trio):
    packet = hello_to(trio.root, identity(9), source=identity(10).address)
    refused(trio.root, packet, "hello_wrong_source")


def test_identity_that_was_never_worked_for_is_refused(trio):
    keys = identity(10)
    forged = SecretIdentity(Identity(identity(9).address, keys.public.public_key), keys.private_key)
    refused(trio.root, hello_to(trio.root, forged), "hello_invalid_identity")


def test_truncated_hello_is_counted_as_malformed(trio):
    packet = hello_to(trio.root, identity(9))[:60]
    refused(trio.root, packet, "malformed_HelloReceived")


def test_strangers_of_one_prefix_are_limited(trio):
    packet = bytearray(hello_to(trio.root, identity(9)))
    packet[-1] ^= 1
    for _ in range(40):
        trio.root.give(HelloReceived(PATH, bytes(packet)))

    assert trio.root.engine.counters["hello_bad_mac"] == 16
    assert trio.root.engine.counters["hello_gated"] == 24


def test_strangers_of_other_prefixes_are_let_in_meanwhile():
    gate = IdentityGate()
    flood = [gate.passes(bytes([10, 0, 0, n]), 1000) for n in range(200)]
    assert sum(flood) == 16
    assert gate.passes(bytes([10, 0, 1, 1]), 1000)
    assert not gate.passes(bytes([10, 0, 0, 1]), 1400)
    assert gate.passes(bytes([10, 0, 0, 1]), 1500)


def test_second_owner_of_an_address_is_told_of_the_collision_by_its_root(net):
    root = net.host(1, "192.168.1.1/9993")
    first = net.host(2, "192.168.2.2/9993")
    world = planet(root)
    second = net.host(3, "192.168.3.3/9993")
    second.identity = SecretIdentity(
        Identity(first.address, second.identity.public.public_key), second.identity.private_key
    )
    second.boot()
    for host in (root, first):
        host.start(world)
    net.run(100)
    second.start(world)
    net.run(100)

    assert "identity_collision" in second.events()
    assert "identity_collision" not in first.events()
    assert root.engine.identity_of(first.address) == first.identity.public
    assert "address_taken" in root.events()


def test_collision_claimed_by_a_leaf_is_ignored(trio):
    trio.start()
    payload = bytes([Verb.HELLO]) + bytes(8) + b"\x04"
    trio.ann.engine.topology.add(trio.bob.identity.public, trio.net.now)
    trio.ann.give(PacketReceived(PATH, trio.bob.address, 5, 0, 1, Verb.ERROR, payload))
    assert "identity_collision" not in trio.ann.events()


def hellos(host):
    return [t for t in host.sent if t.datagram[18] & 0x38 == 0 and t.datagram[27] == Verb.HELLO]


def test_silent_root_is_tried_eagerly_then_every_5_seconds_for_ever(trio):
    trio.ann.start(trio.planet)
    for tries, wait_ms in enumerate((50, 100, 200, 300, 400, 500), start=1):
        trio.net.run(wait_ms)
        assert len(hellos(trio.ann)) == tries
    trio.net.run(8_350)
    assert len(hellos(trio.ann)) == 20
    trio.net.run(600_000)
    assert 120 <= len(hellos(trio.ann)) - 20 <= 121
    assert not trio.ann.engine.online


def test_root_that_appears_late_is_found_within_5_seconds(trio):
    trio.ann.start(trio.planet)
    trio.net.run(1_000_000)
    trio.root.start(trio.planet)
    trio.net.run(5_100)
    assert trio.ann.engine.online


def test_node_goes_offline_500_seconds_after_the_last_word(trio):
    trio.start()
    trio.net.drops = lambda *_: True
    trio.net.run(499_000)
    assert trio.ann.engine.online
    trio.net.run(7_000)
    assert not trio.ann.engine.online
    assert trio.ann.events().count("offline") == 1


def test_lone_root_is_online_at_once(trio):
    trio.root.start(trio.planet)
    assert trio.root.events() == ["online"]
    assert trio.root.engine.acting_as_upstream
    assert trio.root.engine.upstreams == ()
    assert trio.root.relay.open


def test_hello_leaves_by_every_socket_and_each_answer_makes_a_path(net: Internet):
    root = net.host(1, "192.168.1.1/9993")
    ann = net.host(2, "192.168.2.2/9993", "192.168.2.2/29993")
    for host in (root, ann):
        host.start(planet(root))
    net.run(200)

    sockets = {path[0] for path in ann.paths[root.address]}
    assert sockets == {0, 1}


def test_hello_matches_the_reference_layout(trio):
    trio.ann.start(trio.planet)
    packet = hellos(trio.ann)[0].datagram
    assert len(packet) == 137
    session = SessionKey(
        _native.agree(trio.root.identity.private_key, trio.ann.identity.public.public_key)
    )
    plain = session.open(packet)
    packet_id = int.from_bytes(packet[:8], "big")
    hello = Hello.parse(plain[28:], tail_mask(session, packet_id))
    assert (hello.protocol, hello.planet_id, hello.planet_timestamp) == (12, 7, 1)
    assert hello.sent_to == InetAddress.parse("192.168.1.1/9993")
