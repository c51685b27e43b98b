"""What survives a restart (02, 3.3 and 13, item 5)."""

from __future__ import annotations

import pytest
from vl1_internet import identity

from earthline.effects import StateLoaded
from earthline.vl1.peers import cache
from earthline.vl1.peers.cache import RENEW_MS, record_of
from earthline.vl1.peers.path import PathState
from earthline.vl1.peers.peer import Slot
from earthline.wire.inet import InetAddress
from earthline.wire.packet import Suite, Verb


def test_peer_record_matches_the_layout(trio):
    trio.start()
    trio.root.engine.save()
    record = trio.root.stored["peer", trio.ann.address]
    identity_bytes = trio.ann.identity.public.emit()
    assert record == (
        b"\x02" + identity_bytes + bytes.fromhex("000c0001000e0001") + b"\x00\x01"
        b"\x04\xc0\xa8\x02\x02\x27\x09\x01"
    )


def test_restarted_root_knows_its_clients_and_finds_them_at_once(trio):
    trio.start()
    trio.root.engine.save()
    trio.root.boot()
    trio.root.start(trio.planet)
    assert trio.root.suites[trio.ann.address] == Suite.AES_GMAC_SIV
    trio.net.run(100)
    assert trio.root.direct_to(trio.ann)
    assert trio.root.direct_to(trio.bob)


def test_flow_by_a_restarted_root_goes_on_without_waiting(trio):
    trio.start()
    got = []
    trio.bob.engine.register(Verb.FRAME, lambda packet, _now: got.append(packet))
    trio.root.engine.save()
    trio.root.boot()
    trio.root.start(trio.planet)
    trio.net.run(50)
    trio.ann.engine.send(trio.bob.address, Verb.FRAME, b"x", trio.net.now)
    trio.net.run(100)
    assert len(got) == 1


def test_restarted_peer_is_sent_nothing_to_a_port_of_its_life_before(trio):
    trio.start()
    peer = trio.root.engine.peer(trio.ann.address)
    live = peer.slots[0].path
    live.latency = 9
    dead = PathState((live.socket, live.address.ip, 4444), last_in=trio.net.now, latency=1)
    peer.slots.append(Slot(dead, trio.net.now))
    trio.net.run(1_000)
    assert peer.best(trio.net.now).path is dead
    trio.ann.boot()
    trio.ann.start(trio.planet)
    trio.net.run(50)
    assert peer.best(trio.net.now).path is live
    trio.net.run(5_000)
    assert peer.slot_of(dead.key).expired(trio.net.now)
    assert peer.best(trio.net.now).path is live
    assert peer.doubted_at == 0


def test_leaf_tries_cached_addresses_when_the_peer_is_wanted(trio):
    record = b"\x02" + identity(9).public.emit() + bytes.fromhex("000c0001000e00010001")
    record += InetAddress.parse("192.168.9.9/9").emit()
    trio.start()
    trio.ann.give(StateLoaded("peer", identity(9).address, record))
    trio.net.run(10_000)
    path = (-1, bytes([192, 168, 9, 9]), 9)
    assert path not in [t.path for t in trio.ann.sent]
    trio.ann.engine.send(identity(9).address, Verb.FRAME, b"", trio.net.now)
    assert [t.path for t in trio.ann.sent].count(path) == 1
    assert trio.ann.engine.peer(identity(9).address).protocol == 12


def test_unchanged_peers_are_not_stored_again(trio):
    trio.start()
    trio.root.engine.save()
    trio.root.stored.clear()
    trio.net.run(120_000)
    assert trio.root.stored == {}


def test_peer_is_stored_as_soon_as_its_version_is_known(trio):
    trio.start()
    assert ("peer", trio.ann.address) in trio.root.stored


def test_peer_that_is_heard_is_stored_again_every_hour_and_before_a_stop(trio):
    trio.start()
    trio.root.engine.save()
    trio.ann.engine.save()
    trio.ann.stored.clear()
    trio.net.run(RENEW_MS - 60_000)
    assert trio.ann.stored == {}
    trio.net.run(120_000)
    assert list(trio.ann.stored) == [("peer", trio.root.address)]
    trio.ann.stored.clear()
    trio.net.run(60_000)
    trio.ann.engine.save()
    assert list(trio.ann.stored) == [("peer", trio.root.address)]


def test_peer_of_an_earlier_run_is_stored_again_only_if_it_is_heard(trio):
    trio.start()
    trio.ann.engine.save()
    root = trio.ann.stored["peer", trio.root.address]
    silent = record_of(identity(9).public)
    trio.ann.boot()
    trio.ann.give(StateLoaded("peer", identity(9).address, silent))
    trio.ann.give(StateLoaded("peer", trio.root.address, root))
    trio.ann.stored.clear()
    trio.ann.start(trio.planet)
    trio.net.run(60_000)
    trio.ann.engine.save()
    assert ("peer", trio.root.address) in trio.ann.stored
    assert ("peer", identity(9).address) not in trio.ann.stored


def test_only_so_many_records_are_stored_again_at_a_time(trio):
    trio.start()
    trio.ann.engine.save()
    for number in range(20, 24):
        trio.ann.give(StateLoaded("peer", identity(number).address, record_of_number(number)))
        trio.ann.engine.peer(identity(number).address).last_receive = trio.net.now
    trio.ann.stored.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "MAX_RENEWED", 3)
        trio.net.run(30_000)
        assert len(trio.ann.stored) == 3
        trio.net.run(30_000)
        assert len(trio.ann.stored) == 4


def record_of_number(number):
    return record_of(identity(number).public, genuine=True)
