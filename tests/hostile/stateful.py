"""Sequences of steps drawn from a seed, run until something does not hold, and then made shorter.

Each step draws from a source of its own, seeded with its number: a step does the same whether or
not those before it were left out, as far as what it meets is the same.
"""

from __future__ import annotations

import random
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import Protocol

MINIMISE_S = 60.0
"""What a failure is made shorter for, at most."""


class Session(Protocol):
    """A world of its own, made from a seed."""

    def step(self, entropy: random.Random) -> None:
        """Do one thing, and look whether all holds."""

    def finish(self) -> None:
        """What must hold in the end."""

    def close(self) -> None:
        """Let go of what it opened."""


@dataclass(frozen=True)
class Kind:
    """Something to be fuzzed: ``make fuzz TARGET=name``."""

    name: str
    begin: Callable[[int], Session]
    length: int
    """Steps of a session."""
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    """What a session is run in."""


@dataclass(eq=False)
class Broken(Exception):
    """What did not hold, and how to see it again."""

    kind: Kind
    seed: int
    steps: tuple[int, ...]
    """The numbers of those that were done."""
    cause: str

    def __str__(self) -> str:
        return f"{self.cause}\nseed {self.seed}, repeated by:\n    {self.command}"

    @property
    def command(self) -> str:
        """One line that repeats it."""
        command = f".venv/bin/python fuzz/run.py {self.kind.name} --seed {self.seed}"
        return f"{command} --only {_ranges(self.steps)}"


def run(kind: Kind, seed: int, steps: Sequence[int]) -> None:
    """One session; `Broken` if something does not hold."""
    done: list[int] = []
    try:
        with kind.around(), closing(kind.begin(seed)) as session:
            for number in steps:
                done.append(number)
                session.step(random.Random(f"{kind.name} {seed} {number}"))
            session.finish()
    except Exception:  # noqa: BLE001 - whatever it is, it is a finding
        raise Broken(kind, seed, tuple(done), traceback.format_exc()) from None


def fuzz_steps(kind: Kind, seconds: float, seed: int) -> int:
    """Session after session, each of the next seed, until the time is up; returns the exit code."""
    until, sessions = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        if repeat(kind, seed + sessions, range(kind.length)):
            return 1
        sessions += 1
    count = sessions * kind.length
    print(f"{kind.name}: {count} steps from seed {seed} on, nothing found", flush=True)
    return 0


def repeat(kind: Kind, seed: int, steps: Sequence[int]) -> int:
    """One session; if it breaks, how, and the fewest steps that do so. Returns the exit code."""
    try:
        run(kind, seed, steps)
    except Broken as broken:
        print(broken, file=sys.stderr, flush=True)
        print(f"shorter: {shortest(broken).command}", file=sys.stderr, flush=True)
        return 1
    return 0


def shortest(broken: Broken) -> Broken:
    """The same fault with fewer steps: halves, quarters, ... are left out as long as it shows."""
    until, found = time.monotonic() + MINIMISE_S, broken
    size = len(found.steps) // 2
    while size and time.monotonic() < until:
        start = 0
        while start < len(found.steps) and time.monotonic() < until:
            fewer = found.steps[:start] + found.steps[start + size :]
            try:
                run(found.kind, found.seed, fewer)
            except Broken as still:
                if _where(still) == _where(broken):
                    found = still
                    continue
            start += size
        size //= 2
    return found


def _where(broken: Broken) -> str:
    """Two failures are of one fault if they end at the same place."""
    places = [line for line in broken.cause.splitlines() if line.startswith("  File")]
    return places[-1]


def _ranges(numbers: Sequence[int]) -> str:
    """``0-3,7`` for 0, 1, 2, 3 and 7."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def parse_ranges(text: str) -> list[int]:
    """The numbers that `Broken.command` names."""
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers
