"""UDP through the network: the rate and the cost of small datagrams, and a flood of large ones."""

from __future__ import annotations

from collections.abc import Iterator

from measures.generator import FLOOD, pour
from measures.pair import Pair
from measures.search import highest_lossless

_SMALL, _LARGE = 64, 1400
_STEADY = 100_000
_LOWEST, _HIGHEST, _STEPS = 12_500, 800_000, 7
"""Between these rates, in so many steps: to within 3 %."""
_TRIAL_S = 1.0


def lossless(pair: Pair, _seconds: int) -> Iterator[tuple[str, float]]:
    """The highest rate of small datagrams of which less than 1 % is lost."""
    best = highest_lossless(
        lambda rate: pour(pair, rate, _SMALL, _TRIAL_S).trial, _LOWEST, _HIGHEST, _STEPS
    )
    yield "udp64_lossless_kpps", best / 1e3


def steady(pair: Pair, seconds: int) -> Iterator[tuple[str, float]]:
    """Small datagrams at one rate: how many arrive, and the daemons' CPU time for each."""
    before = pair.cpu_s()
    done = pour(pair, _STEADY, _SMALL, seconds)
    yield "udp64_arrived_percent", 100 * done.arrived / done.sent
    if pair.pids and done.arrived:
        yield "udp64_cpu_us_per_packet", (pair.cpu_s() - before) / done.arrived * 1e6


def flooded(pair: Pair, seconds: int) -> Iterator[tuple[str, float]]:
    """What arrives of large datagrams sent as fast as the near host can."""
    done = pour(pair, FLOOD, _LARGE, seconds)
    yield "udp1400_gbps", done.arrived * _LARGE * 8 / done.seconds / 1e9
