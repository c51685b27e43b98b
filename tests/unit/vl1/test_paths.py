"""Learning, choosing and expiry of paths, keep-alive, changing sockets (02, 3.9, 6 and 7.9)."""

from __future__ import annotations

import pytest
from vl1_internet import START, Internet, PortRestrictedNat, identity, planet

from earthline.effects import Activity, PacketReceived, PathSeen, SessionActivity, SocketsChanged
from earthline.vl1.peers.path import PathState
from earthline.vl1.peers.peer import MAX_SLOTS, Slot, best_of
from earthline.vl1.peers.physical import PhysicalNetwork
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress
from earthline.wire.messages.ok import Ok
from earthline.wire.packet import Suite, Verb


def path(text: str, **stamps: int) -> PathState:
    address = InetAddress.parse(text)
    state = PathState((0, address.ip, address.port))
    for name, value in stamps.items():
        setattr(state, name, value)
    return state


NOW = START


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (path("10.0.0.1/1", last_in=NOW, latency=5), path("10.0.0.2/1", last_in=NOW, latency=9)),
        (path("10.0.0.1/1", last_in=NOW, latency=30), path("9.0.0.1/1", last_in=NOW, latency=10)),
        (
            path("9.0.0.1/1", last_in=NOW, latency=90),
            path("10.0.0.1/1", last_in=NOW - 19_000, latency=1),
        ),
        (path("10.0.0.1/1", last_in=NOW - 20_000), path("10.0.0.1/2", last_in=NOW - 90_000)),
    ],
    ids=["lower latency", "nearer scope", "alive", "fresher"],
)
def test_better_path_has_lower_quality(better, worse):
    assert better.quality(NOW) < worse.quality(NOW)


def test_ties_go_to_the_later_slot():
    one, two = (Slot(path(f"10.0.0.{n}/1", last_in=NOW, latency=8), NOW) for n in (1, 2))
    assert best_of([one, two], NOW) is two


def test_latency_is_folded_halfway():
    state = path("10.0.0.1/1")
    for sample in (40, 20, 50):
        state.sample_latency(sample)
    assert state.latency == 40


@pytest.fixture
def pair(trio):
    """Ann and Bob, directly connected."""
    trio.start()
    trio.bob.engine.register(Verb.FRAME, lambda _packet, _now: None)
    trio.ann.engine.send(trio.bob.address, Verb.FRAME, b"", trio.net.now)
    trio.net.run(200)
    assert trio.ann.direct_to(trio.bob)
    return trio


