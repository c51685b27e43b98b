"""A planet of thousands of nodes comes online in the simulator: what that costs each of them.

.venv/bin/python benchmarks/planet.py [--nodes 5000] [--seed 1]
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import dataclass

import report
from earthline.sim.crowd import Traffic, planet_of
from earthline.sim.host import SimHost
from earthline.sim.simulation import Simulation

WITHIN_MS = 600_000
STEADY_MS = 60_000
LOOK_MS = 500
UNITS = {
    "messages_per_node": "1",
    "bytes_per_node": "B",
    "all_online_s": "s (virtual)",
    "steady_messages_per_node_and_minute": "1",
    "steady_bytes_per_node_and_minute": "B",
    "wall_s": "s",
    "memory_mib": "MiB",
}


@dataclass(slots=True)
class Phase:
    """Traffic and time of one stretch of a simulation."""

    sim: Simulation
    traffic: Traffic

    def run(self, nodes: list[SimHost]) -> float:
        """Until all are online; virtual seconds."""
        started = self.sim.clock.now
        waiting = list(nodes)
        while waiting and self.sim.clock.now - started < WITHIN_MS:
            self.sim.run_for(LOOK_MS)
            waiting = [node for node in waiting if not node.node.online]
        if waiting:
            raise SystemExit(f"{len(waiting)} nodes are not online after {WITHIN_MS // 1000} s")
        return (self.sim.clock.now - started) / 1000


def measure(nodes: int, seed: int) -> dict[str, float]:
    """One run."""
    started = time.monotonic()
    with Simulation(seed) as sim:
        traffic = Traffic.of(sim.internet)
        crowd = planet_of(sim, nodes)
        online_s = Phase(sim, traffic).run(crowd)
        messages, octets = traffic.messages, traffic.octets
        sim.run_for(STEADY_MS)
    return {
        "messages_per_node": messages / nodes,
        "bytes_per_node": octets / nodes,
        "all_online_s": online_s,
        "steady_messages_per_node_and_minute": (traffic.messages - messages) / nodes,
        "steady_bytes_per_node_and_minute": (traffic.octets - octets) / nodes,
        "wall_s": time.monotonic() - started,
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    measured = measure(options.nodes, options.seed)
    print(f"{options.nodes} nodes and 4 roots, seed {options.seed}")
    for name, value in measured.items():
        print(f"  {name.replace('_', ' '):<38} {value:>10,.1f} {UNITS[name]}")
    samples = {("earthline", name): [value] for name, value in measured.items()}
    report.write("planet", samples, UNITS, nodes=options.nodes, seed=options.seed)


if __name__ == "__main__":
    main()
