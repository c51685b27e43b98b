"""PUSH_DIRECT_PATHS, surface addresses, ECHO (02, 7.1 to 7.3, 3.13)."""

from __future__ import annotations

import pytest
from vl1_internet import START

from earthline.effects import Activity, PacketReceived, SessionActivity
from earthline.vl1.peers.path import PathState
from earthline.vl1.surface.surface import LIFETIME_MS, MAX_OF_STRANGERS, Surface
from earthline.vl1.verbs.push import MAX_TRIED
from earthline.wire.inet import InetAddress
from earthline.wire.messages.paths import (
    FLAG_CLUSTER_REDIRECT,
    FLAG_FORGET,
    MAX_RECORDS,
    PushDirectPaths,
    PushedPath,
)
from earthline.wire.packet import Verb


def inet(text: str) -> InetAddress:
    return InetAddress.parse(text)


@pytest.fixture
def known(trio):
    """Ann knows Bob, but both are only reached by the root."""
    trio.start()
    both = {trio.ann.addresses[0], trio.bob.addresses[0]}
    trio.net.drops = lambda source, target, _: {source, target} == both
    for one, other in ((trio.ann, trio.bob), (trio.bob, trio.ann)):
        one.engine.topology.add(other.identity.public, trio.net.now)
    return trio


def relayed_frame(trio):
    """Bob's frame to Ann by the root, which proves common membership."""
    path = (0, *trio.root.addresses[0])
    trio.ann.engine.trusted(trio.bob.address, path, trio.net.now)
    frame = PacketReceived(path, trio.bob.address, 9, 1, 3, Verb.FRAME, b"", 40)
    trio.ann.give(frame)


def pushes(host):
    return [p for p in host.got if p.verb == Verb.PUSH_DIRECT_PATHS]


def test_relayed_peer_is_pushed_to_every_15_seconds(known):
    for _ in range(45):
        relayed_frame(known)
        known.net.run(1_000)
    assert len(pushes(known.bob)) == 3


def test_push_names_bound_and_mapped_addresses_and_surfaces_once(known):
    known.ann.engine.local.mapped = (inet("198.19.5.5/5"),)
    relayed_frame(known)
    known.net.run(100)
    records = PushDirectPaths.parse(pushes(known.bob)[0].payload).paths
    assert [str(r.endpoint) for r in records] == ["198.19.5.5/5", "192.168.2.2/9993"]
    assert {r.flags for r in records} == {0}


def test_peer_without_a_common_network_is_not_pushed_to(known):
    path = (0, *known.root.addresses[0])
    known.ann.give(PacketReceived(path, known.bob.address, 9, 1, 3, Verb.FRAME, b""))
    known.net.run(1_000)
    assert pushes(known.bob) == []


def test_many_addresses_make_several_packets_below_1200_bytes(known):
    known.ann.engine.local.mapped = tuple(
        InetAddress(bytes.fromhex("fd00") + bytes(12) + number.to_bytes(2, "big"), 9)
        for number in range(150)
    )
    relayed_frame(known)
    known.net.run(100)
    got = pushes(known.bob)
    assert len(got) > 2
    assert max(len(p.payload) for p in got) < 1_200 - 28
    assert sum(len(PushDirectPaths.parse(p.payload).paths) for p in got) == 151


def test_relayed_frames_in_the_switch_cause_a_push(known):
    now = known.net.now
    session = SessionActivity(known.bob.address, now, now, now, now, 0)
    known.ann.give(Activity((session,), (), ()))
    known.net.run(100)
    assert len(pushes(known.bob)) == 1


def test_push_makes_peers_direct(known):
    known.net.drops = lambda *_: False
    relayed_frame(known)
    known.net.run(200)
    assert known.ann.direct_to(known.bob)
    assert known.bob.direct_to(known.ann)


def receive_push(trio, *paths):
    """A push from Bob, who has shown where he is; returns where Ann reached out to."""
    sent = len(trio.ann.sent)
    payload = PushDirectPaths(paths).emit()
    at = (0, *trio.root.addresses[0])
    trio.ann.engine.peer(trio.bob.address).proved[at] = trio.net.now
    trio.ann.give(PacketReceived(at, trio.bob.address, 9, 1, 3, Verb.PUSH_DIRECT_PATHS, payload))
    return [t.path for t in trio.ann.sent[sent:]]


def test_pushed_address_is_tried_by_all_sockets(known):
    assert receive_push(known, PushedPath(inet("192.168.9.9/7"))) == [(-1, *inet("192.168.9.9/7"))]


def test_forget_flag_and_unusable_addresses_are_skipped(known):
    tried = receive_push(
        known,
        PushedPath(inet("192.168.9.9/7"), FLAG_FORGET),
        PushedPath(inet("127.0.0.1/7")),
        PushedPath(inet("192.168.9.9/0")),
    )
    assert tried == []


def test_at_most_eight_addresses_per_scope_and_family_are_tried(known):
    many = [PushedPath(inet(f"192.168.9.{n}/7")) for n in range(20)]
    other = [PushedPath(inet(f"9.8.7.{n}/7")) for n in range(20)]
    assert len(receive_push(known, *many, *other)) == 16


def test_repeated_address_is_tried_once(known):
    assert len(receive_push(known, *[PushedPath(inet("192.168.9.9/7"))] * 5)) == 1


def test_ninth_push_without_a_pause_is_ignored_until_there_is_one(known):
    record = PushedPath(inet("192.168.9.9/7"))
    tried = []
    for _ in range(12):
        tried.append(len(receive_push(known, record)))
        known.net.run(1_000)
    assert sum(tried) == 8
    known.net.run(31_000)
    assert len(receive_push(known, record)) == 1


