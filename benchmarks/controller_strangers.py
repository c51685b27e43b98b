"""What strangers cost a controller: how fast it answers others while some hundreds a second ask.

    python benchmarks/controller_strangers.py [--per-second 400] [--seconds 10]

Strangers with valid identities ask for configurations of public and private networks, each for
another network every time (``new``), or all over again for the same ones (``again``). Meanwhile
``/health`` is asked twenty times a second.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

import report
from controller_members import Crowd
from earthline.lab import Lab
from earthline.lab.planet import make_planet
from earthline.lab.service import Service
from earthline.sim.simulation import throwaway_identities
from earthline.wire.identity import SecretIdentity

STRANGERS = 256
NETWORKS = 32
"""Every other one is private. So many strangers can be new so many times."""
PROBE_S = 0.05


@dataclass(slots=True)
class Probe:
    """Asks ``/health`` from a thread of its own."""

    service: Service
    took_ms: list[float] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            thread.join()

    def _run(self) -> None:
        while not self.stopping.wait(PROBE_S):
            started = time.perf_counter()
            self.service.request("GET", "/health")
            self.took_ms.append((time.perf_counter() - started) * 1e3)

    def worst_ms(self, share: float) -> float:
        ordered = sorted(self.took_ms)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class Bench:
    """One controller in a lab, and a crowd of strangers."""

    def __init__(self, lab: Lab) -> None:
        self._service = Service(lab.host("controller"))
        planet = make_planet(self._service)
        secret = SecretIdentity.parse((self._service.home / "identity.secret").read_text())
        self._service.start(planet)
        self._networks = [self._create(private=n % 2 == 1) for n in range(NETWORKS)]
        identities = list(itertools.islice(throwaway_identities(), STRANGERS))
        host = self._service.host.address
        self._crowd = Crowd(lab.host("crowd"), secret.public, host, identities)
        self._crowd.greet()

    def close(self) -> None:
        self._crowd.close()
        self._service.stop()

    def _create(self, *, private: bool) -> int:
        body = {
            "private": private,
            "v4AssignMode": {"zt": True},
            "routes": [{"target": "10.0.0.0/8"}],
            "ipAssignmentPools": [{"ipRangeStart": "10.0.0.1", "ipRangeEnd": "10.255.255.254"}],
        }
        path = f"/controller/network/{self._service.address}______"
        return int(self._service.request("POST", path, body)["id"], 16)

    def run(self, what: str, per_second: float, seconds: float, samples: report.Samples) -> None:
        pairs = [(network, n) for n in range(STRANGERS) for network in self._networks]
        if what == "again":
            # Each once in 1.25 s: sooner they would be dropped unseen.
            pairs = pairs[: int(1.25 * per_second)]
        asked = itertools.cycle(pairs) if what == "again" else iter(pairs)
        probe = Probe(self._service)
        refused, processor = self._crowd.refused, self._processor_s()
        with probe.running():
            granted = self._crowd.flood(asked, per_second, seconds)
        found = {
            "health_median": statistics.median(probe.took_ms),
            "health_p99": probe.worst_ms(0.99),
            "granted": granted / seconds,
            "refused": (self._crowd.refused - refused) / seconds,
            "core": 100 * (self._processor_s() - processor) / seconds,
        }
        for name, value in found.items():
            samples.setdefault((what, name), []).append(value)

    def _processor_s(self) -> float:
        """What the service has used of processors, all its threads together."""
        said = Path(f"/proc/{self._service.process.pid}/stat").read_text()
        fields = said.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


UNITS = {
    "health_median": "ms",
    "health_p99": "ms",
    "granted": "1/s",
    "refused": "1/s",
    "core": "% of a core",
}


def main() -> None:
    """Measure, print a table, and write it to ``out/controller_strangers.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-second", type=float, default=400)
    parser.add_argument("--seconds", type=float, default=10)
    chosen = parser.parse_args()
    samples: report.Samples = {}
    with Lab() as lab, contextlib.closing(Bench(lab)) as bench:
        bench.run("nobody", 0, chosen.seconds, samples)
        for what in ("new", "again"):
            bench.run(what, chosen.per_second, chosen.seconds, samples)
    table = Table("", *UNITS)
    for what in dict.fromkeys(what for what, _ in samples):
        table.add_row(what, *(f"{samples[what, name][0]:,.1f}" for name in UNITS))
    Console().print(table)
    report.write(
        "controller_strangers",
        samples,
        UNITS,
        per_second=chosen.per_second,
        strangers=STRANGERS,
    )


if __name__ == "__main__":
    main()
