"""Default routes may lead into networks only while somebody answers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from earthline.runtime.host.default_way import (
    FIRST_REST_MS,
    MAX_REST_MS,
    SILENT_MS,
    SOON_MS,
    DefaultWay,
)


class World:
    """A topology of one peer, and a clock."""

    def __init__(self):
        self.now = 10_000_000
        self.peer = SimpleNamespace(last_receive=self.now)
        self.peers = {1: self.peer, 2: SimpleNamespace(last_receive=0)}
        self.worlds = SimpleNamespace(acting_as_upstream=False)
        self.way = DefaultWay(self)

    def leads(self, *, after_ms=0, heard=True, online=True):
        self.now += after_ms
        if heard:
            self.peer.last_receive = self.now
        return self.way.leads(self.now, online=online)

    def lose(self):
        return not self.leads(after_ms=SILENT_MS, heard=False)


@pytest.fixture
def world():
    return World()


def test_leads_while_online_and_answered(world):
    assert world.leads()
    assert not world.leads(after_ms=SOON_MS, online=False)
    assert world.leads()


def test_silence_of_all_peers_takes_it_away_though_the_node_is_still_online(world):
    assert world.leads()
    assert world.leads(after_ms=SILENT_MS - 1, heard=False)
    assert not world.leads(after_ms=1, heard=False)


def test_root_hears_nobody_it_need_not(world):
    world.worlds.acting_as_upstream = True
    assert world.leads()
    assert world.leads(after_ms=SILENT_MS * 100, heard=False)


def test_route_that_cuts_off_again_and_again_comes_back_later_each_time(world):
    assert world.leads()
    rests = []
    for _ in range(9):
        assert world.lose()
        assert not world.leads()
        rest = 0
        while not world.leads(after_ms=FIRST_REST_MS):
            rest += FIRST_REST_MS
        rests.append(rest + FIRST_REST_MS)
    assert rests[:3] == [FIRST_REST_MS, 2 * FIRST_REST_MS, 4 * FIRST_REST_MS]
    assert rests[-1] == MAX_REST_MS


def test_route_that_stood_for_long_comes_back_at_once(world):
    assert world.leads()
    assert world.leads(after_ms=SOON_MS)
    assert world.lose()
    assert world.leads()
