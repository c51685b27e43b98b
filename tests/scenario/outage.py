"""What scenarios of failure share: a LAN of two, and how long it is cut."""

from __future__ import annotations

from earthline.sim.host import SimHost
from earthline.sim.simulation import Simulation

POOL = ("10.1.0.1", "10.1.0.254")
ROUTE = "10.1.0.0/24"
PING_MS = 200


def lan(sim: Simulation, controller: SimHost, *members: SimHost) -> int:
    """A network that all the members have joined; their neighbours are resolved."""
    network = sim.network(controller, POOL, ROUTE)
    for member in members:
        member.join(network)
    assert sim.run_until(lambda: sim.joined(network, *members), within_ms=60_000)
    for member in members[1:]:
        # Groups are announced once a minute, and where much is lost three of those may be.
        assert sim.ping(members[0], member, network, within_ms=190_000)
    return network


def longest_outage(
    sim: Simulation, source: SimHost, destination: SimHost, network: int, during_ms: int
) -> int:
    """The longest time without an answer, in ms, while one is asked for five times a second."""
    nic, target = source.nic(network), destination.nic(network).ipv4
    seen, last, longest = len(nic.pongs), sim.clock.now, 0
    end = sim.clock.now + during_ms
    while sim.clock.now < end:
        nic.ping(target)
        sim.run_for(PING_MS)
        for pong in nic.pongs[seen:]:
            longest, last = max(longest, pong.at - last), pong.at
        seen = len(nic.pongs)
    return max(longest, sim.clock.now - last)


def both_direct(sim: Simulation, left: SimHost, right: SimHost) -> bool:
    return sim.direct(left, right) and sim.direct(right, left)