def test_redirect_moves_nothing_before_its_place_has_answered(known):
    place = inet("192.168.9.9/7")
    before = known.ann.routes[known.bob.address]
    assert len(receive_push(known, PushedPath(place, FLAG_CLUSTER_REDIRECT))) == 1
    assert known.ann.routes[known.bob.address] == before
    assert known.bob.address not in known.ann.paths


def test_redirects_are_tried_no_more_than_other_addresses(known):
    many = [PushedPath(inet(f"9.8.7.{n}/7"), FLAG_CLUSTER_REDIRECT) for n in range(20)]
    assert len(receive_push(known, *many)) == 8


@pytest.mark.parametrize("verb", [Verb.USER_MESSAGE, Verb.REMOTE_TRACE])
def test_texts_that_nobody_asked_for_are_not_told_to_the_host(known, verb):
    ann, root = known.ann, known.root
    before = len(root.reports)
    ann.engine.send(root.address, verb, b"x\0" * 4_000, known.net.now, compress=True)
    known.net.run(100)
    assert len(root.reports) == before
    assert root.engine.counters[f"unwanted_{verb.name.lower()}"] == 1


def test_echo_is_answered_with_its_payload_once_in_166_ms(known):
    ann, root = known.ann, known.root
    for _ in range(4):
        ann.engine.send(root.address, Verb.ECHO, b"abc", known.net.now)
        known.net.run(100)
    answers = [p.payload[9:] for p in ann.got if p.verb == Verb.OK and p.payload[0] == Verb.ECHO]
    assert answers == [b"abc", b"abc"]
    assert root.engine.counters["gated_echo"] == 2


ROOT = PathState((0, bytes([9, 9, 9, 9]), 9993))
OTHER = PathState((0, bytes([9, 9, 9, 8]), 9993))
HOME, AWAY = inet("8.1.1.1/5"), inet("8.2.2.2/5")


def test_surface_change_is_believed_from_upstreams_only():
    surface = Surface()
    assert not surface.record(1, ROOT, HOME, START, upstream=True)
    assert not surface.record(2, OTHER, HOME, START, upstream=False)
    assert not surface.record(2, OTHER, AWAY, START + 1, upstream=False)
    assert surface.record(1, ROOT, AWAY, START + 2, upstream=True)
    assert surface.addresses() == (AWAY,)


def test_changed_port_is_no_changed_surface():
    surface = Surface()
    surface.record(1, ROOT, HOME, START, upstream=True)
    assert not surface.record(1, ROOT, inet("8.1.1.1/6"), START, upstream=True)


def test_surface_of_another_scope_than_the_reporter_is_ignored():
    surface = Surface()
    surface.record(1, ROOT, inet("10.1.1.1/5"), START, upstream=True)
    assert surface.addresses() == ()


def test_surfaces_expire_and_are_bounded():
    surface = Surface()
    for number in range(MAX_OF_STRANGERS + 50):
        surface.record(number, ROOT, InetAddress(HOME.ip, number % 60_000), START, upstream=False)
    assert len(surface.addresses()) == MAX_OF_STRANGERS
    surface.expire(START + LIFETIME_MS)
    assert surface.addresses() == ()


def test_paths_are_tried_anew_when_the_root_sees_us_elsewhere(trio):
    trio.start()
    ann, net = trio.ann, trio.net
    ann.engine.send(trio.bob.address, Verb.FRAME, b"", net.now)
    net.run(200)
    assert ann.direct_to(trio.bob)
    both = {ann.addresses[0], trio.bob.addresses[0]}
    net.drops = lambda source, target, _: {source, target} == both
    root = ann.engine.peer(trio.root.address)
    elsewhere = inet("192.168.66.6/9993")
    reports = ann.engine._hello._reports
    reports.record(root, (0, *trio.root.addresses[0]), elsewhere, net.now)
    assert not ann.engine.peer(trio.bob.address).best(net.now)
    net.run(50)
    assert ann.direct_to(trio.root)
    net.run(6_000)
    assert ann.relayed_to(trio.bob)


def test_who_names_more_places_than_are_tried_has_some_of_each_kind_tried(known):
    kinds = ("11.9.9.{}/7", "10.9.9.{}/7", "9.8.7.{}/7", "fd00::{}/7", "2a01::{}/7")
    named = [PushedPath(inet(kind.format(number))) for kind in kinds for number in range(1, 9)]
    tried = receive_push(known, *named)
    assert len(tried) == MAX_TRIED
    order = [(path.endpoint.ip, path.endpoint.port) for path in named]
    assert [path[1:] for path in tried] == [place for place in order if (-1, *place) in tried]
    first = {(-1, *inet(kind.format(number))) for kind in kinds for number in (1, 2, 3)}
    assert first < set(tried)


def test_rest_of_a_push_that_is_longer_than_any_honest_one_is_counted_and_not_read(known):
    forget = [PushedPath(inet(f"9.8.7.{n}/7"), FLAG_FORGET) for n in range(MAX_RECORDS)]
    place = PushedPath(inet("192.168.9.9/7"))
    assert len(receive_push(known, *forget[1:], place)) == 1
    assert known.ann.engine.counters["push_too_long"] == 0
    assert receive_push(known, *forget, PushedPath(inet("192.168.9.8/7"))) == []
    assert known.ann.engine.counters["push_too_long"] == 1
