"""Making and re-issuing planets and moons, and what their files say when they are wrong."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from earthline.root.earth import earth_definition
from earthline.root.planet import (
    DefinitionFault,
    SigningKey,
    WorldDefinition,
    define_moon,
    define_planet,
    world_file,
)
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress
from earthline.wire.world import Root, World, WorldKind

IDENTITY = Identity.parse(
    "b48062de76:0:bb70f82c090019a8c01349569a544eb64b9777815b671b3d9b3db06980c8740bf00e90920983264e"
    "39ad000105b4dd8954ff85aa012bf28eddddbed9688e1b1c"
)
OTHER = Identity.parse(
    "85013ef5b8:0:5d75b2f8f2b0e8e0b8d0a6c1bd0b6ddfa9c4b1c1a5d4a7c0c3fd9e9c1f9a2b3c4d5e6f708192a3b4"
    "c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c"
)
NOW = 1_795_337_000_000


def key(seed: int = 1) -> SigningKey:
    return SigningKey.generate(random.Random(seed).randbytes)


def planet(*endpoints: str) -> WorldDefinition:
    root = Root(IDENTITY, tuple(map(InetAddress.parse, endpoints or ["192.0.2.1/9993"])))
    return define_planet([root], key(), IDENTITY.address)


def test_planet_is_signed_by_its_own_key_and_names_its_earth() -> None:
    world = planet().issue(NOW)
    assert world.kind is WorldKind.PLANET
    assert world.verify(world.update_key)
    assert World.parse(world.emit()) == world
    assert world.earth == 0xB48062DE76000001
    assert world.timestamp == NOW


OLD_ID = IDENTITY.address << 24 | 1
"""World ID of a planet that an earlier release made: that of its Earth."""


def test_world_id_is_a_number_that_every_client_reads() -> None:
    assert planet().issue(NOW).world_id == IDENTITY.address < 1 << 53


def test_planet_of_an_earlier_release_keeps_its_id_and_its_earth() -> None:
    written = replace(planet(), world_id=OLD_ID).emit()
    definition = WorldDefinition.parse(written, "planet.signing.json")
    first = definition.issue(NOW)
    second = definition.issue(NOW, first)
    assert (first.world_id, first.earth) == (OLD_ID, planet().issue(NOW).earth)
    assert second.may_replace(first)
    assert World.parse(second.emit()).earth == first.earth


@pytest.mark.parametrize("world_id", [149604618, 227883110, 7, IDENTITY.address + 1, OLD_ID + 1])
def test_planet_that_does_not_name_a_root_has_no_earth(world_id: int) -> None:
    assert replace(planet(), world_id=world_id).issue(NOW).earth is None


def test_reissued_planet_replaces_the_first_even_under_a_slow_clock() -> None:
    definition = planet()
    first = definition.issue(NOW)
    moved = definition.with_roots([Root(IDENTITY, (InetAddress.parse("198.51.100.7/9993"),))])
    second = moved.issue(NOW - 3_600_000, first)
    assert second.may_replace(first)
    assert not first.may_replace(second)


def test_planet_of_another_key_does_not_replace() -> None:
    definition = planet()
    forged = replace(definition, key=key(2), next_key=key(2).public)
    assert not forged.issue(NOW + 1).may_replace(definition.issue(NOW))


def test_next_key_takes_over_after_one_revision() -> None:
    definition = planet()
    first = definition.issue(NOW)
    second = replace(definition, next_key=key(2).public).issue(NOW, first)
    third = replace(definition, key=key(2), next_key=key(2).public).issue(NOW, second)
    assert second.may_replace(first)
    assert third.may_replace(second)
    assert not definition.issue(NOW + 9, second).may_replace(second)


def test_endpoints_are_ordered_as_stock_tools_order_them() -> None:
    world = planet("fd00::1/1", "10.0.0.2/256", "9.0.0.2/256", "10.0.0.1/256", "10.0.0.9/1").issue(
        NOW
    )
    # Port 256 reads backwards as 1, port 1 as 256.
    assert [str(endpoint) for endpoint in world.roots[0].endpoints] == [
        "10.0.0.1/256",
        "9.0.0.2/256",
        "10.0.0.2/256",
        "10.0.0.9/1",
        "fd00::1/1",
    ]


def test_definition_survives_its_file() -> None:
    definition = planet()
    assert WorldDefinition.parse(definition.emit(), "planet.signing.json") == definition


def test_moon_is_named_after_its_first_root() -> None:
    definition = define_moon(IDENTITY, key())
    written = json.loads(definition.emit())
    assert (written["worldType"], written["id"]) == ("moon", f"{IDENTITY.address:010x}")
    assert world_file(definition) == "000000b48062de76.moon"
    world = World.parse(definition.issue(NOW).emit())
    assert world.kind is WorldKind.MOON
    assert world.earth is None


def test_secret_key_is_not_shown() -> None:
    assert key().secret.hex() not in repr(planet())
    assert repr(key().secret) not in repr(planet())


def written(**changes: object) -> str:
    return json.dumps(json.loads(planet().emit()) | changes)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "Expecting value"),
        ("[]", "it is not a JSON object"),
        ("{}", "worldType is missing"),
        (written(worldType="sun"), "worldType is neither planet nor moon"),
        (written(id="0"), "a world ID of 0 is refused"),
        (written(id="+5"), "id is not a number"),
        (written(id=5), "id is not a string"),
        (written(signingKey="00"), "signingKey is not 128 hex digits"),
        (written(signingKey_SECRET="11" * 64), "does not belong to signingKey"),
        (written(roots=[]), "0 roots, and 1 to 4 are possible"),
        (written(roots=[5]), "roots holds something that is not an object"),
        (written(roots=[{"identity": "x", "stableEndpoints": []}]), "not the text of an identity"),
        (written(roots=[{"identity": str(IDENTITY)}]), "stableEndpoints is missing"),
        (
            written(roots=[{"identity": str(IDENTITY), "stableEndpoints": ["here"]}]),
            "here",
        ),
        (
            written(roots=[{"identity": str(OTHER), "stableEndpoints": []}]),
            "the identity of root 85013ef5b8 is not genuine",
        ),
        (
            written(roots=[{"identity": str(IDENTITY), "stableEndpoints": []}] * 2),
            "one root is named twice",
        ),
    ],
)
def test_wrong_file_is_named_with_its_fault_in_one_line(text: str, fault: str) -> None:
    with pytest.raises(DefinitionFault) as refused:
        WorldDefinition.parse(text, "planet.signing.json")
    assert str(refused.value).startswith("planet.signing.json: ")
    assert fault in str(refused.value)
    assert "\n" not in str(refused.value)


def test_earth_hands_out_addresses_of_28_slash_7() -> None:
    body = earth_definition()
    assert body["routes"] == [{"target": "28.0.0.0/7"}]
    assert body["ipAssignmentPools"] == [
        {"ipRangeStart": "28.0.0.1", "ipRangeEnd": "29.255.255.254"}
    ]
    assert body["private"] is False


@pytest.mark.parametrize("text", ["28.0.0.1/7", "10.0.0.0", "fd00::/8", "x", "10.0.0.0/31", ""])
def test_earth_in_an_unfit_range_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="Earth's range"):
        earth_definition(text)
