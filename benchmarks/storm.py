"""What floods of forged packets do to a root: its API, whoever joins, and a stream that it relays.

A root that is its network's controller, two members that reach each other by it alone, a forger,
and a new node for each flood. Of each kind of packet, from each pattern of source addresses:

- after a while of the flood a new node joins, as its user sees it: from its start to an
  address on the network; meanwhile the root is asked for its status twenty times a second;
- the members send one TCP stream for some seconds, under the flood and while the same forger sends
  as much to a host that drops it, in turns; of the ratios the median is shown, and the lowest.

All of it runs on one machine: forger, kernel, root, newcomer, members and the stream. With few
cores, part of what is measured is waiting for a processor. What a flood costs the machine by
itself is what the same flood aside costs: the ratios "beside" leave that out.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from earthline.lab import LabError
from earthline.lab.siege import ApiWatch, Siege, siege
from earthline.lab.storm import Kind, Sources, Storm
from earthline.lab.transfer import flow
from report import Samples, write

RATE = 50_000
STREAM_S = 3.0
ROUNDS = 3
"""Pairs of streams in each cell."""
JOIN_LIMIT_S = 60
"""A newcomer that is not in after this counts with this time, shown as ``>``."""
_TICKS = os.sysconf("SC_CLK_TCK")
_SHOWN_DROPS = 3
_WIDTH = 120
_COLUMNS = (
    *("kind", "sources", "sent/s", "API ms", "worst"),
    *("join s", "ratio", "beside", "stream", "beside", "lowest", "root CPU"),
)
_UNITS = {
    "join_s": "s",
    "join_aside_s": "s",
    "stream_mbps": "Mbit/s",
    "stream_aside_mbps": "Mbit/s",
    "api_worst_ms": "ms",
    "api_median_ms": "ms",
    "root_cpu": "cores",
    "sent_pps": "1/s",
}


@dataclass(frozen=True, slots=True)
class Baseline:
    """Without a flood, and with one that goes aside."""

    join_s: float
    join_aside_s: float
    stream: float
    api_ms: list[float]


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind from one pattern of sources."""

    kind: Kind
    sources: Sources
    baseline: Baseline
    sent_pps: float
    forger_cpu: float
    api_ms: list[float]
    join_s: float
    streams: list[float]
    streams_aside: list[float]
    root_cpu: float
    drops: dict[str, int]

    @property
    def beside(self) -> list[float]:
        """Of each stream, what part it is of the one beside the same flood aside."""
        return [
            under / aside for under, aside in zip(self.streams, self.streams_aside, strict=True)
        ]


