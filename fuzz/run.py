"""Throw damaged messages at every parser, for as long as is wanted.

    fuzz/run.py [TARGET] [--seconds N] [--seed S]

Without a target every one is run for N seconds. Inputs are good messages, cut, spliced and
overwritten; the same seed gives the same inputs. One that breaks a target is written to
``fuzz/crashes`` and can be replayed with ``--replay FILE``. The targets are those of the property
tests (`tests/property`).
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
CRASHES = FOLDER / "crashes"
sys.path.insert(0, str(FOLDER.parent / "tests" / "property"))

from wire_seeds import seeds  # noqa: E402 - the path comes first
from wire_targets import TARGETS  # noqa: E402

TELLING = (b"\x00", b"\x01", b"\x7f", b"\xff", b"\xff\xff", b"\x00\x00", b"\\", b"=", b"\n")
"""Bytes that mean something in one format or other."""

POOL_LIMIT = 500
BATCH = 64


def main() -> int:
    arguments = _parse_arguments()
    if arguments.replay:
        TARGETS[arguments.target](arguments.replay.read_bytes())
        return 0
    names = [arguments.target] if arguments.target else sorted(TARGETS)
    return max(fuzz(name, arguments.seconds, arguments.seed) for name in names)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", nargs="?", choices=sorted(TARGETS), metavar="TARGET")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run TARGET on one input")
    arguments = parser.parse_args()
    if arguments.replay and not arguments.target:
        parser.error("--replay needs a TARGET")
    return arguments


def fuzz(name: str, seconds: float, seed: int) -> int:
    """Run a target until its time is up or it breaks; returns the exit code."""
    target, inputs = TARGETS[name], mutations(name, seed)
    count, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        for _ in range(BATCH):
            data = next(inputs)
            try:
                target(data)
            except Exception:  # noqa: BLE001 - whatever it is, it is a finding
                traceback.print_exc()
                print(f"{name}: broken by {keep(name, data)} after {count} inputs")
                return 1
            count += 1
    print(f"{name}: {count} inputs, nothing found", flush=True)
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
