"""A planet comes online: all of its nodes at once, and every one of them cheaply."""

from __future__ import annotations

import pytest

from earthline.sim.crowd import Traffic, planet_of
from earthline.vl1.reasons import State

STRANGERS = 120
KNOWN = 300


@pytest.mark.timeout(300)
@pytest.mark.parametrize("nodes", [STRANGERS, KNOWN])
def test_planet_comes_online_within_seconds_at_few_messages_per_node(simulate, nodes):
    """Strangers prove their identities to each of four roots; more nodes than that are known."""
    sim = simulate(seed=1)
    traffic = Traffic.of(sim.internet)
    crowd = planet_of(sim, nodes)

    sim.run_for(5_000)

    assert all(host.node.online for host in crowd)
    roots = [host for name, host in sim.hosts.items() if name.startswith("root")]
    assert traffic.messages / nodes < 30
    assert traffic.octets / nodes < 3_500
    for host in crowd:
        states = host.node.peer_states(sim.clock.now)
        assert [peer.state for peer in states] == [State.DIRECT] * 4
    assert all(len(root.node.peers.topology.peers) == nodes + 3 for root in roots)

    before = traffic.messages
    sim.run_for(60_000)
    assert (traffic.messages - before) / nodes < 100
