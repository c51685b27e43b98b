"""When a node turns to a TCP relay, to which, and when it leaves it (02, 8.3)."""

from __future__ import annotations

import errno
import json
import random
from itertools import pairwise

import pytest
from vl1_internet import Internet, identity, planet

from earthline.effects import StateLoaded, TunnelChanged
from earthline.node import Node
from earthline.runtime.settings.settings import SettingsFile
from earthline.runtime.tcp.tunnel import (
    ENGAGE_MS,
    FIRST_ANSWER_MS,
    LEAVING_MS,
    SILENT_MS,
    TRUSTED_FRUGAL_MS,
    TRUSTED_MS,
    Tunnel,
)
from earthline.vl1.peers.path import PathState
from earthline.vl1.peers.peer import Slot

START = 1_700_000_000_000
ROOT = "80.1.0.1"
NAMED = "81.2.0.2/8443"
UDP = (1, bytes((80, 1, 0, 1)), 9993)


class Driver:
    """Says what it is told to say, and writes down what it is asked."""

    def __init__(self) -> None:
        self.phase, self.failure, self.heard_at = "closed", "", 0
        self.since = 0
        self.refuses = False
        self.opened: list[tuple[str, int, bool, str | None]] = []
        self.left = 0

    def open_tunnel(self, ip, port, tls, device):
        if self.refuses:
            raise OSError(errno.ENETUNREACH, "Network is unreachable (os error 101)")
        self.phase, self.heard_at = "connecting", 0
        self.opened.append((".".join(map(str, ip)), port, tls, device))

    def leave_tunnel(self):
        self.left += 1

    def close_tunnel(self):
        self.phase, self.failure = "closed", ""

    def tunnel(self):
        return self.phase, self.failure, self.heard_at

    def unanswered_since(self):
        return self.since

    def answered(self):
        self.since = 0


class Bench:
    """A node with one root, and the decisions about its tunnel."""

    def __init__(self, tmp_path, **said):
        path = tmp_path / "local.conf"
        path.write_text(json.dumps({"settings": said}))
        settings = SettingsFile(path)
        settings.load()
        self.now = START
        self.driver, self.told = Driver(), []
        self.root = Internet().host(1, f"{ROOT}/9993")
        self.node = Node(identity(2), random.Random(1).randbytes, START)
        self.node.receive(StateLoaded("planet", 0, planet(self.root).emit()), START)
        self.tunnel = Tunnel(
            self.driver,
            settings,
            self.node,
            uplinks=lambda _to: ("eth0",),
            report=self.told.append,
        )
        self.tunnel.moved(START)

    def check(self, after_ms=0):
        self.now += after_ms
        self.tunnel.check(self.now)

    def block(self):
        """UDP has been blocked long enough."""
        self.driver.since = self.now
        self.check(ENGAGE_MS)

    def come_up(self):
        self.driver.phase = "up"
        self.check(500)

    def hear_root_by_udp(self):
        peer = self.node.peers.peer(self.root.address)
        peer.slots = [Slot(PathState(UDP), self.now)]
        peer.proved[UDP] = self.now
        self.driver.since = 0


def test_relay_is_tried_only_after_udp_had_its_time(tmp_path):
    bench = Bench(tmp_path)
    bench.check(ENGAGE_MS)
    assert not bench.driver.opened
    bench.driver.since = bench.now
    bench.check(ENGAGE_MS - 1)
    assert not bench.driver.opened
    bench.check(1)
    assert bench.driver.opened == [(ROOT, 443, True, "eth0")]


def test_new_sockets_give_udp_its_time_anew(tmp_path):
    bench = Bench(tmp_path)
    bench.driver.since = bench.now
    bench.now += ENGAGE_MS - 1
    bench.tunnel.moved(bench.now)
    bench.check(ENGAGE_MS - 1)
    assert not bench.driver.opened
    bench.check(1)
    assert bench.driver.opened


@pytest.mark.parametrize(("frugal", "trusted_ms"), [(False, TRUSTED_MS), (True, TRUSTED_FRUGAL_MS)])
def test_no_relay_is_tried_while_a_root_answers_by_udp(tmp_path, frugal, trusted_ms):
    bench = Bench(tmp_path, lowBandwidthMode=frugal)
    bench.hear_root_by_udp()
    bench.block()
    bench.check(trusted_ms - ENGAGE_MS - 1)
    assert not bench.driver.opened
    bench.check(1)
    assert bench.driver.opened


