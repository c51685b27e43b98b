"""What rules cost a TCP stream: a network of 100 rules beside one that accepts everything.

Both networks join the same two daemons, and streams through them take turns, so that whatever else
the machine does meets both. Compared are the medians: of the speed, and of the CPU time that both
daemons take for it, which other load on the machine disturbs less.
"""

from __future__ import annotations

import argparse
from statistics import median
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from earthline.lab import Lab
from earthline.lab.service import Service, wait_until
from measures.pair import Pair
from rule_sets import rule_set

COUNTS = (0, 100)


class Stream(NamedTuple):
    """How fast a stream was, in Gb/s, and its daemons' CPU time, in seconds for each GB."""

    speed: float
    cost: float


def stream(pair: Pair, seconds: int) -> Stream:
    before = pair.cpu_s()
    received = pair.iperf(seconds)["sum_received"]
    spent = pair.cpu_s() - before
    return Stream(received["bits_per_second"] / 1e9, spent / (received["bytes"] / 1e9))


def pairs(lab: Lab) -> dict[int, Pair]:
    """The two hosts by each network, by the number of its rules."""
    root = Service(lab.host("root"))
    root.start()
    planet = root.found_planet()
    near, far = (Service(lab.host(name)) for name in ("near", "far"))
    for service in (near, far):
        service.start(planet.data)
    for service in (near, far):
        service.wait_online()
    made = {}
    for number, count in enumerate(COUNTS):
        network = root.create_network(f"10.{100 + number}.0.0/16", private=False)
        root.request("POST", f"/controller/network/{network}", {"rules": rule_set(count)})
        for service in (near, far):
            service.join(network)
        near.wait_ip(network)
        ip = far.wait_ip(network)
        wait_until("a first ping", lambda ip=ip: reached(near, ip))
        made[count] = Pair(near.host, far.host, ip, (near.process.pid, far.process.pid))
    wait_until("a direct path", lambda: near.direct_path(far.address))
    wait_until("a direct path", lambda: far.direct_path(near.address))
    return made


def reached(service: Service, ip: str) -> bool:
    return "0 received" not in service.host.run(["sh", "-c", f"ping -c1 -W1 {ip} || true"])


def main() -> None:
    """Measure in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4, help="length of each stream")
    chosen = parser.parse_args()
    streams: dict[int, list[Stream]] = {count: [] for count in COUNTS}
    with Lab() as lab:
        made = pairs(lab)
        for _ in range(chosen.rounds):
            for count, pair in made.items():
                streams[count].append(stream(pair, chosen.seconds))
    show(
        {count: Stream(*map(median, zip(*taken, strict=True))) for count, taken in streams.items()}
    )


def show(medians: dict[int, Stream]) -> None:
    plain = medians[COUNTS[0]]
    table = Table("rules", "Gb/s", "ratio", "CPU s/GB", "ratio")
    for column in table.columns:
        column.justify = "right"
    for count, taken in medians.items():
        figures = (taken.speed, taken.speed / plain.speed, taken.cost, taken.cost / plain.cost)
        table.add_row(str(count), *(f"{figure:.2f}" for figure in figures))
    Console().print(table)


if __name__ == "__main__":
    main()
