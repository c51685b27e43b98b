from __future__ import annotations

from collections.abc import Iterator

import pytest
from caller import Caller

from earthline.lab import Lab
from earthline.lab.service import Service


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture
def node(lab: Lab) -> Service:
    return Service(lab.host("root"))


@pytest.fixture(scope="module")
def caller() -> Iterator[Caller]:
    """Of a root on its own planet, member of its Earth."""
    with Lab() as lab:
        service = Service(lab.host("root"))
        service.start()
        planet = service.found_planet()
        service.wait_ip(planet.earth)
        yield Caller(service)


@pytest.fixture
def member(node: Service) -> tuple[Service, str]:
    """A node that is member of a network of its own controller."""
    node.start()
    network = node.create_network("10.44.0.0/24", private=False)
    node.join(network)
    node.wait_ip(network)
    return node, network
