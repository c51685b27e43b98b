"""The search for the highest rate without loss, over made-up networks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from measures.search import Trial, highest_lossless

LOW, HIGH, STEPS = 10e3, 640e3, 7
RESOLUTION = (HIGH / LOW) ** (1 / 2**STEPS)


def network(capacity: float, generator: float = 1e9) -> Callable[[float], Trial]:
    """Loses what is above its capacity; its generator does not reach any rate."""

    def probe(rate: float) -> Trial:
        sent = min(rate, generator)
        return Trial(sent, max(0.0, 1 - capacity / sent))

    return probe


@pytest.mark.parametrize("capacity", [11e3, 90e3, 123_456, 600e3])
def test_finds_the_capacity_to_within_its_resolution(capacity: float) -> None:
    found = highest_lossless(network(capacity), LOW, HIGH, STEPS)

    assert capacity / RESOLUTION < found < capacity * 1.01


def test_network_that_loses_everything_has_no_rate() -> None:
    assert highest_lossless(network(1), LOW, HIGH, STEPS) == 0


def test_slow_generator_is_not_credited_with_what_it_was_asked_for() -> None:
    assert highest_lossless(network(1e9, generator=200e3), LOW, HIGH, STEPS) == 200e3


def test_single_hiccup_does_not_end_the_search_below_the_capacity() -> None:
    trials = count()
    inner = network(300e3)

    def probe(rate: float) -> Trial:
        return Trial(rate, 0.05) if next(trials) == 0 else inner(rate)

    assert highest_lossless(probe, LOW, HIGH, STEPS) > 300e3 / RESOLUTION


def test_hopeless_rate_is_tried_once() -> None:
    tried: list[float] = []

    def probe(rate: float) -> Trial:
        tried.append(rate)
        return Trial(rate, 0.5)

    highest_lossless(probe, LOW, HIGH, STEPS)

    assert len(tried) == STEPS
