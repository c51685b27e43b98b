"""Doubting ways, jumping clocks, telling NATs apart, and reasons."""

from __future__ import annotations

import pytest
from vl1_internet import START, Internet, identity, planet

from earthline.effects import Activity, SessionActivity
from earthline.vl1.ground.local import ALL_SOCKETS, Local
from earthline.vl1.peers.path import PathState
from earthline.vl1.peers.peer import MAX_ATTEMPTS, MAX_PLACES, Peer
from earthline.vl1.reasons import TRYING_MS, Reason, State, _why_relayed
from earthline.vl1.surface.nat import PREDICTED, Mapping, NatWatch
from earthline.vl1.surface.surface import Surface
from earthline.wire.inet import InetAddress
from earthline.wire.packet import Verb

NOW = START
OURS = InetAddress.parse("10.0.0.2/9993")


# Our NAT


class Gateway:
    """A node's view of its NAT: what it sends, and where reporters then see it."""

    def __init__(self):
        self.local = Local(identity(1), bytes, [].append)
        self.local.sockets = {0: OURS}
        self.surface = Surface()
        self.listed = {}
        self.nat = NatWatch(self.local, self.surface, lambda root: self.listed.get(root, ()))

    def sends(self, *targets):
        for target in targets:
            there = InetAddress.parse(target)
            self.nat.sent((ALL_SOCKETS, there.ip, there.port), NOW)

    def seen(self, reporter, target, surface):
        there = InetAddress.parse(target)
        path = PathState((0, there.ip, there.port))
        self.surface.record(reporter, path, InetAddress.parse(surface), NOW, upstream=True)


@pytest.fixture
def gateway():
    gateway = Gateway()
    gateway.sends("80.1.0.1/9993", "80.2.0.1/9993")
    return gateway


def test_one_reporter_is_not_enough_to_judge_a_nat(gateway):
    gateway.seen(1, "80.1.0.1/9993", "81.0.0.1/40000")
    assert gateway.nat.report().mapping is Mapping.UNKNOWN


@pytest.mark.parametrize(
    ("one", "other", "mapping", "stride"),
    [
        ("81.0.0.1/40000", "81.0.0.1/40000", Mapping.INDEPENDENT, 0),
        ("81.0.0.1/40000", "81.0.0.1/40002", Mapping.SEQUENTIAL, 2),
        ("81.0.0.1/40000", "81.0.0.1/39999", Mapping.SEQUENTIAL, -1),
        ("81.0.0.1/40000", "81.0.0.1/52117", Mapping.RANDOM, 0),
    ],
)
def test_nat_is_told_by_the_ports_two_reporters_see(gateway, one, other, mapping, stride):
    gateway.seen(1, "80.1.0.1/9993", one)
    gateway.seen(2, "80.2.0.1/9993", other)
    report = gateway.nat.report()
    assert (report.mapping, report.stride, report.reporters) == (mapping, stride, 2)
    assert report.mapping.symmetric is (mapping in (Mapping.SEQUENTIAL, Mapping.RANDOM))


def test_accident_with_one_destination_makes_no_nat_symmetric(gateway):
    """A NAT on Linux moves the port for whoever sent before we did."""
    gateway.seen(1, "80.1.0.1/9993", "81.0.0.1/40000")
    gateway.seen(2, "80.2.0.1/9993", "81.0.0.1/40000")
    gateway.seen(2, "80.2.0.1/27001", "81.0.0.1/52117")
    report = gateway.nat.report()
    assert report.mapping is Mapping.INDEPENDENT
    assert report.surfaces == (InetAddress.parse("81.0.0.1/40000"),)
    assert gateway.nat.outlook(()).strays == {InetAddress.parse("81.0.0.1/52117")}


def test_port_that_is_kept_once_leaves_the_kind_of_nat_open(gateway):
    gateway.seen(1, "80.1.0.1/9993", "81.0.0.1/9993")
    gateway.seen(1, "80.1.0.1/27001", "81.0.0.1/52117")
    assert gateway.nat.report().mapping is Mapping.UNKNOWN
    assert gateway.nat.outlook(()).strays == {InetAddress.parse("81.0.0.1/52117")}


