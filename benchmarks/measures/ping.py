"""Round trips, with the network idle and with a TCP stream that fills it."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator

from earthline.lab.namespace import LabError
from measures.pair import Pair

_TIME = re.compile(r"time=([\d.]+) ms")
_IDLE_COUNT, _IDLE_INTERVAL_S = 600, 0.003
_SELDOM_COUNT, _SELDOM_INTERVAL_S = 12, 0.5
_LOADED_PER_S = 50


def idle(pair: Pair, _seconds: int) -> Iterator[tuple[str, float]]:
    """Close enough together for the processor to stay awake: what the systems themselves need."""
    yield "ping_idle_ms", median_ms(pair, _IDLE_COUNT, _IDLE_INTERVAL_S)


def seldom(pair: Pair, _seconds: int) -> Iterator[tuple[str, float]]:
    """So far apart that most of it is processors that wake up and caches that are cold."""
    yield "ping_seldom_ms", median_ms(pair, _SELDOM_COUNT, _SELDOM_INTERVAL_S)


def loaded(pair: Pair, seconds: int) -> Iterator[tuple[str, float]]:
    with pair.loaded(seconds + 2):
        yield "ping_loaded_ms", median_ms(pair, seconds * _LOADED_PER_S, 1 / _LOADED_PER_S)


def median_ms(pair: Pair, count: int, interval_s: float) -> float:
    """The median round trip: a mean would tell of the few that a busy machine held up."""
    argv = f"ping -n -i{interval_s:g} -c{count} -W1 {pair.ip} || true"
    times = [float(text) for text in _TIME.findall(pair.near.run(["sh", "-c", argv]))]
    if len(times) < count / 2:
        raise LabError(f"{len(times)} of {count} pings were answered")
    return statistics.median(times)
