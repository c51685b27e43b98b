"""Who joins Earth, and when (06, 6.1)."""

from __future__ import annotations

import pytest

from earthline.runtime.earth import earth_to_join
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
