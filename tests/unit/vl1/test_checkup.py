"""Asking the roots on demand: who answers, how large a datagram comes back, what time they have."""

from __future__ import annotations

import pytest
from vl1_internet import Internet, planet

from earthline.vl1.verbs.push import _names_more_than_sockets
from earthline.wire.inet import InetAddress
from earthline.wire.messages.paths import PushedPath


@pytest.fixture
def met(net: Internet):
    """Two roots, and a node that knows both."""
    roots = [net.host(n, f"192.168.{n}.1/9993") for n in (1, 2)]
    ann = net.host(3, "192.168.3.1/9993")
    world = planet(*roots)
    for host in (*roots, ann):
        host.start(world)
    net.run(3_000)
    return net, roots, ann


def state_of(host, peer):
    states = host.engine.peer_states(host.net.now)
    return next(state for state in states if state.address == peer.identity.address)


def proved_since(host, peer, at):
    return any(path.proved_at >= at for path in state_of(host, peer).paths)


def test_living_roots_answer_at_once_and_dead_ones_do_not(met):
    net, (one, two), ann = met
    two.running = False
    at = net.now
    ann.engine.ask_upstreams(0, at)
    net.run(200)
    assert proved_since(ann, one, at)
    assert not proved_since(ann, two, at)


def test_root_is_looked_for_at_its_endpoints_when_no_path_is_left(met):
    net, (one, _), ann = met
    ann.engine.peer(one.identity.address).slots.clear()
    at = net.now
    ann.engine.ask_upstreams(0, at)
    net.run(200)
    assert proved_since(ann, one, at)


@pytest.mark.parametrize("size", [100, 1232, 1432])
def test_answer_shows_that_datagrams_of_a_size_come_back(met, size):
    net, (one, _), ann = met
    ann.engine.ask_upstreams(0, net.now)
    net.run(400)
    one.sent.clear()
    ann.engine.ask_upstreams(size, net.now)
    net.run(400)
    assert max(len(sent.datagram) for sent in one.sent) == size
    assert max(path.largest for path in state_of(ann, one).paths) == size


def test_new_checkup_forgets_the_sizes_of_the_last(met):
    net, (one, _), ann = met
    ann.engine.ask_upstreams(1432, net.now)
    net.run(400)
    ann.engine.ask_upstreams(0, net.now)
    assert [path.largest for path in state_of(ann, one).paths] == [0]


def test_hello_tells_what_time_a_peer_has(met):
    _net, (one, _), ann = met
    offset = state_of(ann, one).clock_offset
    assert offset is not None
    assert -100 < offset <= 0


def pushed(*texts):
    return tuple(PushedPath(InetAddress.parse(text)) for text in texts)


BOUND = ("192.168.1.5/9993", "192.168.1.5/30000")


@pytest.mark.parametrize(
    ("named", "hard"),
    [
        (BOUND, False),
        ((*BOUND, "87.0.0.1/9993", "87.0.0.1/30000"), False),
        ((*BOUND, *(f"87.0.0.1/{port}" for port in (4001, 4002, 4003, 4004))), True),
        # A provider's NAT: private addresses on both sides.
        ((*BOUND, *(f"100.64.0.9/{port}" for port in (4001, 4002, 4003, 4004))), True),
        # Public addresses on both.
        (("88.0.0.5/9993", "87.0.0.1/4001", "87.0.0.1/4002"), True),
        # One port is mapped by the router, to another one outside.
        ((*BOUND, "87.0.0.1/9993", "87.0.0.1/30000", "87.0.0.1/30001"), False),
        ((*BOUND, "10.9.0.1/30000", "87.0.0.1/9993", "87.0.0.1/30000"), False),
    ],
)
def test_nat_is_symmetric_where_it_has_more_ports_than_sockets(named, hard):
    assert _names_more_than_sockets(pushed(*named)) is hard