def chat(trio, duration, *, every=10_000):
    """Frames from Ann to Bob, which keep both active."""
    for _ in range(duration // every):
        trio.ann.engine.send(trio.bob.address, Verb.NETWORK_CONFIG, b"", trio.net.now)
        trio.bob.engine.send(trio.ann.address, Verb.NETWORK_CONFIG, b"", trio.net.now)
        trio.net.run(every)


def test_idle_path_of_an_active_peer_gets_heartbeats(pair):
    chat(pair, 10_000)
    before = len(pair.ann.sent)
    pair.net.run(60_000)
    to_bob = [t for t in pair.ann.sent[before:] if t.path[1] == pair.bob.addresses[0].ip]
    assert len(to_bob) >= 4
    assert pair.ann.direct_to(pair.bob)


def test_silent_direct_path_gives_way_to_the_relay_and_comes_back(pair):
    chat(pair, 10_000)
    both = {pair.ann.addresses[0], pair.bob.addresses[0]}
    pair.net.drops = lambda source, target, _: {source, target} == both
    pair.net.run(250_000)
    assert pair.ann.relayed_to(pair.bob)
    assert pair.ann.paths[pair.bob.address] == ()

    pair.net.drops = lambda *_: False
    pair.ann.engine.send(pair.bob.address, Verb.FRAME, b"", pair.net.now)
    pair.net.run(200)
    assert pair.ann.direct_to(pair.bob)


def test_all_expired_slots_go_at_once(pair):
    peer = pair.ann.engine.peer(pair.bob.address)
    for number in range(5):
        state = pair.ann.engine.paths.get((0, bytes([192, 168, 9, number]), 1))
        peer.slots.insert(0, Slot(state, pair.net.now - 300_000))
    peer.nontrivial_at = pair.net.now
    pair.net.run(6_000)
    assert [slot.path.address for slot in peer.slots] == [pair.bob.addresses[0]]


def test_quiet_root_keeps_its_path_for_hours(trio):
    trio.start()
    trio.net.run(3_600_000)
    assert trio.ann.direct_to(trio.root)
    assert trio.root.direct_to(trio.ann)


def test_packet_by_an_unknown_path_is_answered_with_one_hello_a_second(pair):
    elsewhere = (0, bytes([192, 168, 77, 7]), 555)
    sent = len(pair.ann.sent)
    for _ in range(3):
        pair.ann.give(PathSeen(pair.bob.address, elsewhere, 100))
    assert len(pair.ann.sent) == sent + 1
    assert pair.ann.sent[-1].path == (-1, *elsewhere[1:])
    assert elsewhere not in pair.ann.paths[pair.bob.address]


def test_changed_port_is_not_learned_while_the_path_lives(pair):
    path = (0, pair.bob.addresses[0].ip, 4444)
    sent = len(pair.ann.sent)
    pair.ann.give(PathSeen(pair.bob.address, path))
    assert len(pair.ann.sent) == sent


def test_peer_whose_nat_changed_its_port_is_found_again(net: Internet):
    root = net.host(1, "198.19.0.1/9993")
    ann = net.host(2, "10.1.0.2/9993")
    net.nats = [PortRestrictedNat(bytes([198, 19, 0, 2]), {bytes([10, 1, 0, 2])})]
    for host in (root, ann):
        host.start(planet(root))
    net.run(200)
    ann.addresses = {0: InetAddress.parse("10.1.0.2/7777")}
    net.run(40_000)
    assert [p[2] for p in root.paths[ann.address]] == [7777]


def test_unexpected_ok_teaches_nothing(pair):
    peer = pair.ann.engine.peer(pair.bob.address)
    heard = peer.last_receive
    pair.net.run(1_000)
    elsewhere = (0, bytes([192, 168, 77, 7]), 555)
    forged = Ok(Verb.ECHO, 12345, b"").emit()
    pair.ann.give(PacketReceived(elsewhere, pair.bob.address, 1, 0, 3, Verb.OK, forged))
    assert peer.last_receive == heard
    assert elsewhere not in pair.ann.paths[pair.bob.address]
    assert pair.ann.engine.counters["ok_unexpected"] == 1


def test_ok_from_somebody_else_than_asked_is_ignored(pair):
    packet_id = pair.ann.engine.send(pair.root.address, Verb.ECHO, b"", pair.net.now)
    stolen = Ok(Verb.ECHO, packet_id, b"").emit()
    at = (0, *pair.bob.addresses[0])
    pair.ann.give(PacketReceived(at, pair.bob.address, 1, 0, 3, Verb.OK, stolen))
    assert pair.ann.engine.counters["ok_unexpected"] == 1


def confirm(host, peer, path):
    """Let ``path`` be confirmed by an answer to an ECHO."""
    known = host.engine.peer(peer.address)
    packet_id = host.engine._outbound.write(known, path, Verb.ECHO, b"", host.net.now)
    answer = Ok(Verb.ECHO, packet_id, b"").emit()
    host.give(PacketReceived(path, peer.address, 1, 0, 3, Verb.OK, answer))


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1/9993", "169.254.1.1/9993", "fe80::2/9993", "2001:470::1/9993", "10.147.17.5/9993"],
)
def test_unusable_address_never_becomes_a_path(pair, text):
    pair.ann.engine.local.assigned_networks = lambda: [InetAddress.parse("10.147.17.3/24")]
    address = InetAddress.parse(text)
    confirm(pair.ann, pair.bob, (0, *address))
    assert (0, *address) not in pair.ann.paths[pair.bob.address]


