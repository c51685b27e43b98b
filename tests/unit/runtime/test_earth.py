"""Who joins Earth, and when (06, 6.1)."""

from __future__ import annotations

import pytest

from earthline.runtime.earth import earth_permissions, earth_to_join
from earthline.wire.computed_ip import rfc4193, six_plane
from earthline.wire.inet import InetAddress
from earthline.wire.world import World, WorldKind

EARTH = 0xB48062DE76000001


def planet(world_id):
    return World(WorldKind.PLANET, world_id, 1, bytes(64), ())


@pytest.mark.parametrize(
    ("held", "joined", "considered", "wanted", "expected"),
    [
        (EARTH, (), None, True, EARTH),
        (EARTH, (), None, False, None),
        (EARTH, (7,), None, True, None),
        (EARTH, (), EARTH, True, None),
        (149604618, (), None, True, None),
        (None, (), None, True, None),
    ],
)
def test_only_a_node_without_networks_joins_once(held, joined, considered, wanted, expected):
    world = None if held is None else planet(held)
    assert earth_to_join(world, joined, considered, wanted=wanted) == expected


@pytest.mark.parametrize(
    ("item", "allowed"),
    [
        ("28.0.0.0/7", True),
        ("29.1.2.3/7", True),
        ("28.7.0.0/16", True),
        ("192.168.1.0/25", False),
        ("10.0.0.0/8", False),
        ("28.0.0.0/6", False),
        ("0.0.0.0/0", False),
        ("8.8.8.8/32", False),
        (str(rfc4193(EARTH, 0x0A1B2C3D4E)), True),
        (str(rfc4193(EARTH + 1, 0x0A1B2C3D4E)), False),
        (str(six_plane(EARTH, 0x0A1B2C3D4E)), False),
    ],
)
def test_earth_that_nobody_asked_for_has_its_own_range_and_nothing_of_the_hosts(item, allowed):
    assert earth_permissions(EARTH).allow(InetAddress.parse(item)) is allowed


def test_controller_of_earth_knows_its_range():
    ours = earth_permissions(EARTH, [InetAddress.parse("10.99.0.0/16")])
    assert ours.allow(InetAddress.parse("10.99.1.2/16"))
    assert not ours.allow(InetAddress.parse("28.1.2.3/7"))
