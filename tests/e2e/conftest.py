from __future__ import annotations

from collections.abc import Iterator

import pytest
from lan import Lan

from earthline.lab import Lab, NatKind
from earthline.lab.service import Service


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    with Lab() as lab:
        root = Service(lab.host("root"))
        root.start()
        planet = root.found_planet()
        home = lab.router("home", NatKind.PORT_RESTRICTED, "192.168.1.0/24")
        office = lab.router("office", NatKind.FULL_CONE, "10.20.0.0/24")
        alice, bob = Service(home.host("alice")), Service(office.host("bob"))
        for service in (alice, bob):
            service.start(planet.data, wait=False)
        for service in (alice, bob):
            service.wait_ready()
        yield Lan(planet, root, alice, bob)
