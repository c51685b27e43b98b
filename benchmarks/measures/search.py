"""The highest rate that goes through without loss, found in a bounded number of short trials."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

LOSSLESS = 0.01
"""Less than this share lost counts as nothing lost."""
_HOPELESS = 0.1
"""More than this share lost was no hiccup of the machine."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one offered rate."""

    rate: float
    """Datagrams a second that were really sent: a generator may not reach what it is asked for."""
    lost: float
    """The share of them that did not arrive."""

    @property
    def lossless(self) -> bool:
        return self.lost < LOSSLESS


def highest_lossless(probe: Callable[[float], Trial], low: float, high: float, steps: int) -> float:
    """The highest rate really sent of all lossless trials; 0 if there was none.

    It halves the ratio between ``low`` and ``high`` in each step.
    """
    best = 0.0
    for _ in range(steps):
        asked = math.sqrt(low * high)
        trial = _fair(probe, asked)
        if trial.lossless:
            best = max(best, trial.rate)
            low = asked
        else:
            high = asked
    return best


def _fair(probe: Callable[[float], Trial], rate: float) -> Trial:
    """A trial, with a second chance for one that whatever else runs here may have spoilt."""
    trial = probe(rate)
    return probe(rate) if LOSSLESS <= trial.lost <= _HOPELESS else trial
