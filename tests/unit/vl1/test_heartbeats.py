"""How long a root may go without having answered us (02, 1.5)."""

from __future__ import annotations

import pytest

from earthline.vl1.ground.timers import FRUGAL_CHECK_MS, PERIOD_MS, Timer
from earthline.vl1.paths.keepalive import UNPROVED_MS


def longest_without_proof(trio, start_ms):
    """In ms, over ten minutes in which the root keeps us alive, too."""
    trio.root.start(trio.planet)
    trio.net.run(start_ms)
    trio.ann.start(trio.planet)
    trio.net.run(200)
    root = trio.ann.engine.peer(trio.root.address)
    ann = trio.root.engine.peer(trio.ann.address)
    (key,) = root.proved
    longest = 0
    for _ in range(600):
        ann.nontrivial_at = trio.net.now
        trio.net.run(1_000)
        longest = max(longest, trio.net.now - root.proved[key])
    return longest


@pytest.mark.parametrize("start_ms", [1_000, 2_500, 4_000])
def test_root_gives_proof_in_time_though_it_asks_first(trio, start_ms):
    longest = longest_without_proof(trio, start_ms)
    assert longest <= UNPROVED_MS + PERIOD_MS[Timer.CHECK] + 1_000


def test_root_gives_proof_in_time_in_low_bandwidth_mode(trio):
    trio.ann.engine.set_low_bandwidth(enabled=True, now=trio.net.now)
    longest = longest_without_proof(trio, 2_500)
    assert longest <= UNPROVED_MS + FRUGAL_CHECK_MS + 1_000


def test_root_that_others_are_reached_by_is_asked_too(trio):
    trio.start()
    root = trio.ann.engine.peer(trio.root.address)
    (slot,) = root.slots
    asked_at = root.proved[slot.path.key]
    for _ in range(40):
        slot.path.last_out = trio.net.now
        trio.net.run(1_000)
    assert root.proved[slot.path.key] > asked_at
