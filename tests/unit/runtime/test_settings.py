"""local.conf: typed, strict, and kept whole (05, 3)."""

from __future__ import annotations

import json
import stat

import pytest

from earthline.controller.store.passwords import hide_passwords
from earthline.runtime.home.home import StartFault
from earthline.runtime.settings.settings import ServiceSettings, SettingsFile, restart_needed

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


BOND = {"basePolicy": "balance-rr"}


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
        ({"settings": {"bind": ["fe80::1%eth0"]}}, "settings.bind.0: zones are not addresses"),
        ({"settings": {"allowManagementFrom": ["fe80::%eth0"]}}, "settings.allowManagementFrom.0"),
        ({"settings": {"allowManagementFrom": ["everywhere"]}}, "settings.allowManagementFrom.0"),
        ({"settings": {"tertiaryPort": "1"}}, "settings.tertiaryPort"),
        ({"settings": {"allowSecondaryPort": 0}}, "settings.allowSecondaryPort"),
        ({"settings": {"portMappingEnabled": "yes"}}, "settings.portMappingEnabled"),
        ({"settings": {"allowTcpFallbackRelay": 1}}, "settings.allowTcpFallbackRelay"),
        ({"settings": {"forceTcpRelay": "no"}}, "settings.forceTcpRelay"),
        ({"settings": {"tcpFallbackRelay": "relay.example/443"}}, "settings.tcpFallbackRelay"),
        ({"settings": {"tcpFallbackRelay": "203.0.113.5"}}, "settings.tcpFallbackRelay"),
        ({"settings": {"tcpFallbackRelay": "2001:db8::5/443"}}, "settings.tcpFallbackRelay"),
        ({"settings": {"interfacePrefixBlacklist": [""]}}, "settings.interfacePrefixBlacklist.0"),
        ({"settings": {"interfacePrefixAllowlist": "eth"}}, "settings.interfacePrefixAllowlist"),
        ({"settings": {"lowBandwidthMode": "on"}}, "settings.lowBandwidthMode"),
        ({"settings": {"pathMtuDiscovery": "no"}}, "settings.pathMtuDiscovery"),
        ({"settings": {"mssClamp": 1}}, "settings.mssClamp"),
        ({"settings": {"socketMark": "red"}}, "settings.socketMark"),
        ({"settings": {"socketMark": 1 << 32}}, "settings.socketMark"),
        ({"settings": {"enableWebServer": "a"}}, "settings.enableWebServer"),
        ({"settings": {"controllerDbPath": 1}}, "settings.controllerDbPath"),
        ({"settings": {"softwareUpdate": 1}}, "settings.softwareUpdate"),
        ({"settings": {"softwareUpdateChannel": 1}}, "settings.softwareUpdateChannel"),
        ({"settings": {"softwareUpdateDist": 1}}, "settings.softwareUpdateDist"),
        ({"settings": {"multicoreEnabled": 1}}, "settings.multicoreEnabled"),
        ({"settings": {"concurrency": "2"}}, "settings.concurrency"),
        ({"settings": {"cpuPinningEnabled": 1}}, "settings.cpuPinningEnabled"),
        ({"settings": {"ssoRedirectURL": 1}}, "settings.ssoRedirectURL"),
        ({"settings": {"defaultBondingPolicy": 1}}, "settings.defaultBondingPolicy"),
        ({"settings": {"peerSpecificBonds": {"me": "x"}}}, "settings.peerSpecificBonds.me"),
        ({"settings": {"policies": {"mine": {}}}}, "settings.policies.mine.basePolicy"),
        (
            {"settings": {"policies": {"mine": BOND | {"links": {"eth0": {"mode": "main"}}}}}},
            "settings.policies.mine.links.eth0.mode",
        ),
        (
            {"settings": {"policies": {"mine": BOND | {"linkQuality": {"lat_max": 1}}}}},
            "settings.policies.mine.linkQuality.pdv_max",
        ),
        ({"settings": 7}, "settings"),
        ({"physical": {"10.0.0.0/40": {}}}, "physical.10.0.0.0/40"),
        ({"physical": {"10.0.0.0/8": {"mtu": "x"}}}, "physical.10.0.0.0/8.mtu"),
        ({"physical": {f"10.{n}.0.0/16": {} for n in range(33)}}, "physical"),
        ({"virtual": {"xyz": {}}}, "virtual.xyz"),
        ({"physical": {"10.0.0.0/8": {"blacklist": 1}}}, "physical.10.0.0.0/8.blacklist"),
        ({"physical": {"10.0.0.0/8": {"trustedPathId": "7"}}}, "10.0.0.0/8.trustedPathId"),
        ({"virtual": {"0a1b2c3d4e": {"try": ["a/1"]}}}, "virtual.0a1b2c3d4e.try.0"),
        ({"virtual": {"0a1b2c3d4e": {"try": ["10.0.0.1"]}}}, "virtual.0a1b2c3d4e.try.0"),
        ({"virtual": {"0a1b2c3d4e": {"blacklist": ["x"]}}}, "virtual.0a1b2c3d4e.blacklist.0"),
        ("[" * 100_000, "invalid JSON"),
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


DATABASE = "postgresql://zt:pa:ss/w@rd@db.example/zt?sslpassword=key"
SHOWN = "postgresql://zt:***@db.example/zt?sslpassword=***"


def mode(settings):
    return stat.S_IMODE(settings.path.stat().st_mode)


@pytest.mark.parametrize("before", [0o600, 0o640, 0o644])
def test_changed_file_keeps_its_mode(tmp_path, before):
    settings = load(tmp_path, {})
    settings.path.chmod(before)
    settings.change({"joinEarth": False})
    assert mode(settings) == before


