"""Searching for the largest datagrams of a path, using them, and doubting them again."""

from __future__ import annotations

from itertools import pairwise

import pytest
from vl1_internet import START, planet

from earthline.effects import (
    Activity,
    DatagramTooLarge,
    DefaultRouteChanged,
    SessionActivity,
    Transmit,
)
from earthline.vl1.paths.mtu import (
    CANDIDATES,
    CONFIRM_MS,
    MAX_ASKED,
    MAX_PATHS,
    PROBE_MS,
    SOON_MS,
    PathSizes,
    larger,
)
from earthline.vl1.peers.path import PathState
from earthline.vl1.peers.physical import PhysicalNetwork, PhysicalNetworks
from earthline.wire.inet import InetAddress

ETHERNET = 1_472
JUMBO = 8_972
V4 = (0, bytes((10, 0, 0, 2)), 9_993)
V6 = (0, bytes.fromhex("20010db8000000000000000000000001"), 9_993)


def narrow(net, limit):
    """Datagrams above a size vanish."""
    net.drops = lambda _source, _target, datagram: len(datagram) > limit


@pytest.fixture
def pair(trio):
    """Ann and Bob have met, and nothing flows."""
    trio.start()
    for here, there in ((trio.ann, trio.bob), (trio.bob, trio.ann)):
        peer = here.engine.topology.add(there.identity.public, trio.net.now)
        endpoint = there.addresses[0]
        here.engine._contact.hello(peer, (-1, endpoint.ip, endpoint.port), trio.net.now)
    trio.net.run(2_000)
    assert trio.ann.direct_to(trio.bob)
    trio.ann.sent.clear()
    return trio


