"""A node's own planet: made once, re-issued, never mistaken for another (06, 6.1)."""

from __future__ import annotations

import json

import pytest

from earthline.runtime.home.home import Home
from earthline.runtime.planet.planet import (
    PlanetRefused,
    check_installable,
    install_offline,
    make_planet,
    parse_endpoints,
    reissue_planet,
)
from earthline.wire.identity import SecretIdentity
from earthline.wire.inet import InetAddress

HERE = (InetAddress.parse("198.51.100.7/9993"),)
THERE = (InetAddress.parse("198.51.100.8/9993"),)


@pytest.fixture(scope="module")
def identity():
    return SecretIdentity.generate(bytes(32), 1).public


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def test_planet_names_its_earth_and_its_root(home, identity):
    planet = make_planet(home, identity, HERE, None, 1000)
    assert (planet.world_id, planet.earth) == (identity.address, identity.address << 24 | 1)
    assert planet.timestamp == 1000
    assert [(root.identity, root.endpoints) for root in planet.roots] == [(identity, HERE)]
    assert planet.verify(planet.update_key)
    assert home.planet_key_file.stat().st_mode & 0o777 == 0o600


def test_planet_of_an_earlier_release_is_reissued_under_its_id(home, identity):
    """Such a planet has the ID of its Earth, of 64 bits."""
    old_id = identity.address << 24 | 1
    make_planet(home, identity, HERE, None, 1000)
    written = json.loads(home.planet_key_file.read_text()) | {"id": f"{old_id:016x}"}
    home.planet_key_file.write_text(json.dumps(written))
    planet = make_planet(home, identity, HERE, None, 1000)
    newer = reissue_planet(home, identity, THERE, planet, 2000)
    assert newer.may_replace(planet)
    assert (newer.world_id, newer.earth) == (old_id, old_id)
    check_installable(newer, planet)


def test_second_planet_is_refused(home, identity):
    planet = make_planet(home, identity, HERE, None, 1000)
    with pytest.raises(PlanetRefused, match="already holds planet"):
        make_planet(home, identity, HERE, planet, 2000)


def test_crash_before_the_planet_was_taken_keeps_its_key(home, identity):
    first = make_planet(home, identity, HERE, None, 1000)
    again = make_planet(home, identity, THERE, None, 2000)
    assert again.update_key == first.update_key
    assert again.roots[0].endpoints == THERE


def test_reissue_is_newer_whatever_the_clock_says(home, identity):
    planet = make_planet(home, identity, HERE, None, 1000)
    newer = reissue_planet(home, identity, THERE, planet, 500)
    assert newer.may_replace(planet)
    assert newer.roots[0].endpoints == THERE
    assert reissue_planet(home, identity, (), newer, 5000).roots == newer.roots


def test_planet_of_another_cannot_be_reissued(home, identity):
    with pytest.raises(PlanetRefused, match="no planet of its own"):
        reissue_planet(home, identity, (), None, 1000)


def test_damaged_definition_is_named_and_kept(home, identity):
    planet = make_planet(home, identity, HERE, None, 1000)
    home.planet_key_file.write_text("{")
    with pytest.raises(PlanetRefused, match=r"planet\.signing\.json"):
        reissue_planet(home, identity, (), planet, 2000)
    assert home.planet_key_file.read_text() == "{"


@pytest.mark.parametrize(
    "texts", [[], ["198.51.100.7"], ["198.51.100.7/0"], ["here/1"], ["1.2.3.4/70000"]]
)
def test_endpoint_that_is_none_is_refused(texts):
    with pytest.raises(PlanetRefused):
        parse_endpoints(texts)


def test_running_service_takes_its_first_planet_and_newer_revisions_only(home, identity, tmp_path):
    planet = make_planet(home, identity, HERE, None, 1000)
    newer = reissue_planet(home, identity, (), planet, 2000)
    other = make_planet(
        Home(tmp_path / "other"), SecretIdentity.generate(b"\1" * 32, 1).public, HERE, None, 1
    )
    check_installable(planet, None)
    check_installable(planet, planet)
    check_installable(newer, planet)
    with pytest.raises(PlanetRefused, match="newer"):
        check_installable(planet, newer)
    with pytest.raises(PlanetRefused, match="`earthline down` stops the service"):
        check_installable(other, planet)


def test_planet_in_a_home_is_replaced_only_by_force(home, identity, tmp_path):
    planet = make_planet(home, identity, HERE, None, 1000)
    other = make_planet(
        Home(tmp_path / "other"), SecretIdentity.generate(b"\1" * 32, 1).public, HERE, None, 1
    )
    target = tmp_path / "target"
    install_offline(target, planet, force=False)
    install_offline(target, planet, force=False)
    with pytest.raises(PlanetRefused, match="--force"):
        install_offline(target, other, force=False)
    assert (target / "planet").read_bytes() == planet.emit()
    install_offline(target, other, force=True)
    assert (target / "planet").read_bytes() == other.emit()
