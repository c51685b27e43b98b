"""A node whose datagrams go by a TCP tunnel, and no longer do (02, 8.3)."""

from __future__ import annotations

import pytest

from earthline.effects import SocketsChanged, TunnelChanged
from earthline.vl1.ground.local import ALL_SOCKETS
from earthline.vl1.reasons import Reason, State


class Tunnelled:
    """A trio whose ann hears by the tunnel only, while that is up."""

    def __init__(self, trio) -> None:
        self.trio, self.ann, self.by_udp = trio, trio.ann, trio.ann.ingest

    def enter(self) -> None:
        self.ann.ingest = lambda path, datagram: self.by_udp((ALL_SOCKETS, *path[1:]), datagram)
        self.ann.sent.clear()
        self.ann.give(TunnelChanged(True))

    def leave(self) -> None:
        self.ann.ingest = self.by_udp
        self.ann.give(TunnelChanged(False))

    def run(self, duration) -> None:
        self.trio.net.run(duration)

    def sockets(self) -> set[int]:
        peer = self.ann.engine.peer(self.trio.root.address)
        return {slot.path.socket for slot in peer.slots if not slot.expired(self.trio.net.now)}

    def root_state(self):
        states = self.ann.engine.peer_states(self.trio.net.now)
        found = next(peer for peer in states if peer.address == self.trio.root.address)
        return found.state, found.reason


@pytest.fixture
def tunnelled(trio) -> Tunnelled:
    trio.start()
    trio.net.run(10_000)
    return Tunnelled(trio)


def test_roots_are_greeted_at_once_when_a_tunnel_is_up(tunnelled):
    tunnelled.enter()
    root = tunnelled.trio.root
    path = (ALL_SOCKETS, *next(iter(root.addresses.values())))
    assert path in [sent.path for sent in tunnelled.ann.sent]


def test_root_is_reached_by_the_tunnel_and_by_nothing_else_while_udp_is_blocked(tunnelled):
    assert tunnelled.root_state() == (State.DIRECT, Reason.NONE)
    tunnelled.enter()
    tunnelled.run(5_000)
    assert tunnelled.sockets() == {ALL_SOCKETS}
    assert tunnelled.root_state() == (State.TUNNELLED, Reason.UDP_BLOCKED)
    assert tunnelled.ann.engine.online


def test_node_without_any_socket_lives_by_the_tunnel(tunnelled):
    tunnelled.enter()
    tunnelled.ann.give(SocketsChanged(()))
    tunnelled.run(120_000)
    assert tunnelled.sockets() == {ALL_SOCKETS}


def test_paths_by_the_tunnel_go_with_it_and_those_by_udp_are_back_at_once(tunnelled):
    tunnelled.enter()
    tunnelled.run(5_000)
    tunnelled.leave()
    assert ALL_SOCKETS not in tunnelled.sockets()
    tunnelled.run(1_000)
    assert tunnelled.sockets()
    assert tunnelled.root_state() == (State.DIRECT, Reason.NONE)


def test_latecomer_by_a_tunnel_that_is_closed_teaches_no_path(tunnelled):
    tunnelled.enter()
    tunnelled.run(5_000)
    tunnelled.leave()
    tunnelled.ann.ingest = lambda path, data: tunnelled.by_udp((ALL_SOCKETS, *path[1:]), data)
    tunnelled.run(30_000)
    assert ALL_SOCKETS not in tunnelled.sockets()