def test_listed_addresses_of_roots_decide(gateway):
    """Nobody there sends to us first, so what they see is no accident."""
    one, two = "80.1.0.1/9993", "80.2.0.1/9993"
    gateway.listed = {1: (InetAddress.parse(one),), 2: (InetAddress.parse(two),)}
    gateway.seen(1, one, "81.0.0.1/9993")
    gateway.seen(2, two, "81.0.0.1/52117")
    assert gateway.nat.report().mapping is Mapping.RANDOM
    assert gateway.nat.outlook(()).strays == frozenset()


def test_address_dependent_mapping_is_symmetric_to_other_hosts(gateway):
    gateway.seen(1, "80.1.0.1/9993", "81.0.0.1/40000")
    gateway.seen(1, "80.1.0.1/27001", "81.0.0.1/40000")
    gateway.seen(2, "80.2.0.1/9993", "81.0.0.1/52117")
    assert gateway.nat.report().mapping is Mapping.RANDOM


def test_ports_are_predicted_past_what_was_sent_since(gateway):
    gateway.seen(1, "80.1.0.1/9993", "81.0.0.1/40000")
    gateway.seen(2, "80.2.0.1/9993", "81.0.0.1/40001")
    gateway.sends("80.9.0.1/1", "80.9.0.1/2", "80.9.0.1/1")
    ports = [address.port for address in gateway.nat.outlook(()).predicted]
    assert ports == list(range(40_004, 40_004 + PREDICTED))


def test_targets_sent_to_already_are_told_the_ports_they_see(gateway):
    gateway.seen(1, "80.1.0.1/9993", "81.0.0.1/40000")
    gateway.seen(2, "80.2.0.1/9993", "81.0.0.1/40001")
    gateway.sends("80.9.0.1/1", "80.9.0.1/2")
    targets = [InetAddress.parse("80.9.0.1/2"), InetAddress.parse("80.9.0.1/1")]
    ports = [address.port for address in gateway.nat.outlook(targets).predicted]
    assert ports[:3] == [40_002, 40_003, 40_004]


def test_random_ports_are_not_predicted(gateway):
    gateway.seen(1, "80.1.0.1/9993", "81.0.0.1/40000")
    gateway.seen(2, "80.2.0.1/9993", "81.0.0.1/1999")
    assert gateway.nat.outlook(()).predicted == ()


def test_predicted_ports_stay_in_range(gateway):
    gateway.seen(1, "80.1.0.1/9993", "81.0.0.1/65533")
    gateway.seen(2, "80.2.0.1/9993", "81.0.0.1/65534")
    assert [address.port for address in gateway.nat.outlook(()).predicted] == [65_535]


def test_destinations_counted_are_bounded(gateway):
    gateway.sends(*(f"80.3.{n // 256}.{n % 256}/9" for n in range(3_000)))
    assert len(gateway.nat._sent) <= 1_024


# What is noted of peers


def test_places_and_attempts_of_a_peer_are_bounded():
    peer = Peer(identity(2).public, bytes(48), NOW)
    for number in range(100):
        place = InetAddress(bytes((80, 0, 0, number)), 9_993)
        peer.remember_place(place)
        peer.tried((ALL_SOCKETS, *place), NOW + number)
        peer.tried((ALL_SOCKETS, *place), NOW + number)
    assert len(peer.places) == MAX_PLACES
    assert len(peer.attempts) == MAX_ATTEMPTS
    assert [attempt.times for attempt in peer.attempts.values()] == [2] * MAX_ATTEMPTS


@pytest.mark.parametrize(
    ("places", "attempts", "reason"),
    [
        (1, 1, Reason.UDP_BLOCKED),
        (1, 0, Reason.UNKNOWN_PLACE),
        (0, 0, Reason.UNKNOWN_PLACE),
    ],
)
def test_patience_is_no_reason_after_half_a_minute(places, attempts, reason):
    """However few attempts there were: nothing came of them."""
    gateway, peer = Gateway(), Peer(identity(2).public, bytes(48), NOW)
    there = InetAddress.parse("80.9.0.1/9993")
    peer.relayed_since = NOW
    if places:
        peer.remember_place(there)
    if attempts:
        peer.tried((ALL_SOCKETS, *there), NOW)
    report = gateway.nat.report
    assert _why_relayed(peer, gateway.local, report, NOW + TRYING_MS - 1) is Reason.TRYING
    assert _why_relayed(peer, gateway.local, report, NOW + TRYING_MS) is reason


# Roots and reasons