def cpu_s(pid: int) -> float:
    """CPU time of a process, user and system, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class Bench:
    """Takes the measures in one lab."""

    def __init__(self, built: Siege, rate: int, lasted_s: float, rounds: int) -> None:
        self._siege = built
        self._rate = rate
        self._lasted_s = lasted_s
        self._rounds = rounds
        self._target = built.far.wait_ip(built.planet.earth)

    def baseline(self, kind: Kind) -> Baseline:
        with ApiWatch(self._siege.root) as watch:
            join_s = self._join()
        stream = self._stream()
        storm = self._storm(kind, Sources.ANY, aside=True)
        join_aside_s = self._join()
        storm.end()
        return Baseline(join_s, join_aside_s, stream, watch.answered_ms)

    def cell(self, kind: Kind, sources: Sources, baseline: Baseline) -> Cell:
        pid, before = self._siege.root.process.pid, self._siege.counters()
        storm = self._storm(kind, sources)
        time.sleep(self._lasted_s)
        spent, began = cpu_s(pid), time.monotonic()
        with ApiWatch(self._siege.root) as watch:
            join_s = self._join()
        spent = (cpu_s(pid) - spent) / (time.monotonic() - began)
        sent = storm.end()
        streams: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(self._rounds):
            for aside, measured in streams.items():
                storm = self._storm(kind, sources, aside=aside)
                measured.append(self._stream())
                storm.end()
        after = self._siege.counters()
        drops = {name: count - before.get(name, 0) for name, count in after.items()}
        return Cell(
            kind,
            sources,
            baseline,
            sent_pps=sent.rate,
            forger_cpu=sent.cpu_s / sent.seconds,
            api_ms=watch.answered_ms,
            join_s=join_s,
            streams=streams[False],
            streams_aside=streams[True],
            root_cpu=spent,
            drops={name: count for name, count in drops.items() if _is_drop(name) and count > 0},
        )

    def _storm(self, kind: Kind, sources: Sources, *, aside: bool = False) -> Storm:
        return self._siege.storm(kind, sources, self._rate, aside=aside)

    def _join(self) -> float:
        newcomer = self._siege.newcomer()
        try:
            return self._siege.join(newcomer, JOIN_LIMIT_S)
        except LabError:
            return JOIN_LIMIT_S
        finally:
            newcomer.kill()

    def _stream(self) -> float:
        """Mbit/s from one member to the other."""
        near, far = self._siege.near.host, self._siege.far.host
        return flow(near, far, self._target, STREAM_S) * 8 / STREAM_S / 1e6


def _is_drop(name: str) -> bool:
    return name.startswith(("drop_", "hello_", "proof_", "deferred_", "relayed"))


def show(cells: list[Cell]) -> None:
    """A table, what its ratios are of, and what was dropped for which reason."""
    table = Table(*_COLUMNS)
    for column in table.columns[2:]:
        column.justify = "right"
    for cell in cells:
        quiet = cell.baseline
        over = ">" if cell.join_s >= JOIN_LIMIT_S else ""
        table.add_row(
            cell.kind,
            cell.sources,
            f"{cell.sent_pps:,.0f}",
            f"{statistics.median(cell.api_ms):.0f}",
            f"{max(cell.api_ms):.0f}",
            f"{over}{cell.join_s:.1f}",
            f"{cell.join_s / quiet.join_s:.2f}",
            f"{cell.join_s / quiet.join_aside_s:.2f}",
            f"{statistics.median(cell.streams) / quiet.stream:.2f}",
            f"{statistics.median(cell.beside):.2f}",
            f"{min(cell.beside):.2f}",
            f"{cell.root_cpu:.2f}",
        )
    console = Console(width=_WIDTH)
    console.print(table)
    quiets = {id(cell.baseline): cell.baseline for cell in cells}.values()
    console.print(
        f"Without a flood, medians of {len(quiets)}:"
        f" join {statistics.median(quiet.join_s for quiet in quiets):.1f} s,"
        f" {statistics.median(quiet.join_aside_s for quiet in quiets):.1f} s beside one;"
        f" stream {statistics.median(quiet.stream for quiet in quiets):,.0f} Mbit/s; API"
        f" {statistics.median(statistics.median(quiet.api_ms) for quiet in quiets):.0f} ms,"
        f" worst {statistics.median(max(quiet.api_ms) for quiet in quiets):.0f}.\n"
        f"The forger took {statistics.mean(cell.forger_cpu for cell in cells):.2f} of"
        f" {os.cpu_count()} cores, which carry everything else, too."
    )
    for cell in cells:
        drops = ", ".join(f"{name} {count:,}" for name, count in _largest(cell.drops))
        console.print(f"{cell.kind:<14} {cell.sources:<5} {drops}")
    for kind in dict.fromkeys(cell.kind for cell in cells):
        console.print(f"{kind:<14} {kind.meaning}")


def _largest(drops: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(drops.items(), key=lambda entry: -entry[1])[:_SHOWN_DROPS]


def record(cells: list[Cell], rate: int) -> None:
    """Write ``out/storm.json``."""
    quiets = list({id(cell.baseline): cell.baseline for cell in cells}.values())
    samples: Samples = {
        ("quiet", "join_s"): [quiet.join_s for quiet in quiets],
        ("quiet", "join_aside_s"): [quiet.join_aside_s for quiet in quiets],
        ("quiet", "stream_mbps"): [quiet.stream for quiet in quiets],
        ("quiet", "api_worst_ms"): [max(quiet.api_ms) for quiet in quiets],
    }
    for cell in cells:
        system = f"{cell.kind} {cell.sources}"
        measured = {
            "join_s": cell.join_s,
            "api_worst_ms": max(cell.api_ms),
            "api_median_ms": statistics.median(cell.api_ms),
            "root_cpu": cell.root_cpu,
            "sent_pps": cell.sent_pps,
        }
        samples.update({(system, name): [value] for name, value in measured.items()})
        samples[system, "stream_mbps"] = cell.streams
        samples[system, "stream_aside_mbps"] = cell.streams_aside
    write("storm", samples, _UNITS, rate=rate)


def _line(cell: Cell) -> str:
    """What a run that is stopped leaves of it."""
    return (
        f"{cell.kind} {cell.sources}: {cell.sent_pps:,.0f}/s, API {max(cell.api_ms):.0f} ms, join"
        f" {cell.join_s:.1f} s, stream {statistics.median(cell.streams):,.0f} Mbit/s,"
        f" {', '.join(f'{ratio:.2f}' for ratio in cell.beside)} of those beside a flood aside,"
        f" root {cell.root_cpu:.2f} cores, quiet join {cell.baseline.join_s:.1f} s, beside"
        f" {cell.baseline.join_aside_s:.1f} s, {dict(_largest(cell.drops))}"
    )


def main() -> None:
    """Measure every kind from every pattern of sources, print a table and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=RATE, help="packets a second")
    parser.add_argument(
        "--lasted", type=float, default=15, help="seconds of a flood before somebody joins"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="pairs of streams in each cell")
    parser.add_argument("--kinds", nargs="+", type=Kind, choices=list(Kind), default=list(Kind))
    parser.add_argument(
        "--sources", nargs="+", type=Sources, choices=list(Sources), default=list(Sources)
    )
    chosen = parser.parse_args()
    cells: list[Cell] = []
    with siege() as built:
        bench = Bench(built, chosen.rate, chosen.lasted, chosen.rounds)
        for kind in chosen.kinds:
            baseline = bench.baseline(kind)
            for sources in chosen.sources:
                cells.append(bench.cell(kind, sources, baseline))
                print(_line(cells[-1]), flush=True)
    show(cells)
    record(cells, chosen.rate)


if __name__ == "__main__":
    main()
