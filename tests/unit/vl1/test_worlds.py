"""Planets and moons: acceptance, spreading, orbiting (02, 2; 01, 7.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from vl1_internet import identity, planet, signer

from earthline.effects import StateLoaded
from earthline.vl1.peers.worlds import Role
from earthline.wire.world import World, WorldKind


def newer(world, timestamp=2, key=None, **changes):
    return replace(world, timestamp=timestamp, **changes).sign((key or signer()).private_key)


def test_newer_planet_reaches_every_node_by_its_root(trio):
    trio.start()
    update = newer(trio.planet)
    assert trio.root.engine.take_world(update, trio.net.now)
    trio.net.run(70_000)
    assert trio.ann.engine.worlds.planet == update
    assert trio.ann.stored["planet", 0] == update.emit()


@pytest.mark.parametrize(
    "candidate",
    [
        lambda world: newer(world, key=identity(5)),
        lambda world: newer(world, timestamp=1),
        lambda world: newer(world, timestamp=0),
        lambda world: newer(world, world_id=8),
    ],
    ids=["foreign signature", "same age", "older", "other planet"],
)
def test_planet_is_not_replaced_by(trio, candidate):
    trio.start()
    assert not trio.ann.engine.take_world(candidate(trio.planet), trio.net.now)
    assert trio.ann.engine.worlds.planet == trio.planet


def test_first_planet_is_taken_without_a_signature(trio):
    trio.ann.give(StateLoaded("planet", 0, replace(trio.planet, signature=bytes(96)).emit()))
    assert trio.ann.engine.upstreams == (trio.root.address,)


def test_node_without_a_planet_takes_none_from_its_moon(trio):
    worlds = trio.ann.engine.worlds
    assert worlds.accept(moon_of(trio.bob), from_disk=True)
    assert not worlds.accept(trio.planet, from_disk=False)
    assert worlds.planet is None
    assert worlds.accept(trio.planet, from_disk=True)
    assert worlds.accept(newer(trio.planet), from_disk=False)


def test_new_root_in_an_update_is_contacted_at_once(trio):
    trio.start()
    trio.ann.engine.take_world(newer(planet(trio.root, trio.bob)), trio.net.now)
    trio.net.run(100)
    assert set(trio.ann.engine.upstreams) == {trio.root.address, trio.bob.address}
    assert trio.ann.direct_to(trio.bob)


def moon_of(host, **changes) -> World:
    return planet(host, kind=WorldKind.MOON, world_id=host.address, **changes)


def test_moon_is_orbited_by_way_of_its_seed(trio):
    trio.start()
    moon = moon_of(trio.bob)
    trio.bob.engine.take_world(moon, trio.net.now)
    trio.ann.engine.orbit(moon.world_id, trio.bob.address, trio.net.now)
    trio.net.run(70_000)

    assert trio.ann.engine.worlds.moons == {moon.world_id: moon}
    assert trio.ann.engine.worlds.wanted == {}
    assert trio.ann.stored["moon", moon.world_id] == moon.emit()
    assert trio.ann.engine.is_upstream(trio.bob.address)
    assert trio.ann.engine.worlds.role(trio.bob.address) is Role.MOON
    assert trio.ann.engine.worlds.role(trio.root.address) is Role.PLANET


def test_moon_nobody_asked_for_is_not_taken_from_the_network(trio):
    trio.start()
    worlds = trio.ann.engine.worlds
    assert not worlds.accept(moon_of(trio.bob), from_disk=False)
    worlds.orbit(trio.bob.address, identity(9).address)
    assert not worlds.accept(moon_of(trio.bob), from_disk=False)


def test_deorbited_moon_is_forgotten_and_deleted(trio):
    trio.start()
    moon = moon_of(trio.bob)
    trio.ann.give(StateLoaded("moon", moon.world_id, moon.emit()))
    assert trio.ann.engine.is_upstream(trio.bob.address)
    trio.ann.engine.deorbit(moon.world_id, trio.net.now)
    assert not trio.ann.engine.is_upstream(trio.bob.address)
    assert trio.ann.stored["moon", moon.world_id] is None
    assert trio.ann.engine.peer(trio.bob.address) is not None


def test_stored_moon_under_a_wrong_name_is_ignored(trio):
    moon = moon_of(trio.bob)
    trio.ann.give(StateLoaded("moon", moon.world_id + 1, moon.emit()))
    trio.ann.give(StateLoaded("planet", 0, moon.emit()))
    assert trio.ann.engine.worlds.moons == {}
    assert trio.ann.engine.counters["state_misnamed"] == 2


def test_loaded_worlds_are_not_stored_again(trio):
    trio.ann.give(StateLoaded("planet", 0, trio.planet.emit()))
    assert ("planet", 0) not in trio.ann.stored


def test_root_without_endpoints_is_reached_by_another(trio):
    """Its address is not in the world, so it gets a HELLO by the best upstream."""
    bare = replace(trio.planet.roots[0], identity=trio.bob.identity.public, endpoints=())
    world = replace(trio.planet, roots=(*trio.planet.roots, bare)).sign(signer().private_key)
    for host in (trio.root, trio.ann, trio.bob):
        host.start(world)
    trio.net.run(40_000)
    assert trio.ann.direct_to(trio.bob)


def test_malformed_stored_state_is_counted_and_changes_nothing(trio):
    for kind in ("planet", "moon", "peer"):
        trio.ann.give(StateLoaded(kind, 1, b"\x01\x02"))
    assert trio.ann.engine.counters["malformed_StateLoaded"] == 3
    assert trio.ann.engine.worlds.planet is None
