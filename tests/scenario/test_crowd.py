"""Many nodes on one network."""

from __future__ import annotations

import pytest

from earthline.sim.nat import FullCone, PortRestricted

CROWD = 200


@pytest.mark.timeout(300)
def test_200_nodes_join_one_network_and_reach_each_other(simulate):
    sim = simulate(seed=1)
    root = sim.root("root", "80.1.0.1")
    lan = sim.network(root, ("10.2.0.1", "10.2.3.254"), "10.2.0.0/22")
    hosts = [
        sim.host(f"host-{number}", nat=FullCone() if number % 2 else PortRestricted())
        for number in range(CROWD)
    ]
    for host in hosts:
        host.join(lan)

    assert sim.run_until(lambda: sim.joined(lan, *hosts), within_ms=60_000)
    addresses = {host.nic(lan).ipv4 for host in hosts}
    assert len(addresses) == CROWD

    for left, right in zip(hosts[:10], hosts[-10:], strict=True):
        assert sim.ping(left, right, lan)