def test_new_file_is_nobody_elses_business(tmp_path):
    settings = SettingsFile(tmp_path / "local.conf")
    settings.load()
    settings.change({"joinEarth": False})
    assert mode(settings) == 0o600


def test_password_of_the_database_is_for_the_owner_alone(tmp_path):
    settings = load(tmp_path, {"settings": {"controllerDbPath": DATABASE}})
    settings.path.chmod(0o644)
    settings.protect()
    assert mode(settings) == 0o600
    settings.path.chmod(0o664)
    settings.change({"joinEarth": False})
    assert mode(settings) == 0o600
    assert json.loads(settings.path.read_text())["settings"]["controllerDbPath"] == DATABASE


def test_password_of_the_database_is_not_shown_and_survives_being_sent_back(tmp_path):
    settings = load(tmp_path, {"settings": {"controllerDbPath": DATABASE}})
    assert settings.shown == {"settings": {"controllerDbPath": SHOWN}}
    settings.change({**settings.shown["settings"], "joinEarth": False})
    assert settings.raw["settings"] == {"controllerDbPath": DATABASE, "joinEarth": False}
    assert settings.parsed.settings.controller_db_path == DATABASE


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/var/lib/controller.d", "/var/lib/controller.d"),
        ("postgresql://zt@db/zt", "postgresql://zt@db/zt"),
        ("postgresql://db:5432/zt", "postgresql://db:5432/zt"),
        ("postgres://:secret@/zt", "postgres://:***@/zt"),
        ("postgres:host=db password='a b' user=zt", "postgres:host=db password=*** user=zt"),
        ('{"a":"postgresql://u:p@h/d","b":"x@y"}', '{"a":"postgresql://u:***@h/d","b":"x@y"}'),
    ],
)
def test_passwords_are_hidden_and_nothing_else(text, shown):
    assert hide_passwords(text) == shown


def test_unusable_file_is_reported_once_while_running(tmp_path):
    settings = load(tmp_path, EXAMPLE)
    settings.path.write_text("{")
    with pytest.raises(StartFault):
        settings.reload_if_changed()
    assert not settings.reload_if_changed()
    assert settings.raw == EXAMPLE


def test_bonding_of_the_user_is_understood_and_kept(tmp_path):
    weights = ("lat_max", "pdv_max", "plr_max", "per_max")
    weights += ("lat_weight", "pdv_weight", "plr_weight", "per_weight")
    policy = BOND | {
        "failoverInterval": 10000,
        "linkQuality": dict.fromkeys(weights, 0.5),
        "links": {"eth0": {"ipvPref": 46, "mode": "primary"}},
    }
    content = {
        "defaultBondingPolicy": "mine",
        "policies": {"mine": policy},
        "peerSpecificBonds": {"0A1B2C3D4E": "active-backup"},
    }
    settings = load(tmp_path, {"settings": content})
    assert settings.raw["settings"] == content
    assert settings.parsed.settings.policies["mine"].links["eth0"].ip_preference == 46
    assert settings.parsed.settings.peer_specific_bonds == {"0a1b2c3d4e": "active-backup"}


def test_settings_that_wait_for_a_restart_are_named():
    before = ServiceSettings()
    after = ServiceSettings.model_validate(
        {"primaryPort": 1, "secondaryPort": 2, "bind": ["::"], "enableWebServer": True}
    )
    assert restart_needed(before, after) == ["primaryPort", "enableWebServer"]
    assert restart_needed(after, after) == []


def test_old_trusted_paths_are_merged_and_read_again(tmp_path):
    (tmp_path / "trustedpaths").write_text("# old\n\n4d=192.168.41.0/24\n 9 = 10.0.0.0/8 # x\n")
    settings = load(tmp_path, {"physical": {"10.0.0.0/8": {"trustedPathId": 3, "mtu": 1500}}})
    assert settings.parsed.trusted_networks() == [
        (bytes([10, 0, 0, 0]), 8, 3),
        (bytes([192, 168, 41, 0]), 24, 0x4D),
    ]
    assert settings.parsed.physical["10.0.0.0/8"].mtu == 1500
    assert settings.raw == {"physical": {"10.0.0.0/8": {"trustedPathId": 3, "mtu": 1500}}}
    settings.change({"joinEarth": False})
    assert len(settings.parsed.trusted_networks()) == 2
    (tmp_path / "trustedpaths").unlink()
    assert settings.reload_if_changed()
    assert len(settings.parsed.trusted_networks()) == 1


@pytest.mark.parametrize(
    "line", ["4d", "x=10.0.0.0/8", "4d=here", "0=10.0.0.0/8", f"1{'0' * 16}=::/0"]
)
def test_wrong_trusted_path_is_refused_with_its_line(tmp_path, line):
    (tmp_path / "trustedpaths").write_text(f"1=10.0.0.0/8\n{line}\n")
    with pytest.raises(StartFault, match="trustedpaths: line 2"):
        load(tmp_path, {})


@pytest.mark.parametrize(("said", "mark"), [("0x100", 0x100), (256, 256), ("0", 0), (0, 0)])
def test_mark_of_sockets_is_a_number_or_the_text_of_one(tmp_path, said, mark):
    path = tmp_path / "local.conf"
    path.write_text(json.dumps({"settings": {"socketMark": said}}))
    file = SettingsFile(path)
    file.load()
    assert file.parsed.settings.socket_mark == mark


def test_our_datagrams_are_marked_unless_somebody_says_no():
    assert ServiceSettings().socket_mark == 0x45000000
    changed = ServiceSettings.model_validate({"socketMark": 0})
    assert restart_needed(ServiceSettings(), changed) == ["socketMark"]
