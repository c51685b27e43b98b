"""What a user is told of a network on this host."""

from __future__ import annotations

from dataclasses import replace

from earthline.effects import ConfigureTap, Route
from earthline.runtime.bridge.journal import Bridging
from earthline.runtime.notes import host_notes
from earthline.runtime.settings.permissions import Permissions
from earthline.runtime.taps.taps import Tap
from earthline.wire.inet import InetAddress

at = InetAddress.parse
OFFER = ConfigureTap(
    1,
    2,
    2800,
    (at("10.7.0.1/16"), at("8.8.8.8/24")),
    (Route(at("0.0.0.0/0"), at("10.7.0.9")),),
    "lab.example",
    (at("10.7.0.53/0"),),
)
ALL = Permissions(global_=True, default=True, dns=True)


def test_nothing_is_said_where_all_is_as_it_should_be():
    assert host_notes(Tap(OFFER, ALL), None, online=True) == []


def test_each_thing_held_back_is_named_with_its_switch():
    assert host_notes(Tap(OFFER, Permissions()), None, online=True) == [
        "address 8.8.8.8/24 is not applied: allowGlobal is off",
        "route 0.0.0.0/0 is not applied: allowDefault is off",
        "the name servers for lab.example are not used: allowDNS is off",
    ]


def test_default_route_waits_for_the_node():
    (note,) = host_notes(Tap(OFFER, ALL), None, online=False)
    assert "waits until this node is online" in note


def test_reason_of_the_resolver_is_told():
    (note,) = host_notes(Tap(OFFER, ALL, names_error="not installed"), None, online=True)
    assert note == "the name servers for lab.example are not used: not installed"


def test_reason_why_no_default_route_is_applied_is_told_where_it_is_allowed():
    refused = Tap(OFFER, Permissions(), default_error="eth0 drops it")
    assert not any("drops" in note for note in host_notes(refused, None, online=True))
    (note,) = host_notes(Tap(OFFER, ALL, default_error="eth0 drops it"), None, online=True)
    assert note == "the default route is not applied: eth0 drops it"


def test_device_that_is_not_called_as_wished_is_told():
    (note,) = host_notes(Tap(OFFER, ALL, wish_error="it is called zt0"), None, online=True)
    assert note == "it is called zt0"


def test_smaller_mtu_behind_a_bridge_is_told():
    bridging = Bridging(1, "eth1", "br-eth1", "zt0", created=True, mtu=1500)
    (note,) = host_notes(Tap(OFFER, ALL), bridging, online=True)
    assert "more than 1500 bytes do not reach eth1" in note
    assert host_notes(Tap(replace(OFFER, mtu=1500), ALL), bridging, online=True) == []
