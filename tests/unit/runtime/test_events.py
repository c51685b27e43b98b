"""The bus: everybody hears of everything after what they name, in order, and nothing grows."""

from __future__ import annotations

import asyncio

import pytest

from earthline.runtime.node.event_kinds import KINDS
from earthline.runtime.node.events import KEPT, MAX_WAITING, Event, Events

SOON_S = 10.0


def kinds(events) -> list[str]:
    return [event.kind for event in events]


async def test_listener_is_told_of_what_comes_and_of_nothing_before():
    bus = Events(0xABC)
    bus.publish("node.online")
    listener = bus.listen(None)
    waiting = asyncio.create_task(listener.take(SOON_S))
    await asyncio.sleep(0)
    bus.publish("peer.new", address="0a1b2c3d4e")
    (event,) = await waiting
    assert event.as_object() == {"event": "peer.new", "at": event.at, "address": "0a1b2c3d4e"}
    assert bus.name(event) == "abc-2"


async def test_nothing_comes_when_nothing_happens():
    assert await Events(1).listen(None).take(0.001) == []


def test_who_comes_back_gets_all_kinds_since_then_in_order():
    bus = Events(1)
    for kind in ("node.online", "peer.new", "network.joined", "peer.new", "node.offline"):
        bus.publish(kind)
    listener = bus.listen("1-2")
    assert kinds(listener.waiting) == ["network.joined", "peer.new", "node.offline"]
    assert not listener.missed


def test_who_comes_back_too_late_is_told_that_events_are_missing():
    bus = Events(1)
    bus.publish("node.online")
    for _ in range(KEPT + 1):
        bus.publish("peer.new")
    assert bus.listen("1-1").missed
    assert not bus.listen("1-2").missed
    assert len(bus.listen("1-1").waiting) == KEPT


def test_who_was_never_here_and_asks_for_nothing_misses_nothing():
    bus = Events(1)
    for _ in range(KEPT + 1):
        bus.publish("peer.new")
    assert not bus.listen(None).missed


@pytest.mark.parametrize("last", ["2-1", "0", "", "nonsense", "1-", "1--1", "1-" + "9" * 5000])
def test_id_of_another_run_stands_before_everything(last):
    bus = Events(1)
    bus.publish("node.online")
    bus.publish("node.offline")
    assert kinds(bus.listen(last).waiting) == ["node.online", "node.offline"]


def test_id_of_the_future_is_that_of_now():
    bus = Events(1)
    bus.publish("node.online")
    assert not bus.listen("1-999").waiting
    bus.publish("node.offline")
    assert kinds(bus.listen("1-1").waiting) == ["node.offline"]


async def test_slow_listener_is_ended_and_the_others_go_on():
    bus = Events(1)
    slow, reader = bus.listen(None), bus.listen(None)
    for _ in range(MAX_WAITING + 1):
        bus.publish("peer.new")
        await reader.take(0)
    assert await slow.take(0) == []
    assert slow.ended == "events were not read fast enough"
    assert reader.ended == ""
    assert len(slow.waiting) == 0


async def test_end_comes_after_what_waits_and_wakes_who_waits():
    bus = Events(1)
    busy, idle = bus.listen(None), bus.listen(None)
    bus.publish("node.offline")
    await idle.take(0)
    waiting = asyncio.create_task(idle.take(SOON_S))
    await asyncio.sleep(0)
    bus.end_all("the service ends")
    assert await waiting == []
    assert kinds(await busy.take(0)) == ["node.offline"]
    assert (busy.ended, idle.ended, bus.listeners) == ("the service ends",) * 2 + (0,)


def test_one_listener_can_be_told_of_all_that_is_kept():
    bus = Events(1)
    for kind in KINDS:
        for _ in range(KEPT):
            bus.publish(kind)
    listener = bus.listen("0")
    bus.publish("node.online")
    assert not listener.ended
    assert len(listener.waiting) == KEPT * len(KINDS) + 1


def test_event_as_an_object_cannot_be_another_kind_than_it_is():
    found = Event(1, 2, "peer.new", {"event": "node.online", "at": 3}).as_object()
    assert found == {"event": "peer.new", "at": 2}
