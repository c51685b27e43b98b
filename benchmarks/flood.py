"""What a multicast flood of one member does to a ping between two others.

Three members on one network: one sends 10,000 multicast frames a second to a group that the two
others listen to, while these ping one another. Idle and flooded pings take turns; compared are the
medians of all.

All of it runs on one machine: the program that makes the flood, the kernel's work for it, and three
daemons. With few cores, part of what is measured is waiting for a processor, which members on
machines of their own would not do. The row of the bare link shows how much, by the same flood
without any virtual network.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console
from rich.table import Table

from earthline.lab import Host, Lab
from earthline.lab.flood import listen, start_flood
from earthline.lab.service import Service, wait_until

STOCK = os.environ.get("ZEROTIER_ONE", "")
RATE = 10_000
RANGE = "10.147.0.0/16"
_TIME = re.compile(r"time=([\d.]+) ms")


@dataclass(slots=True)
class Samples:
    """Round trips in ms, and what the listeners' daemon counted in the flood."""

    idle: list[float] = field(default_factory=list)
    flooded: list[float] = field(default_factory=list)
    sent: int = 0
    received: int = 0
    refused: int = 0
    punts: int = 0

    @property
    def ratio(self) -> float:
        return statistics.median(self.flooded) / statistics.median(self.idle)


@dataclass(frozen=True, slots=True)
class Trio:
    """A flooder, and two hosts that ping; ``watched`` is the daemon of one of these."""

    flooder: Host
    flooder_ip: str
    near: Host
    far_ip: str
    watched: Service | None

    @classmethod
    def bare(cls, lab: Lab, stack: ExitStack) -> Self:
        """No virtual network."""
        flooder, near, far = (lab.host(name) for name in ("flooder", "near", "far"))
        for host in (near, far):
            stack.enter_context(listen(host, host.address))
        return cls(flooder, flooder.address, near, far.address, None)

    @classmethod
    def joined(cls, lab: Lab, stack: ExitStack, program: list[str]) -> Self:
        """The flooder's daemon is ``program``, those of the others are ours."""
        root = Service(lab.host("root"))
        root.start()
        planet = root.found_planet()
        network = root.create_network(RANGE, private=False)
        flooder = Service(lab.host("flooder"), program=program)
        near, far = (Service(lab.host(name)) for name in ("near", "far"))
        for service in (flooder, near, far):
            service.start(planet.data)
        for service in (flooder, near, far):
            service.wait_online()
            service.join(network)
        ips = [service.wait_ip(network) for service in (flooder, near, far)]
        for service, ip in zip((near, far), ips[1:], strict=True):
            stack.enter_context(listen(service.host, ip))
        trio = cls(flooder.host, ips[0], near.host, ips[2], near)
        wait_until("the ping is direct", lambda: trio.ping(1) and near.direct_path(far.address))
        wait_until("the flood arrives", trio.arrives)
        return trio

    def ping(self, seconds: float) -> list[float]:
        """Round trips in ms, fifty a second."""
        count = int(seconds * 50)
        argv = ["sh", "-c", f"ping -n -i0.02 -c{count} -W1 {self.far_ip} || true"]
        return [
            float(text) for text in _TIME.findall(self.near.run(argv, timeout_s=seconds * 3 + 10))
        ]

    def arrives(self) -> bool:
        """Whether a second of frames to the group gets to the one watched."""
        before = self.counter("frames_rx")
        start_flood(self.flooder, self.flooder_ip, 100, 1).finish(10)
        return self.counter("frames_rx") - before > 50

    def counter(self, name: str) -> int:
        return 0 if self.watched is None else self.watched.counter(name)

    def measure(self, samples: Samples, seconds: int) -> None:
        samples.idle += self.ping(seconds)
        names = ("frames_rx", "drop_receive_budget", "punts")
        before = [self.counter(name) for name in names]
        flood = start_flood(self.flooder, self.flooder_ip, RATE, seconds + 1)
        samples.flooded += self.ping(seconds)
        # The log holds what every flood sent, a line each.
        samples.sent += int(flood.finish(seconds + 20).split()[-1])
        received, refused, punts = (
            self.counter(name) - count for name, count in zip(names, before, strict=True)
        )
        samples.received += received
        samples.refused += refused
        samples.punts += punts


def run(system: str, rounds: int, seconds: int) -> Samples:
    samples = Samples()
    with Lab() as lab, ExitStack() as stack:
        if system == "bare link":
            trio = Trio.bare(lab, stack)
        else:
            trio = Trio.joined(lab, stack, [STOCK] if system == "zerotier-one" else [])
        for _ in range(rounds):
            trio.measure(samples, seconds)
    return samples


def show(results: dict[str, Samples]) -> None:
    table = Table(
        "flooder", "idle ms", "flooded ms", "ratio", "sent", "received", "over budget", "punts"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for system, samples in results.items():
        idle, flooded = statistics.median(samples.idle), statistics.median(samples.flooded)
        counts = (samples.sent, samples.received, samples.refused, samples.punts)
        cells = [f"{idle:.3f}", f"{flooded:.3f}", f"{samples.ratio:.2f}"]
        table.add_row(system, *cells, *(f"{count:,}" for count in counts))
    console = Console()
    console.print(table)
    console.print(
        f"{os.cpu_count()} cores carry flooder, daemons, kernel and pings together;"
        " the bare link shows what of the ratio is the machine's."
    )


def main() -> None:
    """Measure each kind of flooder, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="length of each series of pings")
    chosen = parser.parse_args()
    systems = ["bare link", "earthline", *(["zerotier-one"] if STOCK else [])]
    show({system: run(system, chosen.rounds, chosen.seconds) for system in systems})


if __name__ == "__main__":
    main()