def test_virtual_subnet_of_all_addresses_leaves_every_path_usable(pair):
    pair.ann.engine.local.assigned_networks = lambda: [InetAddress.parse("1.2.3.4/0")]
    elsewhere = (0, bytes([192, 168, 77, 7]), 555)
    confirm(pair.ann, pair.bob, elsewhere)
    assert elsewhere in pair.ann.paths[pair.bob.address]


@pytest.mark.parametrize(
    ("cable", "usable"),
    [("10.16.0.0/17", True), ("10.0.0.0/8", True), ("10.0.0.0/7", False), ("10.17.0.0/16", False)],
)
def test_cable_inside_a_virtual_subnet_leads_to_its_own_hosts(pair, cable, usable):
    pair.ann.engine.local.assigned_networks = lambda: [
        InetAddress.parse("10.200.0.10/8"),
        InetAddress.parse("10.16.77.1/24"),
    ]
    sockets = tuple(pair.ann.addresses.items())
    pair.ann.give(SocketsChanged(sockets, on_link=(InetAddress.parse(cable),)))
    neighbour = (0, *InetAddress.parse("10.16.0.7/9993"))
    covered = (0, *InetAddress.parse("10.16.77.7/9993"))
    for path in (neighbour, covered):
        confirm(pair.ann, pair.bob, path)
    assert (neighbour in pair.ann.paths[pair.bob.address]) is usable
    assert covered not in pair.ann.paths[pair.bob.address]


def test_host_may_veto_a_path(pair):
    pair.ann.engine.local.path_allowed = lambda address, _endpoint: address != pair.bob.address
    elsewhere = (0, bytes([192, 168, 77, 7]), 555)
    confirm(pair.ann, pair.bob, elsewhere)
    assert elsewhere not in pair.ann.paths[pair.bob.address]


def test_root_is_only_reached_at_its_stable_endpoints(trio):
    trio.start()
    stranger, known = (0, bytes([192, 168, 77, 7]), 9993), (0, trio.root.addresses[0].ip, 7)
    trio.net.run(30_000)
    trio.ann.engine.paths.get((0, *trio.root.addresses[0])).last_in = trio.net.now - 20_000
    confirm(trio.ann, trio.root, stranger)
    confirm(trio.ann, trio.root, known)
    assert known in trio.ann.paths[trio.root.address]
    assert stranger not in trio.ann.paths[trio.root.address]


def test_full_table_gives_up_the_path_silent_longest(pair):
    for number in range(MAX_SLOTS + 6):
        pair.net.run(10)
        confirm(pair.ann, pair.bob, (0, bytes([192, 168, 100, number]), 9))
    slots = pair.ann.paths[pair.bob.address]
    assert len(slots) == MAX_SLOTS
    assert (0, bytes([192, 168, 100, MAX_SLOTS + 5]), 9) in slots


def test_closed_socket_takes_its_paths_along_and_active_peers_are_greeted_by_the_other(pair):
    ann, net = pair.ann, pair.net
    chat(pair, 10_000)
    ann.addresses = {5: InetAddress.parse("192.168.22.2/9993")}
    ann.bind()
    net.run(1_500)
    assert {p[0] for p in ann.paths[pair.bob.address]} == {5}
    assert {p[0] for p in ann.paths[pair.root.address]} == {5}
    assert ann.direct_to(pair.bob)


def test_idle_peers_are_not_greeted_before_they_are_wanted_when_sockets_change(pair):
    ann, bob = pair.ann, pair.bob
    was = bob.addresses[0]
    ann.sent.clear()
    ann.addresses = {5: InetAddress.parse("192.168.22.2/9993")}
    ann.bind()
    pair.net.run(3_000)
    assert was not in [InetAddress(*sent.path[1:]) for sent in ann.sent]
    assert was in ann.engine.peer(bob.address).places

    ann.engine.send(bob.address, Verb.FRAME, b"", pair.net.now)
    pair.net.run(200)
    assert ann.direct_to(bob)


