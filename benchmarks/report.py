"""How a benchmark writes down what it measured: medians of its runs, and where they were taken."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent / "out"

Samples = dict[tuple[str, str], list[float]]
"""Every value measured, by system and measure."""


def environment() -> dict[str, str | int | None]:
    """Where it was measured."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release()}


def rows(samples: Samples, units: Mapping[str, str]) -> list[dict[str, Any]]:
    """One row for each system and measure."""
    return [
        {
            "system": system,
            "measure": name,
            "median": statistics.median(values),
            "min": min(values),
            "max": max(values),
            "runs": len(values),
            "unit": units[name],
        }
        for (system, name), values in samples.items()
    ]


def write(name: str, samples: Samples, units: Mapping[str, str], **notes: float) -> None:
    """Write ``out/<name>.json``; ``notes`` on how it was measured join the environment."""
    OUT.mkdir(exist_ok=True)
    written = {"environment": {**environment(), **notes}, "rows": rows(samples, units)}
    (OUT / f"{name}.json").write_text(json.dumps(written, indent=1) + "\n")
