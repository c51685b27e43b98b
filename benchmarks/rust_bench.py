"""Runs the benchmarks of the Rust core that print lines of JSON."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def lines(name: str) -> list[Any]:
    """What one of them measured."""
    command = ["cargo", "bench", "--locked", "--quiet", "--package", "earthline-core"]
    run = subprocess.run(
        [*command, "--bench", name], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