def test_root_whose_sockets_change_greets_its_clients_some_at_a_time(trio):
    trio.start()
    trio.net.run(10_000)
    root = trio.root
    root.sent.clear()
    root.addresses = {5: root.addresses[0]}
    root.bind()
    assert root.sent == []
    trio.net.run(200)
    assert root.direct_to(trio.ann)
    assert root.direct_to(trio.bob)


def test_same_sockets_again_change_nothing(pair):
    sent = len(pair.ann.sent)
    pair.ann.give(SocketsChanged(tuple(pair.ann.addresses.items()), (InetAddress(b"\x09" * 4, 7),)))
    assert len(pair.ann.sent) == sent


def test_switch_activity_keeps_slots_and_peers_alive(pair):
    ann, bob, net = pair.ann, pair.bob, pair.net
    at = ann.paths[bob.address][0]
    net.run(200_000)
    now = net.now
    ann.give(
        Activity(
            (SessionActivity(bob.address, now, now, 0, now, now),),
            ((bob.address, at, now),),
            ((at, now, now),),
        )
    )
    peer = ann.engine.peer(bob.address)
    assert (peer.last_receive, peer.nontrivial_at, peer.trusted_at) == (now, now, now)
    assert peer.slots[0].received_at == now
    assert peer.slots[0].path.last_out == now
    assert peer.active(now)


def test_activity_of_unknown_peers_and_paths_makes_no_state(pair):
    engine = pair.ann.engine
    before = (len(engine.topology.peers), len(engine.paths))
    other = (0, b"\x09\x09\x09\x09", 9)
    pair.ann.give(
        Activity((SessionActivity(77, 1, 1, 1, 1, 1),), ((77, other, 1),), ((other, 1, 1),))
    )
    assert (len(engine.topology.peers), len(engine.paths)) == before


def test_trusted_network_is_sent_unencrypted_packets_with_its_id(pair):
    network = PhysicalNetwork(InetAddress.parse("192.168.3.0/24"), 0, 0xABC)
    pair.ann.engine.physical.configure([network])
    pair.ann.engine.send(pair.bob.address, Verb.FRAME, b"clear", pair.net.now)
    datagram = pair.ann.sent[-1].datagram
    assert datagram[18] >> 3 & 7 == Suite.TRUSTED_PATH
    assert int.from_bytes(datagram[19:27], "big") == 0xABC
    assert datagram[27:] == bytes([Verb.FRAME]) + b"clear"


def test_physical_mtu_is_clamped_and_installed(pair):
    network = PhysicalNetwork(InetAddress.parse("192.168.3.0/24"), 100)
    pair.ann.engine.physical.configure([network])
    pair.net.run(6_000)
    assert pair.ann.routes[pair.bob.address].mtu == 1_400


def test_silent_peer_is_forgotten_after_500_seconds_but_roots_are_not(pair):
    pair.net.drops = lambda *_: True
    pair.net.run(540_000)
    assert pair.ann.engine.peer(pair.bob.address) is None
    assert pair.bob.address not in pair.ann.keys
    assert pair.ann.engine.peer(pair.root.address) is not None


def test_peer_table_is_bounded_and_keeps_the_roots(trio):
    trio.start()
    topology = trio.ann.engine.topology
    topology.peer_limit = 8
    key = identity(9).public.public_key
    for number in range(40, 60):
        topology.add(Identity(number, key), trio.net.now + number)
    assert len(topology.peers) <= 8
    assert trio.ann.engine.peer(trio.root.address) is not None
    assert trio.ann.engine.peer(59) is not None


def test_hints_are_tried_for_relayed_peers_every_30_seconds(trio):
    trio.start()
    ann = trio.ann
    ann.engine.topology.add(trio.bob.identity.public, trio.net.now)
    trio.net.drops = lambda source, target, _: target == trio.bob.addresses[0]
    hint = InetAddress.parse("192.168.88.8/8")
    ann.engine._seek.hints = lambda _address: [hint]
    for _ in range(4):
        ann.engine.send(trio.bob.address, Verb.FRAME, b"", trio.net.now)
        trio.net.run(10_000)
    assert [t.path for t in ann.sent].count((-1, *hint)) == 2
