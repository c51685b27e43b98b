"""A LAN between two hosts, whatever their routers are: relayed where no direct path can be."""

from __future__ import annotations

import pytest

from earthline.lab import Lab, NatKind
from earthline.lab.service import Service, wait_until
from earthline.lab.transfer import random_file, send_file

SIZE = 4 << 20


@pytest.mark.parametrize(
    ("here", "there", "direct"),
    [
        (NatKind.FULL_CONE, NatKind.SYMMETRIC, True),
        (NatKind.OPEN, NatKind.SYMMETRIC, True),
        (NatKind.SYMMETRIC, NatKind.SYMMETRIC, False),
    ],
)
def test_file_crosses_any_pair_of_nats(
    lab: Lab, here: NatKind, there: NatKind, direct: bool
) -> None:
    root = Service(lab.host("root"))
    root.start()
    planet = root.found_planet()
    one = Service(lab.router("home", here, "88.0.0.0/24").host("one"))
    other = Service(lab.router("office", there, "10.20.0.0/24").host("other"))
    for service in (one, other):
        service.start(planet.data, wait=False)
    one.wait_ready()
    other.wait_ready()
    ip = one.wait_ip(planet.earth), other.wait_ip(planet.earth)
    one.host.run(["ping", "-c3", "-i0.2", "-W5", ip[1]])
    if direct:
        wait_until("the path is direct", lambda: one.direct_path(other.address))
    path = random_file(one.host.directory / "file", SIZE)
    assert send_file(one.host, other.host, ip[1], path).intact
    assert send_file(other.host, one.host, ip[0], path).intact
