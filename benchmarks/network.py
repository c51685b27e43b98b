"""What a virtual network costs: throughput, latency and CPU time of each system on the same hosts.

Every system is set up in a lab of its own, with two hosts on one internet; to see it relay, in
another with a third host between them. Rounds go over the systems in turn, so that whatever else
the machine does meets all of them; what is compared are medians, and their ratios. A stock node
takes part if ``$ZEROTIER_ONE`` names its binary, other systems if their programs are installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from rich.console import Console

import chart
from comparison import table
from earthline.lab import Lab, LabError
from measures import MEASURES, measure
from report import Samples, rows, write
from systems import SYSTEMS, available, left_out

UNITS = {name: measure.unit for name, measure in MEASURES.items()}


def run(systems: list[str], measures: list[str], rounds: int, seconds: int) -> Samples:
    """Measure everything, round by round; what is known is written down after each system."""
    samples: Samples = {}
    for number in range(1, rounds + 1):
        for system in systems:
            try:
                for name, value in values(system, measures, seconds):
                    samples.setdefault((system, name), []).append(value)
                    print(f"round {number}: {system} {name} {value:.3g} {UNITS[name]}", flush=True)
            except (LabError, OSError) as error:
                print(f"round {number}: {system} left out: {' '.join(str(error).split())[:300]}")
            keep(samples)
    return samples


def values(system: str, measures: list[str], seconds: int) -> Iterator[tuple[str, float]]:
    """Every wanted value of one system, from hosts that reach each other directly and then not."""
    kinds = ((SYSTEMS[system].connect, False), (SYSTEMS[system].relay, True))
    for connect, relayed in kinds:
        names = [name for name in measures if MEASURES[name].relayed == relayed]
        if connect is not None and names:
            with Lab() as lab:
                yield from measure(connect(lab), names, seconds)


def ordered(samples: Samples) -> list[dict[str, Any]]:
    """The rows of all samples: by measure, then by system, as these are listed."""
    measures, systems = list(MEASURES), list(SYSTEMS)
    return sorted(
        rows(samples, UNITS),
        key=lambda row: (measures.index(row["measure"]), systems.index(row["system"])),
    )


def keep(samples: Samples) -> None:
    """Write ``out/bench.json`` and draw ``out/bench.svg``."""
    write("bench", samples, UNITS)
    more = frozenset(name for name, measure in MEASURES.items() if measure.more_is_better)
    chart.write("bench", ordered(samples), list(SYSTEMS), more)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="length of each transfer")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=available())
    parser.add_argument("--measures", nargs="+", choices=MEASURES, default=list(MEASURES))
    chosen = parser.parse_args()
    for system, reason in left_out().items():
        print(f"{system} left out: {reason}")
    samples = run(chosen.systems, chosen.measures, chosen.rounds, chosen.seconds)
    Console().print(table(ordered(samples)))


if __name__ == "__main__":
    main()
