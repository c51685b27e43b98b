"""What a node says of its own situation stays true whatever neighbours it has."""

from __future__ import annotations

import pytest
from outage import both_direct, lan

from earthline.sim.nat import FullCone, Symmetric
from earthline.vl1.surface.nat import Mapping

ROOTS = ("one", "80.1.0.1", "two", "80.2.0.1")


@pytest.mark.parametrize(
    ("kind", "mapping"), [(FullCone, Mapping.INDEPENDENT), (Symmetric, Mapping.RANDOM)]
)
def test_neighbour_on_the_lan_does_not_hide_the_nat(simulate, kind, mapping):
    sim = simulate(seed=3)
    controller = sim.root(*ROOTS)
    home = sim.site("home", kind(hairpin=False))
    alice, bob = sim.host("alice", segment=home), sim.host("bob", segment=home)
    network = lan(sim, controller, alice, bob)
    for _second in range(30):
        alice.nic(network).ping(bob.nic(network).ipv4)
        sim.run_for(1_000)
    assert both_direct(sim, alice, bob)
    status = alice.node.status(sim.clock.now)
    assert any(place.ip_text.startswith(("10.", "192.168.")) for place in status.surfaces)
    assert alice.node.peers.nat_report().mapping is mapping