def test_root_that_only_asks_does_not_make_udp_work(tmp_path):
    bench = Bench(tmp_path)
    bench.hear_root_by_udp()
    root = bench.node.peers.peer(bench.root.address)
    for _ in range(TRUSTED_MS // 15_000):
        bench.now += 15_000
        root.last_receive = root.slots[0].received_at = bench.now
    bench.block()
    assert bench.driver.opened
    bench.come_up()
    root.slots[0].received_at = bench.now
    bench.check(500)
    assert bench.tunnel.state.connected_to


def test_root_that_goes_on_asking_without_a_pause_and_never_answers_is_found_deaf(tmp_path):
    bench = Bench(tmp_path)
    bench.hear_root_by_udp()
    slot = bench.node.peers.peer(bench.root.address).slots[0]
    while bench.now < START + TRUSTED_MS:
        assert not bench.driver.opened
        bench.now += 500
        bench.driver.since = slot.received_at = bench.now
        bench.check()
    assert bench.driver.opened


def test_root_that_asks_first_after_a_sleep_has_time_to_answer(tmp_path):
    bench = Bench(tmp_path)
    bench.hear_root_by_udp()
    bench.now += 3_600_000
    bench.node.peers.peer(bench.root.address).slots[0].received_at = bench.now
    bench.tunnel.moved(bench.now)
    bench.check(ENGAGE_MS)
    assert not bench.driver.opened


def a_peer(bench, at, asked_since=0, ip=(80, 9, 9, 9)):
    """A peer that is no root, and answered then by UDP."""
    way = (1, bytes(ip), 9993)
    peer = bench.node.peers.topology.add(identity(7).public, bench.now)
    peer.slots = [Slot(PathState(way), bench.now)]
    peer.proved[way] = peer.last_receive = at
    peer.asked_since = asked_since
    return peer


def test_peer_that_answers_by_udp_shows_that_it_works_without_any_root(tmp_path):
    bench = Bench(tmp_path)
    bench.driver.since = bench.now
    bench.now += ENGAGE_MS
    a_peer(bench, bench.now)
    bench.check()
    assert not bench.driver.opened
    assert bench.driver.since == 0
    bench.driver.since = bench.now + 1
    bench.check(TRUSTED_MS - 1)
    assert not bench.driver.opened
    bench.check(1)
    assert bench.driver.opened


def test_peer_next_door_shows_nothing_of_the_internet(tmp_path):
    bench = Bench(tmp_path)
    bench.driver.since = bench.now
    bench.now += ENGAGE_MS
    a_peer(bench, bench.now, ip=(192, 168, 1, 9))
    bench.check()
    assert bench.driver.opened


def test_peer_that_is_only_heard_shows_nothing(tmp_path):
    bench = Bench(tmp_path)
    peer = a_peer(bench, bench.now)
    peer.proved.clear()
    bench.block()
    assert bench.driver.opened


def test_peer_that_leaves_questions_unanswered_shows_nothing_any_more(tmp_path):
    bench = Bench(tmp_path)
    a_peer(bench, bench.now, asked_since=bench.now + 1)
    bench.driver.since = bench.now + 1
    bench.check(ENGAGE_MS + 1)
    assert bench.driver.opened


def test_answer_of_a_root_ends_the_silence_and_an_older_one_does_not(tmp_path):
    bench = Bench(tmp_path)
    since = bench.now
    bench.now += 1
    bench.hear_root_by_udp()
    bench.driver.since = since
    bench.check(500)
    assert bench.driver.since == 0
    since = bench.driver.since = bench.now
    bench.check(500)
    assert bench.driver.since == since


def test_root_that_leaves_questions_unanswered_is_not_waited_for(tmp_path):
    bench = Bench(tmp_path)
    bench.hear_root_by_udp()
    root = bench.node.peers.peer(bench.root.address)
    root.last_receive = bench.now
    root.asked_since = bench.now + 1
    bench.block()
    assert bench.driver.opened


def test_named_relay_comes_first_in_tls_and_without_and_then_the_roots(tmp_path):
    bench = Bench(tmp_path, tcpFallbackRelay=NAMED)
    bench.block()
    for _ in range(3):
        bench.driver.phase, bench.driver.failure = "failed", "Connection refused"
        bench.check(500)
        bench.check(500)
    named = ("81.2.0.2", 8443)
    assert bench.driver.opened[:3] == [
        (*named, True, "eth0"),
        (*named, False, "eth0"),
        (ROOT, 443, True, "eth0"),
    ]
    assert bench.tunnel.state.failure == f"{ROOT}/443 by TLS: Connection refused"


def test_stock_default_relay_is_never_contacted(tmp_path):
    bench = Bench(tmp_path, forceTcpRelay=True)
    bench.driver.refuses = True
    for _ in range(100):
        bench.check(10_000)
    assert bench.tunnel.state.failure == f"{ROOT}/443 by TLS: Network is unreachable"


def test_pauses_grow_when_no_relay_can_be_reached(tmp_path):
    bench = Bench(tmp_path)
    bench.block()
    tries = []
    for _ in range(1000):
        if bench.driver.phase == "connecting":
            tries.append(bench.now)
            bench.driver.phase, bench.driver.failure = "failed", "Connection refused"
        bench.check(500)
    pauses = [after - before for before, after in pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[0] < 10_000
    assert 60_000 <= pauses[-1] < 65_000


def test_failure_is_forgotten_once_no_tunnel_is_wanted(tmp_path):
    bench = Bench(tmp_path)
    bench.block()
    bench.driver.phase, bench.driver.failure = "failed", "Connection refused"
    bench.check(500)
    assert bench.tunnel.state.failure
    bench.hear_root_by_udp()
    bench.check(500)
    assert not bench.tunnel.state.failure


def test_failure_is_forgotten_when_the_settings_forbid_a_tunnel(tmp_path):
    bench = Bench(tmp_path)
    bench.block()
    bench.driver.phase, bench.driver.failure = "failed", "Connection refused"
    bench.check(500)
    bench.tunnel._settings.change({"allowTcpFallbackRelay": False})
    bench.check(500)
    assert not bench.tunnel.state.failure


def test_relay_that_does_not_answer_is_given_up(tmp_path):
    bench = Bench(tmp_path)
    bench.block()
    bench.check(5_000)
    assert bench.driver.phase == "closed"
    assert "does not answer" in bench.tunnel.state.failure


@pytest.mark.parametrize("heard", [False, True])
def test_tunnel_by_which_nobody_is_heard_is_given_up(tmp_path, heard):
    bench = Bench(tmp_path)
    bench.block()
    bench.come_up()
    assert bench.told == [TunnelChanged(up=True)]
    bench.driver.heard_at = bench.now if heard else 0
    bench.check((SILENT_MS if heard else FIRST_ANSWER_MS) - 1)
    assert bench.tunnel.state.connected_to
    bench.check(1)
    assert bench.tunnel.state.connected_to is None
    assert bench.told == [TunnelChanged(up=True), TunnelChanged(up=False)]
    assert "nothing comes back" in bench.tunnel.state.failure


def test_tunnel_is_left_when_a_root_answers_by_udp_and_closed_some_time_later(tmp_path):
    bench = Bench(tmp_path)
    bench.block()
    bench.come_up()
    state = bench.tunnel.state
    assert (str(state.connected_to), state.tls, state.since) == (f"{ROOT}/443", True, bench.now)
    bench.driver.heard_at = bench.now
    bench.check(1_000)
    bench.hear_root_by_udp()
    bench.check(500)
    assert bench.told[-1] == TunnelChanged(up=False)
    assert (bench.driver.left, bench.driver.phase) == (1, "up")
    bench.check(LEAVING_MS)
    assert (bench.driver.left, bench.driver.phase) == (1, "closed")
    assert len(bench.told) == 2


def test_forced_tunnel_stays_though_udp_would_work(tmp_path):
    bench = Bench(tmp_path, forceTcpRelay=True, allowTcpFallbackRelay=False)
    bench.check()
    bench.come_up()
    bench.driver.heard_at = bench.now
    bench.hear_root_by_udp()
    bench.check(LEAVING_MS)
    assert bench.tunnel.state.connected_to
    assert bench.tunnel.state.forced


def test_relay_that_served_before_is_the_first_one_next_time(tmp_path):
    bench = Bench(tmp_path, tcpFallbackRelay=NAMED)
    bench.block()
    for _ in range(2):
        bench.driver.phase, bench.driver.failure = "failed", "Connection refused"
        bench.check(500)
        bench.check(500)
    bench.come_up()
    bench.driver.heard_at = bench.now
    bench.check(500)
    bench.driver.phase, bench.driver.failure = "failed", "the relay closed the connection"
    bench.check(500)
    bench.check(10_000)
    assert bench.driver.opened[-1] == bench.driver.opened[-2] == (ROOT, 443, True, "eth0")


def test_tunnel_is_closed_when_the_settings_forbid_it(tmp_path):
    bench = Bench(tmp_path)
    bench.block()
    bench.come_up()
    bench.tunnel._settings.change({"allowTcpFallbackRelay": False})
    bench.check(500)
    assert bench.driver.phase == "closed"
    assert not bench.tunnel.state.allowed
    assert bench.told[-1] == TunnelChanged(up=False)
