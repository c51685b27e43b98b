"""What a virtual network costs: throughput, latency and CPU time of each system on the same hosts.

Every system is set up in a lab of its own, with two hosts and a root on one internet. Rounds go
over the systems in turn, so that whatever else the machine does meets all of them; what is compared
are medians, and their ratios. A stock node takes part if ``$ZEROTIER_ONE`` names its binary.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from earthline.lab import Lab
from network_measures import MEASURES, Pair, measure
from network_systems import SYSTEMS, available
from report import Samples, write


@contextmanager
def standing(system: str) -> Iterator[Pair]:
    """The two hosts of a system, connected."""
    with Lab() as lab:
        yield SYSTEMS[system](lab)


def run(systems: list[str], measures: list[str], rounds: int, seconds: int) -> Samples:
    """Measure everything, round by round."""
    samples: Samples = {}
    for number in range(rounds):
        for system in systems:
            with standing(system) as pair:
                for name, value in measure(pair, measures, seconds):
                    samples.setdefault((system, name), []).append(value)
                    print(f"round {number + 1}: {system} {name} {value:.3g} {MEASURES[name].unit}")
    return samples


def show(samples: Samples, systems: list[str], measures: list[str]) -> None:
    """A table of medians, each with its ratio to the stock node's, where there is one."""
    table = Table("measure", *systems)
    for column in table.columns[1:]:
        column.justify = "right"
    for name in measures:
        stock = samples.get(("zerotier-one", name))
        cells = [cell(samples.get((system, name)), stock) for system in systems]
        table.add_row(f"{name} ({MEASURES[name].unit})", *cells)
    Console().print(table)


def cell(values: list[float] | None, stock: list[float] | None) -> str:
    """A median, and how many times the stock node's it is."""
    if not values:
        return ""
    median = statistics.median(values)
    reference = statistics.median(stock) if stock else 0
    return f"{median:.3g} ({median / reference:.2f}x)" if reference else f"{median:.3g}"


def main() -> None:
    """Measure, print a table, and write it to ``out/bench.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="length of each transfer")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=available())
    parser.add_argument("--measures", nargs="+", choices=MEASURES, default=list(MEASURES))
    chosen = parser.parse_args()
    samples = run(chosen.systems, chosen.measures, chosen.rounds, chosen.seconds)
    show(samples, chosen.systems, chosen.measures)
    write("bench", samples, {name: measure.unit for name, measure in MEASURES.items()})


if __name__ == "__main__":
    main()
