"""world.json: planets and moons, and which may replace which (01, 7)."""

from __future__ import annotations

import pytest

from earthline.vl1.ground.local import Local
from earthline.vl1.peers.worlds import Worlds
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.reader import Malformed, Reader
from earthline.wire.world import Root, World, WorldKind

NULL = 0


def world_of(fields):
    return World(
        kind=WorldKind(fields["type"]),
        world_id=int(fields["world_id"], 16),
        timestamp=fields["timestamp"],
        update_key=bytes.fromhex(fields["update_signing_key"]),
        roots=tuple(
            Root(
                Identity.parse(root["identity"]),
                tuple(InetAddress.parse(endpoint) for endpoint in root["stable_endpoints"]),
            )
            for root in fields["roots"]
        ),
        signature=bytes.fromhex(fields["signature"]),
    )


def check_encode(case):
    world = world_of(case["fields"])
    serialized = bytes.fromhex(case["serialized"])
    assert world.emit() == serialized
    assert world.signed_bytes().hex() == case["signed_bytes"]
    assert world.sign(bytes.fromhex(case["signing_key_private"])) == world
    public = bytes.fromhex(case["signing_key_public"])
    assert world.verify(public) is case["signature_valid_with_signing_key"]
    reader = Reader(serialized)
    assert World.read(reader) == world
    assert reader.offset == case["bytes_consumed"]


def check_update(case):
    candidate = World.parse(bytes.fromhex(case["candidate"]))
    current = bytes.fromhex(case["current"])
    own = SecretIdentity(Identity(1, bytes(64)), bytes(64))
    worlds = Worlds(Local(own, bytes, lambda _command: None))
    if current[0] != NULL:
        assert candidate.may_replace(World.parse(current)) is case["accept"]
        worlds.accept(World.parse(current), from_disk=True)
    accepted = worlds.accept(candidate, from_disk=candidate.kind is WorldKind.PLANET)
    # A moon of another kind or ID than what is held is not an update, and nobody asked for it.
    assert accepted is case["accept"]


def check_decode(case):
    reader = Reader(bytes.fromhex(case["bytes"]))
    if not case["parses"]:
        with pytest.raises(Malformed):
            World.read(reader)
        return
    assert World.read(reader) == world_of(case["fields"])
    assert reader.offset == case["bytes_consumed"]


def check_default_planet(case):
    planet = World.parse(bytes.fromhex(case["serialized"]))
    assert planet == world_of(case["fields"])
    assert planet.emit().hex() == case["serialized"]
    assert planet.verify(planet.update_key) is case["signature_valid_with_own_update_key"]
    assert planet.earth is None


CHECKS = {
    "encode": check_encode,
    "update": check_update,
    "decode": check_decode,
    "default_planet": check_default_planet,
}


@pytest.mark.vectors("world")
def test_world(run_check):
    run_check(CHECKS)
