"""What local.conf says of physical networks and peers, as the engine takes it (05, 3.2 and 3.3)."""

from __future__ import annotations

from earthline.runtime.settings.physical import (
    PathPolicy,
    node_settings,
    physical_networks,
    static_hints,
)
from earthline.runtime.settings.settings import Settings
from earthline.vl1.peers.physical import PhysicalNetwork
from earthline.wire.inet import InetAddress

at = InetAddress.parse
ALICE, BOB = 0x0A1B2C3D4E, 0x0B1B2C3D4E
SETTINGS = Settings.model_validate(
    {
        "physical": {
            "10.50.1.2/16": {"blacklist": True},
            "0.0.0.0/0": {"blacklist": True, "mtu": 1400},
            "2001:db8::/32": {"blacklist": True, "trustedPathId": 5},
        },
        "virtual": {
            "0A1B2C3D4E": {
                "try": ["198.51.100.7/9993", "2001:db8::7/9993"],
                "blacklist": ["192.168.0.0/16", "::/0"],
            }
        },
    }
)


def test_static_hints_are_found_by_address_in_any_case():
    hints = static_hints(SETTINGS)
    assert hints == {ALICE: (at("198.51.100.7/9993"), at("2001:db8::7/9993"))}


def test_blacklisted_networks_are_refused_for_all_but_never_a_whole_family():
    allows = PathPolicy(SETTINGS).allows
    assert not allows(BOB, at("10.50.9.9/1"))
    assert not allows(BOB, at("2001:db8:1::1/1"))
    assert allows(BOB, at("10.51.9.9/1"))
    assert allows(BOB, at("192.168.1.1/1"))


def test_network_blacklisted_for_a_peer_is_refused_for_that_peer_alone():
    allows = PathPolicy(SETTINGS).allows
    assert not allows(ALICE, at("192.168.1.1/1"))
    assert not allows(ALICE, at("2a00::1/1"))
    assert allows(BOB, at("2a00::1/1"))


def test_physical_networks_carry_mtu_and_trusted_path():
    assert physical_networks(SETTINGS) == [
        PhysicalNetwork(at("10.50.0.0/16"), 0, 0),
        PhysicalNetwork(at("0.0.0.0/0"), 1400, 0),
        PhysicalNetwork(at("2001:db8::/32"), 0, 5),
    ]


def test_the_core_gets_everything_in_one_value():
    given = node_settings(SETTINGS)
    assert list(given.physical_networks) == physical_networks(SETTINGS)
    assert given.hints == static_hints(SETTINGS)
    assert not given.path_allowed(BOB, at("10.50.9.9/1"))
    assert not given.low_bandwidth
    assert given.port_spray
    assert given.path_mtu_discovery
    switches = ("lowBandwidthMode", "portSpray", "pathMtuDiscovery")
    said = {"settings": dict(zip(switches, (True, False, False), strict=True))}
    given = node_settings(Settings.model_validate(said))
    assert given.low_bandwidth
    assert not (given.port_spray)
    assert not (given.path_mtu_discovery)
