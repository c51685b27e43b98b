"""What a user is told of a network on this host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from earthline.effects import ConfigureTap, Route
from earthline.runtime import notes as notes_module
from earthline.runtime.bridge.journal import Bridging
from earthline.runtime.netlink import KernelRoute
from earthline.runtime.notes import host_notes
from earthline.runtime.permissions import Permissions
from earthline.runtime.taps import Tap
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


@pytest.fixture(autouse=True)
def rp_filter(tmp_path, monkeypatch):
    monkeypatch.setattr(notes_module, "RP_FILTERS", tmp_path)

    def set_filter(name, value):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "rp_filter").write_text(f"{value}\n")

    return set_filter


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


@pytest.mark.parametrize(
    ("settings", "strict"),
    [
        ({"all": 0, "eth0": 1}, ["eth0"]),
        ({"all": 1, "eth0": 0}, ["eth0"]),
        ({"all": 2, "eth0": 1}, []),
        ({"all": 0, "eth0": 0, "lo": 1, "default": 1}, []),
    ],
)
def test_strict_filter_of_return_paths_is_told_while_the_way_out_is_here(
    rp_filter, settings, strict
):
    for name, value in settings.items():
        rp_filter(name, value)
    tap = Tap(OFFER, ALL)
    assert host_notes(tap, None, online=True) == []
    tap.routes.add(KernelRoute(at("0.0.0.0/1"), at("10.7.0.9"), at("10.7.0.1/16")))
    found = host_notes(tap, None, online=True)
    assert [note.partition(" ")[0] for note in found] == strict


def test_smaller_mtu_behind_a_bridge_is_told():
    bridging = Bridging(1, "eth1", "br-eth1", "zt0", created=True, mtu=1500)
    (note,) = host_notes(Tap(OFFER, ALL), bridging, online=True)
    assert "more than 1500 bytes do not reach eth1" in note
    assert host_notes(Tap(replace(OFFER, mtu=1500), ALL), bridging, online=True) == []
