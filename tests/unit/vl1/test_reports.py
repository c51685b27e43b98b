"""What strangers say of our address: it neither makes our NAT look different nor crowds a push."""

from __future__ import annotations

import pytest
from vl1_internet import START, identity

from earthline.vl1.ground.local import Local
from earthline.vl1.peers.path import PathState
from earthline.vl1.surface.nat import Mapping, NatWatch
from earthline.vl1.surface.surface import MAX_FOREIGN, MAX_OF_STRANGERS, Surface
from earthline.vl1.traversal.surface_reports import SurfaceReports
from earthline.wire.inet import InetAddress

at = InetAddress.parse
OURS = at("10.0.0.2/9993")
OUTSIDE = at("81.0.0.1/40000")
ROOTS = {1: "80.1.0.1/9993", 2: "80.2.0.1/9993"}
STRANGER = 99


class Reports:
    """A node behind a NAT, and what it is told."""

    def __init__(self):
        local = Local(identity(1), bytes, [].append)
        local.sockets = {0: OURS}
        self.surface = Surface()
        self.nat = NatWatch(local, self.surface)

    def roots_say(self, *surfaces):
        for (root, place), surface in zip(ROOTS.items(), surfaces, strict=False):
            self.say(root, place, surface, upstream=True)

    def say(self, reporter, place, surface, *, upstream=False, member=False):
        there = at(place)
        path = PathState((0, there.ip, there.port))
        self.surface.record(reporter, path, surface, START, upstream=upstream, member=member)

    def stranger_says(self, surfaces, reporter=STRANGER):
        """The same node, from one port after the other."""
        for port, surface in enumerate(surfaces, 1_024):
            self.say(reporter, f"80.9.0.1/{port}", surface)

    @property
    def mapping(self):
        return self.nat.report().mapping


@pytest.fixture
def reports():
    return Reports()


def lies(count=100, ip="81.9.9.9"):
    return [at(f"{ip}/{2_000 + 17 * number}") for number in range(count)]


def test_one_reporter_is_counted_once_whatever_ports_it_reports_from(reports):
    reports.stranger_says([OUTSIDE, at("81.0.0.1/50000")])
    assert reports.mapping is Mapping.UNKNOWN
    assert reports.nat.report().reporters == 1


def test_two_ports_of_the_only_root_show_a_symmetric_nat(reports):
    for port in (9_993, 20_000):
        reports.nat.sent((0, at("80.1.0.1/1").ip, port), START)
    reports.say(1, ROOTS[1], OUTSIDE, upstream=True)
    reports.say(1, "80.1.0.1/20000", at("81.0.0.1/40001"), upstream=True)
    assert reports.mapping is Mapping.SEQUENTIAL


@pytest.mark.parametrize(
    "said",
    [lies(), lies(ip="81.0.0.1"), [OURS]],
    ids=["another IP", "many ports", "no NAT"],
)
def test_stranger_does_not_overrule_two_roots(reports, said):
    reports.roots_say(OUTSIDE, OUTSIDE)
    reports.stranger_says(said)
    assert reports.mapping is Mapping.INDEPENDENT
    assert reports.nat.seen_at(0) == OUTSIDE


def test_root_and_member_are_enough_without_strangers(reports):
    reports.roots_say(OUTSIDE)
    reports.say(7, "80.7.0.1/9993", OUTSIDE, member=True)
    reports.stranger_says(lies())
    assert reports.mapping is Mapping.INDEPENDENT


def test_strangers_do_not_outvote_the_only_root_about_our_ip(reports):
    reports.roots_say(OUTSIDE)
    for reporter in (STRANGER, STRANGER + 1):
        reports.stranger_says(lies(1), reporter)
    assert reports.mapping is Mapping.UNKNOWN


def test_stranger_helps_where_nobody_else_says_anything(reports):
    reports.roots_say(OUTSIDE)
    reports.stranger_says([OUTSIDE])
    assert reports.mapping is Mapping.INDEPENDENT


def test_what_roots_report_gets_into_a_push_first(reports):
    reports.stranger_says(lies(ip="81.0.0.1"))
    other = at("81.0.0.1/40001")
    reports.roots_say(OUTSIDE, other)
    told = reports.surface.told()
    assert told[:2] == (OUTSIDE, other)
    assert told[2:] == tuple(lies(ip="81.0.0.1")[-MAX_FOREIGN:])


def test_members_reports_come_before_strangers(reports):
    seen = [at(f"81.0.0.1/{50_000 + number}") for number in range(MAX_FOREIGN)]
    for number, surface in enumerate(seen):
        reports.say(10 + number, "80.7.0.1/9993", surface, member=True)
    reports.stranger_says(lies(ip="81.0.0.1"))
    assert reports.surface.told() == tuple(seen)


def test_stranger_does_not_make_peers_look_for_us_at_another_ip(reports):
    reports.stranger_says(lies(3))
    assert reports.surface.told() == tuple(lies(3))
    reports.roots_say(OUTSIDE)
    assert reports.surface.told() == (OUTSIDE,)


def test_too_many_reports_push_out_no_root(reports):
    reports.roots_say(OUTSIDE)
    reports.stranger_says([OUTSIDE] * (MAX_OF_STRANGERS + 10))
    assert len(list(reports.surface.sightings())) == 1 + MAX_OF_STRANGERS
    assert next(reports.surface.sightings()).reporter == 1


@pytest.fixture
def told(trio):
    """What Ann is told, as the engine takes it; by Bob and by the root."""
    trio.start()
    engine = trio.ann.engine
    engine.topology.add(trio.bob.identity.public, trio.net.now)
    reports = SurfaceReports(
        engine.topology, engine.paths, engine.surface, engine._contact, lambda *_: None
    )

    def tell(reporter, place, surface):
        there = at(place)
        peer = engine.peer(reporter.address)
        reports.record(peer, (0, there.ip, there.port), surface, trio.net.now)

    return tell


def test_report_of_a_member_of_a_common_network_is_vouched_for(trio, told):
    engine = trio.ann.engine
    told(trio.bob, "80.7.0.1/9993", OUTSIDE)
    assert [s.vouched for s in engine.surface.sightings() if s.surface == OUTSIDE] == [False]
    engine.peer(trio.bob.address).trusted_at = trio.net.now
    told(trio.bob, "80.7.0.1/9993", OUTSIDE)
    assert [s.vouched for s in engine.surface.sightings() if s.surface == OUTSIDE] == [True]


def test_push_names_what_the_root_reports_before_what_anybody_does(trio, told):
    engine = trio.ann.engine
    for port, lie in enumerate(lies(ip="81.0.0.1"), 1_024):
        told(trio.bob, f"80.9.0.1/{port}", lie)
    told(trio.root, ROOTS[1], OUTSIDE)
    named = engine._push._endpoints(engine.peer(trio.bob.address))
    outside = [place for place in named if place.ip == OUTSIDE.ip]
    assert outside[0] == OUTSIDE
    assert len(outside) == 1 + MAX_FOREIGN
