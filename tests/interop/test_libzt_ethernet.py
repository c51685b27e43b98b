"""An official node out of a PyPI wheel, put out of a network while it talks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cutting import demand_cut
from libzt import LibztNode
from ours import Ours
from segments import demand_ping


@pytest.fixture
def libzt(ours: Ours) -> Iterator[LibztNode]:
    with LibztNode(ours.stranger) as node:
        node.start(ours.planet.data)
        yield node


def test_libzt_is_cut_off_while_its_traffic_flows(ours: Ours, libzt: LibztNode) -> None:
    network = ours.root.create_network("10.88.0.0/24", private=True)
    ours.join(network)
    libzt.join(network)
    ours.wait_request(network, libzt.address)
    ours.root.authorize(network, libzt.address)
    target = libzt.wait_ip(network)
    demand_ping(ours.member.host, target)
    demand_cut(ours.root, network, libzt.address, ours.member.host, target)