def flow(pair, ms, *, answered=True):
    """Frames leave for Bob in the switch, which reports twice a second, and mostly come back."""
    for _ in range(max(1, ms // 500)):
        now = pair.net.now
        heard = now if answered else 0
        session = SessionActivity(pair.bob.address, heard, heard, 0, heard, now)
        path = pair.ann.routes[pair.bob.address].path
        slots = ((pair.bob.address, path, now),) if answered else ()
        pair.ann.give(Activity((session,), slots, ()))
        pair.net.run(500)


def mtu(pair):
    return pair.ann.routes[pair.bob.address].mtu


def probes(pair):
    return [len(sent.datagram) for sent in pair.ann.sent if sent.dont_fragment]


def report(pair):
    states = pair.ann.engine.peer_states(pair.net.now)
    state = next(state for state in states if state.address == pair.bob.address)
    return next(path for path in state.paths if path.preferred)


# Sizes


@pytest.mark.parametrize("path", [V4, V6])
def test_candidates_rise_to_9000_bytes_of_ip_packet_and_no_further(path):
    headers = 28 if len(path[1]) == 4 else 48
    sizes = [1_432]
    while size := larger(sizes[-1], path):
        sizes.append(size)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == 9_000 - headers
    # Between what Ethernet carries and what stock buffers hold lies nothing.
    assert not [size for size in sizes if 1_500 - headers < size <= 1_500]
    assert {size + headers for size in sizes[1:]} <= set(CANDIDATES)


def test_operator_fixes_the_size_of_his_networks():
    physical = PhysicalNetworks()
    sizes = PathSizes(physical)
    path = PathState(V4)
    known = sizes.note((1, V4))
    known.size, known.search_at = JUMBO, 1
    assert (sizes.of(1, path), sizes.searched(1, path)) == (JUMBO, True)
    physical.configure([PhysicalNetwork(InetAddress(V4[1], 24), 1_400)])
    assert (sizes.of(1, path), sizes.searched(1, path)) == (1_400, False)
    physical.configure([PhysicalNetwork(InetAddress(V4[1], 24), 0, 77)])
    assert sizes.of(1, path) == JUMBO


def test_size_is_that_of_one_peer_by_one_path():
    sizes = PathSizes(PhysicalNetworks())
    sizes.note((1, V4)).size = JUMBO
    assert [sizes.of(n, PathState(path)) for n, path in ((1, V4), (2, V4), (1, V6))] == [
        JUMBO,
        1_432,
        1_432,
    ]


def test_peer_with_many_ways_pushes_out_none_of_the_others():
    sizes = PathSizes(PhysicalNetworks())
    sizes.note((1, V4)).size = JUMBO
    for port in range(MAX_PATHS + 10):
        sizes.note((2, (1, V4[1], port))).size = JUMBO
    assert len(sizes._known) == MAX_PATHS
    assert sizes.of(1, PathState(V4)) == JUMBO
    assert sizes.take_fallen() == [2] * 11
    assert sizes.take_fallen() == []
    sizes.keep(lambda way: way[0] == 1)
    assert len(sizes._known) == 1


# Searching


def test_nothing_is_asked_while_no_frames_flow(pair):
    pair.net.run(60_000)
    assert probes(pair) == []


def test_search_ends_at_the_largest_datagram_that_gets_through(pair):
    flow(pair, 8_000)
    assert mtu(pair) == JUMBO
    assert probes(pair) == [size - 28 for size in CANDIDATES]
    assert report(pair).mtu == JUMBO
    assert report(pair).searched


def test_three_datagrams_lost_end_a_search_and_the_next_ones_come_ever_more_seldom(pair):
    narrow(pair.net, 1_500)
    flow(pair, 10_000)
    assert mtu(pair) == ETHERNET
    assert probes(pair).count(2_020) == 3
    # After 1, 2, 4, 8 and then each 10 minutes.
    for minutes in (1, 2, 4, 8, 10, 10):
        pair.ann.sent.clear()
        flow(pair, (minutes - 1) * 60_000 + 30_000)
        assert set(probes(pair)) <= {ETHERNET}
        flow(pair, 30_000 + 4_000)
        assert probes(pair).count(2_020) == 3
    assert mtu(pair) == ETHERNET


def test_one_lost_probe_does_not_end_the_search(pair):
    lost = []

    def once(_source, _target, datagram):
        if len(datagram) == 1_472 and len(lost) < 2:
            lost.append(datagram)
            return True
        return False

    pair.net.drops = once
    flow(pair, 12_000)
    assert len(lost) == 2
    assert mtu(pair) == JUMBO


def test_probes_go_out_whole_never_by_all_sockets_and_not_too_fast(pair):
    asked_at = []
    transmit = pair.net.transmit

    def watch(host, path, datagram, ttl):
        if len(datagram) > 1_432 and host is pair.ann and datagram[18] & 0x40 == 0:
            asked_at.append(pair.net.now)
        transmit(host, path, datagram, ttl)

    pair.net.transmit = watch
    flow(pair, 8_000)
    whole = [sent for sent in pair.ann.sent if sent.dont_fragment]
    assert len(whole) == len(asked_at) == len(CANDIDATES)
    assert all(sent.path[0] >= 0 for sent in whole)
    assert all(b - a >= PROBE_MS for a, b in pairwise(asked_at))


def test_local_kernel_that_calls_it_too_large_ends_the_search_at_once(pair):
    pair.net.drops = lambda _source, _target, datagram: len(datagram) > ETHERNET
    flow(pair, 1_500)
    while not probes(pair) or probes(pair)[-1] <= ETHERNET:
        flow(pair, 500)
    refused = pair.ann.sent[-1]
    pair.ann.give(DatagramTooLarge(refused.path, len(refused.datagram)))
    pair.ann.sent.clear()
    flow(pair, 10_000)
    assert set(probes(pair)) == {ETHERNET}
    assert mtu(pair) == ETHERNET


def test_search_goes_on_only_while_frames_flow(pair):
    flow(pair, 1_500)
    pair.net.drops = lambda _source, _target, datagram: len(datagram) > ETHERNET
    pair.net.run(30_000)
    asked = len(probes(pair))
    pair.net.run(60_000)
    assert len(probes(pair)) == asked


# Proof


class Asked:
    """Ann's question about 1452 bytes, tried twice; ``answer`` claims to come from somebody."""

    def __init__(self, pair):
        narrow(pair.net, 1_432)
        flow(pair, 2_000)
        self.pair, self.search = pair, pair.ann.engine.mtu
        (question,) = self.search._asking.values()
        self.first, self.second = question.packet_ids
        self.payload = question.payload

    def answer(self, source, packet_id, payload):
        peer = self.pair.ann.engine.peer(source.address)
        self.search.echoed(peer, Answer(packet_id, payload), self.pair.net.now)


def test_answer_that_is_not_of_the_probe_or_comes_after_the_verdict_proves_nothing(pair):
    asked = Asked(pair)
    asked.answer(pair.bob, asked.second, asked.payload[:-1])
    asked.answer(pair.bob, asked.second, bytes(len(asked.payload)))
    asked.answer(pair.bob, asked.second + 1, asked.payload)
    asked.answer(pair.root, asked.second, asked.payload)
    assert mtu(pair) == 1_432
    flow(pair, 5_000)
    asked.answer(pair.bob, asked.second, asked.payload)
    assert mtu(pair) == 1_432


@pytest.mark.parametrize("which", ["first", "second"])
def test_answer_to_any_try_of_a_question_proves_its_size(pair, which):
    asked = Asked(pair)
    asked.answer(pair.bob, getattr(asked, which), asked.payload)
    assert mtu(pair) == len(asked.payload) + 28


class Answer:
    """As much of an OK as the search looks at."""

    def __init__(self, packet_id, payload):
        self.in_re_packet_id, self.payload = packet_id, payload


def test_checkup_does_not_take_an_answer_in_pieces_for_a_whole_datagram(pair):
    flow(pair, 8_000)
    assert report(pair).largest == 0


# Doubting


def test_size_in_use_is_confirmed_every_5_seconds(pair):
    flow(pair, 8_000)
    pair.ann.sent.clear()
    flow(pair, 11 * CONFIRM_MS)
    assert set(probes(pair)) == {JUMBO}
    # The switch says twice a second what flows.
    assert len(probes(pair)) in (10, 11)
    assert mtu(pair) == JUMBO


def test_lost_confirmation_is_asked_for_again_at_once_and_changes_nothing(pair):
    flow(pair, 8_000)
    lost = []

    def few(_source, _target, datagram):
        if len(datagram) == JUMBO and len(lost) < 6:
            lost.append(pair.net.now)
            return True
        return False

    pair.net.drops = few
    flow(pair, CONFIRM_MS + 3_000)
    assert len(lost) == 6
    assert lost[-1] - lost[0] < 2_000
    assert mtu(pair) == JUMBO
    assert "path_mtu_fell" not in pair.ann.events()


def test_confirmation_is_answered_by_a_far_peer_after_further_tries(pair):
    """A queue has grown: each answer takes longer than the pause to the next try."""
    flow(pair, 8_000)
    soon = pair.net.soon
    pair.net.soon = lambda action, delay=0: soon(action, 55 * delay)
    flow(pair, 60_000)
    assert mtu(pair) == JUMBO
    assert "path_mtu_fell" not in pair.ann.events()


def test_black_hole_is_found_within_8_seconds_although_small_packets_pass(pair):
    flow(pair, 8_000)
    narrow(pair.net, 1_500)
    flow(pair, 8_000)
    assert mtu(pair) == 1_432
    assert "path_mtu_fell" in pair.ann.events()
    flow(pair, SOON_MS + 5_000)
    assert mtu(pair) == ETHERNET
    assert pair.ann.direct_to(pair.bob)


def test_flow_that_gets_no_answers_has_its_size_doubted_within_seconds(pair):
    flow(pair, 8_000)
    narrow(pair.net, 1_500)
    pair.net.run(5_000)
    flow(pair, 10_000, answered=False)
    assert mtu(pair) == 1_432


def test_dead_path_is_no_black_hole(pair):
    flow(pair, 8_000)
    pair.net.drops = lambda *_: True
    flow(pair, 8_000, answered=False)
    assert pair.ann.engine.counters["mtu_black_hole"] == 0


# Starting over


def test_change_of_the_way_out_and_jump_of_the_clock_start_from_1432(pair):
    for change in (
        lambda: pair.ann.give(DefaultRouteChanged()),
        lambda: pair.ann.engine.handle_timeout(pair.net.now + 60_000),
    ):
        flow(pair, 8_000)
        assert mtu(pair) == JUMBO
        change()
        assert mtu(pair) == 1_432
        pair.net.run(1_000)


def test_switched_off_it_asks_nothing_and_uses_nothing(pair):
    flow(pair, 8_000)
    pair.ann.engine.mtu.enable(False, pair.net.now)
    assert mtu(pair) == 1_432
    pair.ann.sent.clear()
    flow(pair, 8_000)
    assert probes(pair) == []
    pair.ann.engine.mtu.enable(True, pair.net.now)
    flow(pair, 8_000)
    assert mtu(pair) == JUMBO


def test_low_bandwidth_mode_asks_nothing_and_uses_nothing(pair):
    flow(pair, 8_000)
    pair.ann.engine.set_low_bandwidth(True, pair.net.now)
    assert mtu(pair) == 1_432
    pair.ann.sent.clear()
    flow(pair, 8_000)
    assert probes(pair) == []


def test_operators_size_is_kept_and_not_probed(pair):
    endpoint = pair.bob.addresses[0]
    network = PhysicalNetwork(InetAddress(endpoint.ip, 24), 2_000)
    pair.ann.engine.physical.configure([network])
    flow(pair, 8_000)
    assert probes(pair) == []
    assert mtu(pair) == 2_000


def test_relayed_peer_keeps_1432_and_is_not_probed(trio):
    trio.start()
    apart = {trio.ann.addresses[0], trio.bob.addresses[0]}
    trio.net.drops = lambda source, target, _: {source, target} == apart
    trio.ann.engine.topology.add(trio.bob.identity.public, trio.net.now)
    trio.net.run(2_000)
    assert trio.ann.relayed_to(trio.bob)
    # To the root itself something larger goes.
    trio.bob, bob = trio.root, trio.bob
    flow(trio, 8_000)
    assert mtu(trio) == JUMBO
    trio.bob = bob
    trio.ann.sent.clear()
    flow(trio, 8_000)
    assert mtu(trio) == 1_432
    assert probes(trio) == []


def test_few_paths_are_asked_at_a_time(net):
    root = net.host(1, "192.168.1.1/9993")
    ann = net.host(2, "192.168.2.2/9993")
    others = [net.host(n, f"192.168.{n}.1/9993") for n in range(3, 3 + 2 * MAX_ASKED)]
    for host in (root, ann, *others):
        host.start(planet(root))
    net.run(500)
    for other in others:
        peer = ann.engine.topology.add(other.identity.public, net.now)
        other.engine.topology.add(ann.identity.public, net.now)
        endpoint = other.addresses[0]
        ann.engine._contact.hello(peer, (-1, endpoint.ip, endpoint.port), net.now)
    net.run(1_000)
    net.drops = lambda _source, _target, datagram: len(datagram) > 1_432
    ann.sent.clear()
    sessions = tuple(SessionActivity(o.address, net.now, net.now, 0, 0, net.now) for o in others)
    ann.give(Activity(sessions, (), ()))
    net.run(900)
    asked = {sent.path for sent in ann.sent if isinstance(sent, Transmit) and sent.dont_fragment}
    assert len(asked) == MAX_ASKED
    assert net.now > START
