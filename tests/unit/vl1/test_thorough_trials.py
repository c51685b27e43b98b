"""Trials of every slot of a peer: which are given up, and which may be used meanwhile."""

from __future__ import annotations

import random

import pytest

from earthline.effects import Activity, SessionActivity
from earthline.vl1.peers.path import PathState
from earthline.vl1.peers.peer import Slot
from earthline.wire.inet import InetAddress


def forsaken(trio, peer, count):
    """Nearer places of a peer that it has just left without a word, in more slots than one asks."""
    socket = peer.slots[0].path.socket
    for number in range(count):
        key = (socket, bytes((192, 168, 50, number)), 9_993)
        path = PathState(key, last_in=trio.net.now + 5, latency=1)
        peer.slots.append(Slot(path, trio.net.now))


@pytest.mark.parametrize("count", [6, 30, 60])
def test_no_dead_slot_is_used_again_after_a_thorough_trial(trio, count):
    trio.start()
    peer = trio.root.engine.peer(trio.ann.address)
    live = peer.slots[0].path
    live.latency = 9
    forsaken(trio, peer, count)
    trio.net.run(1_000)
    trio.ann.boot()
    trio.ann.start(trio.planet)
    used = []
    for _ in range(250):
        trio.net.run(100)
        used.append(peer.best(trio.net.now).path.key)
    assert set(used) == {live.key}
    assert peer.doubted_at == 0
    assert trio.root.engine._vigil.idle()


@pytest.mark.parametrize("count", [1, 6])
def test_peer_that_is_back_elsewhere_after_a_while_is_not_looked_for_where_it_was(trio, count):
    """The trial that its silence began must not end without a verdict on its old places."""
    trio.start()
    peer = trio.root.engine.peer(trio.ann.address)
    forsaken(trio, peer, count)
    trio.ann.running = False
    for _ in range(12):
        session = SessionActivity(trio.ann.address, 0, 0, 0, 0, trio.net.now)
        trio.root.give(Activity((session,), (), ()))
        trio.net.run(500)
    trio.ann.running = True
    trio.ann.addresses = {0: InetAddress.parse("192.168.22.2/9993")}
    trio.ann.bind()
    used = []
    for _ in range(100):
        trio.net.run(100)
        used.append(peer.best(trio.net.now).path.address)
    assert set(used[1:]) == {trio.ann.addresses[0]}
    assert peer.doubted_at == 0


def test_peer_stays_direct_whatever_a_thorough_trial_loses(trio):
    """Three datagrams of ten are lost; nearly every slot gives proof all the same."""
    trio.ann.addresses[1] = InetAddress.parse("192.168.2.22/9993")
    trio.start()
    peer = trio.root.engine.peer(trio.ann.address)
    confirmed = [slot.path for slot in peer.slots]
    assert len(confirmed) == 2
    lost = random.Random(1)
    trio.net.drops = lambda *_: lost.random() < 0.3
    kept = 0
    for _ in range(100):
        peer.slots = [Slot(path, trio.net.now) for path in confirmed]
        trio.root.engine._vigil.doubt_others(peer, trio.net.now)
        trio.net.run(3_500)
        assert trio.root.direct_to(trio.ann)
        kept += sum(not slot.expired(trio.net.now) for slot in peer.slots)
    assert kept > 180