@pytest.fixture
def two_roots(net: Internet):
    roots = [net.host(1, "192.168.1.1/9993"), net.host(4, "192.168.4.4/9993")]
    ann, bob = net.host(2, "192.168.2.2/9993"), net.host(3, "192.168.3.3/9993")
    world = planet(*roots)
    for host in (*roots, ann, bob):
        host.start(world)
    net.run(500)
    ann.engine.topology.add(bob.identity.public, net.now)
    bob.engine.topology.add(ann.identity.public, net.now)
    return net, roots, ann, bob


def flow(net, ann, bob, ms):
    """Frames leave for Bob in the switch, which reports twice a second."""
    for _ in range(ms // 500):
        session = SessionActivity(bob.address, 0, 0, 0, 0, net.now)
        ann.give(Activity((session,), (), ()))
        net.run(500)


def state_of(host, other):
    states = host.engine.peer_states(host.net.now)
    return next(state for state in states if state.address == other.address)


def best(net, roots, host):
    address = host.engine.best_upstream(net.now)
    return next(root for root in roots if root.address == address)


def test_silent_root_is_passed_over_and_taken_back_when_heard(two_roots):
    net, roots, ann, bob = two_roots
    first = best(net, roots, ann)
    gone, far = first.addresses[0], bob.addresses[0]
    direct = {ann.addresses[0], far}
    net.drops = lambda source, target, _: gone in (source, target) or {source, target} == direct
    flow(net, ann, bob, 4_000)
    second = best(net, roots, ann)
    assert second is not first
    assert ann.relay.upstream == second.address
    assert ann.relay.path[1] == second.addresses[0].ip

    net.drops = lambda *_: False
    net.run(6_000)
    assert not ann.engine.peer(first.address).silent_at


def test_no_root_is_passed_over_when_none_answers(two_roots):
    net, roots, ann, bob = two_roots
    first = best(net, roots, ann)
    net.drops = lambda *_: True
    flow(net, ann, bob, 10_000)
    assert best(net, roots, ann) is first
    assert not any(ann.engine.peer(root.address).silent_at for root in roots)


def test_no_probe_leaves_while_nothing_flows(two_roots):
    net, _roots, ann, _bob = two_roots
    net.run(20_000)
    ann.sent.clear()
    net.run(10_000)
    # A heartbeat or two to each root, and nothing else.
    assert len(ann.sent) <= 4


def test_probes_of_a_dead_peer_become_slow(two_roots):
    net, _roots, ann, bob = two_roots
    bob.running = False
    flow(net, ann, bob, 10_000)
    assert (state_of(ann, bob).state, state_of(ann, bob).reason) == (
        State.UNREACHABLE,
        Reason.SILENT,
    )
    ann.sent.clear()
    flow(net, ann, bob, 30_000)
    assert len(ann.sent) < 120


def test_node_without_an_answering_root_says_so(net: Internet):
    root, ann, bob = (net.host(n, f"192.168.{n}.1/9993") for n in (1, 2, 3))
    ann.start(planet(root))
    ann.engine.topology.add(bob.identity.public, net.now)
    net.run(5_000)
    assert state_of(ann, bob).reason is Reason.NO_ROOT
    assert state_of(ann, root).reason is Reason.UDP_BLOCKED


def test_node_whose_only_root_has_died_does_not_blame_the_peer(trio):
    trio.start()
    ann, bob, net = trio.ann, trio.bob, trio.net
    ann.engine.topology.add(bob.identity.public, net.now)
    direct = {ann.addresses[0], bob.addresses[0]}
    net.drops = lambda source, target, _: {source, target} == direct
    flow(net, ann, bob, 3_000)
    assert state_of(ann, bob).state is State.RELAYED
    trio.root.running = False
    flow(net, ann, bob, 15_000)
    assert (state_of(ann, bob).state, state_of(ann, bob).reason) == (
        State.UNREACHABLE,
        Reason.NO_ROOT,
    )


def test_probe_is_an_ordinary_echo(two_roots):
    net, _roots, ann, bob = two_roots
    flow(net, ann, bob, 3_000)
    net.run(200)
    ann.got.clear(), bob.got.clear()
    net.run(5_500)
    flow(net, ann, bob, 6_000)
    assert set(bob.verbs_from(ann)) <= {Verb.ECHO, Verb.HELLO, Verb.OK}
    assert Verb.ECHO in bob.verbs_from(ann)
