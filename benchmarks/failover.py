"""How long a flow is cut: after the crash of a root, relayed or direct, and after roaming.

Two members behind two NATs, two roots, a controller, each run in a lab of its own. A small datagram
goes each way every 10 ms; what counts is the longest time without one, in the way that suffered
more. The stock node takes part if ``$ZEROTIER_ONE`` names its binary: it needs minutes, so it gets
fewer runs, and a run that is not over in time counts with that time, shown as ``>``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from earthline.lab.service import wait_until
from earthline.lab.stream import Stream, now_ms
from earthline.lab.two_roots import PATIENCE_S, TwoRoots, two_roots
from report import Samples, write

PROGRAMS: dict[str, list[str]] = {"earthline": []}
if stock := os.environ.get("ZEROTIER_ONE"):
    PROGRAMS["zerotier-one"] = [stock]

WATCHED_S = 10
"""A flow is watched for at least this long after the event."""
STEADY_MS = 3_000
"""It has recovered when it was not cut for this long."""
CUT_MS = 500
SETTLED_S = 3
"""From the first datagrams to the event."""


def crash(planet: TwoRoots) -> None:
    """Kill the root that has more to do."""
    planet.relaying_root().kill()


def roam(planet: TwoRoots) -> None:
    """Carry a member over to another NAT."""
    planet.near.host.move(planet.cafe)


@contextlib.contextmanager
def flowing(planet: TwoRoots) -> Iterator[list[Stream]]:
    """A stream each way."""
    members = (planet.near, planet.far)
    near_ip, far_ip = (member.wait_ip(planet.network) for member in members)
    near, far = (member.host for member in members)
    with Stream(near, far, far_ip) as there, Stream(far, near, near_ip) as back:
        for stream in (there, back):
            wait_until("it flows", stream.flows, timeout_s=PATIENCE_S)
        yield [there, back]


@dataclass(frozen=True, slots=True)
class Measure:
    """An event under a flow."""

    relayed: bool
    event: Callable[[TwoRoots], None]


MEASURES = {
    "root_crash_relayed_ms": Measure(relayed=True, event=crash),
    "root_crash_direct_ms": Measure(relayed=False, event=crash),
    "roam_ms": Measure(relayed=False, event=roam),
}


def run(system: str, name: str, cap_s: float) -> float:
    """One run: the outage in ms."""
    measure = MEASURES[name]
    with (
        two_roots(PROGRAMS[system], parted=measure.relayed) as planet,
        flowing(planet) as streams,
    ):
        time.sleep(SETTLED_S)
        began = now_ms()
        measure.event(planet)
        return outage_ms(streams, began, cap_s)


def outage_ms(streams: list[Stream], began: float, cap_s: float) -> float:
    """The longest cut since an event, once the flow is steady again; at most the cap."""
    while now_ms() - began < cap_s * 1e3:
        time.sleep(0.1)
        watched = now_ms() - began > WATCHED_S * 1e3
        if watched and longest_cut_ms(streams, now_ms() - STEADY_MS) < CUT_MS:
            break
    return min(longest_cut_ms(streams, began), cap_s * 1e3)


def longest_cut_ms(streams: list[Stream], since: float) -> float:
    return max(stream.longest_gap_ms(since) for stream in streams)


def shown(value: float, cap_s: float) -> str:
    return f">{value:,.0f}" if value >= cap_s * 1e3 else f"{value:,.0f}"


def show(samples: Samples, cap_s: float) -> None:
    """A table of medians, with the extremes."""
    table = Table("outage", "system", "median ms", "min", "max", "runs")
    for column in table.columns[2:]:
        column.justify = "right"
    for (system, name), values in sorted(samples.items(), key=lambda item: item[0][::-1]):
        figures = (statistics.median(values), min(values), max(values))
        cells = (shown(figure, cap_s) for figure in figures)
        table.add_row(name, system, *cells, str(len(values)))
    Console().print(table)


def main() -> None:
    """Measure, print a table, and write it to ``out/failover.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--stock-runs", type=int, default=3)
    parser.add_argument("--cap", type=float, default=300, help="seconds until a run is given up")
    parser.add_argument("--systems", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--measures", nargs="+", choices=MEASURES, default=list(MEASURES))
    chosen = parser.parse_args()
    samples: Samples = {}
    for system in chosen.systems:
        runs = chosen.runs if system == "earthline" else min(chosen.runs, chosen.stock_runs)
        for name in chosen.measures:
            for number in range(runs):
                value = run(system, name, chosen.cap)
                samples.setdefault((system, name), []).append(value)
                print(f"run {number + 1}: {system} {name} {shown(value, chosen.cap)}", flush=True)
    show(samples, chosen.cap)
    write("failover", samples, dict.fromkeys(MEASURES, "ms"), cap_s=chosen.cap)


if __name__ == "__main__":
    main()
