"""Throw damaged messages at every parser, and hostile conversations at nodes and the switch.

    fuzz/run.py [TARGET] [--seconds N] [--seed S]

Without a target every one is run for N seconds. The same seed does the same; without one it is
drawn, and said. There are four kinds of targets:

* Those that take bytes (`tests/property/targets.py`). Inputs are good messages, cut, spliced and
  overwritten. One that breaks a target is written to ``fuzz/crashes`` and can be replayed with
  ``--replay FILE``.
* ``nodes`` and ``switch``, which take steps (`tests/hostile`). A failure says which line repeats
  it, and then which line does so with fewer steps.
* ``offload`` and ``framing``, which are tests of the Rust crates.
* ``rust-packet`` and others, guided by coverage (`guided.py`): parsers of the Rust crates, and
  ``rust-switch``, anything that may happen to three switches in any order.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
CRASHES = FOLDER / "crashes"
ROOT = FOLDER.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "property")]

from targets import TARGETS, seeds  # noqa: E402

import guided  # noqa: E402 - the path comes first
from hostile.nodes import NODES  # noqa: E402 - the path comes first
from hostile.stateful import fuzz_steps, parse_ranges, repeat  # noqa: E402
from hostile.switch import SWITCH  # noqa: E402

KINDS = {kind.name: kind for kind in (NODES, SWITCH)}
RUST = {"offload": ("earthline-core", "fuzz_offload"), "framing": ("earthline-io", "fuzz_framing")}
"""Crate and the test in it."""
EVERY = sorted((*TARGETS, *KINDS, *RUST, *guided.TARGETS))

TELLING = (b"\x00", b"\x01", b"\x7f", b"\xff", b"\xff\xff", b"\x00\x00", b"\\", b"=", b"\n")
"""Bytes that mean something in one format or other."""

POOL_LIMIT = 500
BATCH = 64


def main() -> int:
    arguments = _parse_arguments()
    if arguments.replay and arguments.target in guided.TARGETS:
        return guided.replay(arguments.target, arguments.replay)
    if arguments.replay:
        TARGETS[arguments.target](arguments.replay.read_bytes())
        return 0
    if arguments.steps:
        return repeat(KINDS[arguments.target], arguments.seed, arguments.steps)
    names = [arguments.target] if arguments.target else EVERY
    return max(fuzz(name, arguments.seconds, arguments.seed) for name in names)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", nargs="?", choices=EVERY, metavar="TARGET")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run TARGET on one input")
    parser.add_argument(
        "--only", type=parse_ranges, metavar="STEPS", dest="steps", help="such as 0-7,12"
    )
    arguments = parser.parse_args()
    if arguments.replay and arguments.target not in {*TARGETS, *guided.TARGETS}:
        parser.error("--replay needs a TARGET that takes bytes")
    if arguments.steps and arguments.target not in KINDS:
        parser.error("--only needs a TARGET that takes steps")
    return arguments


def fuzz(name: str, seconds: float, seed: int) -> int:
    """Run a target until its time is up or it breaks; returns the exit code."""
    if name in KINDS:
        return fuzz_steps(KINDS[name], seconds, seed)
    if name in guided.TARGETS:
        return guided.fuzz(name, seconds, seed)
    if name in RUST:
        return fuzz_rust(*RUST[name], seconds, seed)
    return fuzz_bytes(name, seconds, seed)


def fuzz_rust(crate: str, test: str, seconds: float, seed: int) -> int:
    """Run a test of a Rust crate for a time; it prints the seed of what broke it."""
    command = ["cargo", "test", "--release", "--locked", "--quiet", "--package", crate, test]
    wanted = {"FUZZ_SECONDS": str(int(seconds)), "FUZZ_SEED": str(seed)}
    print(f"{test}: from seed {seed} on", flush=True)
    return subprocess.run(command, cwd=ROOT, env=os.environ | wanted, check=False).returncode


def fuzz_bytes(name: str, seconds: float, seed: int) -> int:
    """Run a target that takes bytes."""
    target, inputs = TARGETS[name], mutations(name, seed)
    count, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        for _ in range(BATCH):
            data = next(inputs)
            try:
                target(data)
            except Exception:  # noqa: BLE001 - whatever it is, it is a finding
                traceback.print_exc()
                print(f"{name}: broken by {keep(name, data)} after {count} inputs of seed {seed}")
                print(f"    .venv/bin/python fuzz/run.py {name} --replay {keep(name, data)}")
                return 1
            count += 1
    print(f"{name}: {count} inputs of seed {seed}, nothing found", flush=True)
    return 0


def mutations(name: str, seed: int) -> Iterator[bytes]:
    """Damaged inputs without end. Some are damaged further, so that damage adds up."""
    source = random.Random(f"{name} {seed}")
    pool = list(seeds(name))
    while True:
        data = bytearray(source.choice(pool))
        for _ in range(source.randrange(1, 8)):
            damage(source, data, pool)
        yield bytes(data)
        if source.random() < 0.02 and len(data) < 20_000:
            if len(pool) < POOL_LIMIT:
                pool.append(bytes(data))
            else:
                pool[source.randrange(len(pool))] = bytes(data)


def damage(source: random.Random, data: bytearray, pool: list[bytes]) -> None:
    """One change: bytes overwritten, left out, put in, repeated, or taken from another input."""
    start = source.randrange(len(data) + 1)
    end = min(len(data), start + source.choice((0, 1, 2, 4, 8, 64)))
    other = source.choice(pool)
    cut = source.randrange(len(other) + 1)
    data[start:end] = source.choice(
        (
            source.choice(TELLING),
            source.randbytes(end - start),
            b"",
            bytes(data[start:end]) * source.randrange(1, 4),
            other[cut : cut + source.randrange(1, 65)],
        )
    )


def keep(name: str, data: bytes) -> Path:
    """Write an input to the crashes; returns its file."""
    CRASHES.mkdir(exist_ok=True)
    path = CRASHES / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    sys.exit(main())
