"""The one place where the service asks what time it is, by two clocks.

now_ms    goes on while the machine sleeps, and nobody can set it: all that lasts or is due
wall_ms   Unix time: the wire, certificates, files, and people
"""

from __future__ import annotations

import time

from earthline._native import now_ms

__all__ = ["STEP_MS", "now_ms", "wall_ms", "wall_offset_ms"]

STEP_MS = 20
"""Less is no step of the wall clock, but what passed between a look at it and one at the other."""


def wall_ms() -> int:
    """Milliseconds since the Unix epoch, as far as the machine knows."""
    return time.time_ns() // 1_000_000


def wall_offset_ms() -> int:
    """What to add to `now_ms` for `wall_ms`."""
    return wall_ms() - now_ms()
