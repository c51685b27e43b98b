"""Every target that takes bytes, and good inputs for each."""

from __future__ import annotations

from host_seeds import HOST_SEEDS
from host_targets import HOST_TARGETS
from wire_seeds import seeds as wire_seeds
from wire_targets import TARGETS as WIRE_TARGETS
from wire_targets import Target

TARGETS: dict[str, Target] = {**WIRE_TARGETS, **HOST_TARGETS}
"""By the name that ``make fuzz TARGET=`` takes."""


def seeds(target: str) -> tuple[bytes, ...]:
    """Good inputs of a target, shortest first."""
    return HOST_SEEDS.get(target) or wire_seeds(target)
