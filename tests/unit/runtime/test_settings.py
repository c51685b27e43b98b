"""local.conf: typed, strict, and kept whole (05, 3)."""

from __future__ import annotations

import json

import pytest

from earthline.runtime.home import StartFault
from earthline.runtime.settings import SettingsFile

EXAMPLE = {
    "physical": {
        "10.50.0.0/16": {"blacklist": True},
        "192.168.40.0/24": {"trustedPathId": 77, "mtu": 1400},
    },
    "virtual": {"0a1b2c3d4e": {"try": ["198.51.100.7/9993"], "blacklist": ["10.0.0.0/8"]}},
    "settings": {
        "primaryPort": 9993,
        "portMappingEnabled": False,
        "interfacePrefixBlacklist": ["docker", "br-"],
        "allowManagementFrom": ["192.168.40.0/24"],
        "somethingElse": [1, 2],
    },
    "unknown": {"kept": True},
}


def load(tmp_path, content):
    path = tmp_path / "local.conf"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    settings = SettingsFile(path)
    settings.load()
    return settings


def test_example_is_understood_and_unknown_keys_are_kept(tmp_path):
    settings = load(tmp_path, EXAMPLE)
    assert settings.raw == EXAMPLE
    assert settings.parsed.settings.primary_port == 9993
    assert settings.parsed.settings.port_mapping_enabled is False
    assert settings.parsed.blacklisted(bytes([10, 50, 1, 2]))
    assert not settings.parsed.blacklisted(bytes([10, 51, 1, 2]))
    assert settings.parsed.trusted_networks() == [(bytes([192, 168, 40, 0]), 24, 77)]


@pytest.mark.parametrize("content", ["", "  \n", "{}"])
def test_nothing_said_means_defaults(tmp_path, content):
    settings = load(tmp_path, content)
    assert settings.raw == {}
    assert settings.parsed.settings.join_earth


def test_missing_file_means_defaults(tmp_path):
    settings = SettingsFile(tmp_path / "local.conf")
    settings.load()
    assert settings.parsed.settings.primary_port is None


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("[1]", "not a JSON object"),
        ("{", "invalid JSON"),
        ({"settings": {"primaryPort": "9993"}}, "settings.primaryPort"),
        ({"settings": {"primaryPort": 70000}}, "settings.primaryPort"),
        ({"settings": {"primaryPort": True}}, "settings.primaryPort"),
        ({"settings": {"joinEarth": 1}}, "settings.joinEarth"),
        ({"settings": {"bind": ["10.0.0.300"]}}, "settings.bind.0"),
        ({"settings": {"bind": "10.0.0.3"}}, "settings.bind"),
        ({"settings": {"allowManagementFrom": ["everywhere"]}}, "settings.allowManagementFrom.0"),
        ({"settings": 7}, "settings"),
        ({"physical": {"10.0.0.0/40": {}}}, "physical.10.0.0.0/40"),
        ({"physical": {"10.0.0.0/8": {"mtu": "x"}}}, "physical.10.0.0.0/8.mtu"),
        ({"physical": {f"10.{n}.0.0/16": {} for n in range(33)}}, "physical"),
        ({"virtual": {"xyz": {}}}, "virtual.xyz"),
        ({"virtual": {"0a1b2c3d4e": {"try": ["a/1"]}}}, "virtual.0a1b2c3d4e.try.0"),
    ],
)
def test_wrong_setting_stops_the_start_with_its_name_in_one_line(tmp_path, content, named):
    path = tmp_path / "local.conf"
    with pytest.raises(StartFault) as fault:
        load(tmp_path, content)
    before = path.read_text()
    assert str(path) in str(fault.value)
    assert named in str(fault.value)
    assert "\n" not in str(fault.value)
    assert path.read_text() == before


def test_change_replaces_keys_and_keeps_the_rest(tmp_path):
    settings = load(tmp_path, EXAMPLE)
    settings.change({"joinEarth": False, "primaryPort": None})
    again = SettingsFile(settings.path)
    again.load()
    assert again.raw["settings"]["joinEarth"] is False
    assert again.raw["settings"]["primaryPort"] is None
    assert again.raw["unknown"] == {"kept": True}
    assert again.parsed.settings.primary_port is None
    assert not settings.reload_if_changed()


def test_wrong_change_changes_nothing(tmp_path):
    settings = load(tmp_path, EXAMPLE)
    with pytest.raises(StartFault, match="joinEarth"):
        settings.change({"joinEarth": "no"})
    assert settings.raw == EXAMPLE
    assert json.loads(settings.path.read_text()) == EXAMPLE


def test_unusable_file_is_reported_once_while_running(tmp_path):
    settings = load(tmp_path, EXAMPLE)
    settings.path.write_text("{")
    with pytest.raises(StartFault):
        settings.reload_if_changed()
    assert not settings.reload_if_changed()
    assert settings.raw == EXAMPLE
