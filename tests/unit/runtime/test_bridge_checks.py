"""Which interface may be bridged to a network, and by which bridge."""

from __future__ import annotations

import pytest

from earthline.runtime.bridge.checks import (
    BridgeRefused,
    Wish,
    choose_bridge,
    demand_active_bridge,
    demand_movable,
)
from earthline.runtime.bridge.kernel import Link
from earthline.runtime.bridge.loop import probes, unused_address

NETWORK = 0xB48062DE76000001
TAP = "ztnl3gfxtx"


def links(*found: Link) -> dict[str, Link]:
    return {link.name: link for link in found}


def link(index, name, kind="", master=0):
    return Link(index, name, kind, master, up=True, mac="02:00:00:00:00:01", mtu=1500)


HOST = links(
    link(1, "lo"),
    link(2, "eth0"),
    link(3, "eth1", master=4),
    link(4, "br0", "bridge"),
    link(5, "bond0", "bond"),
    link(6, "eth2", master=5),
    link(7, TAP, "tun"),
)


def choose(interface, bridge=None, host=HOST):
    return choose_bridge(Wish(NETWORK, interface, bridge), TAP, host)


def test_free_interface_gets_a_bridge_of_its_name():
    assert choose("eth0").bridge == "br-eth0"
    assert choose("eth0").existing is None


def test_long_name_is_cut_to_what_the_kernel_takes():
    host = links(link(2, "enp0s31f6.1000"))
    assert choose("enp0s31f6.1000", host=host).bridge == "br-enp0s31f6.10"


@pytest.mark.parametrize("interface", ["eth1", "br0"])
def test_bridge_that_stands_is_used(interface):
    assert choose(interface).existing == HOST["br0"]
    assert choose(interface, "br0").bridge == "br0"


@pytest.mark.parametrize(
    ("interface", "bridge", "said"),
    [
        ("eth9", None, "no interface eth9"),
        ("lo", None, "not a physical interface: `ip link`"),
        (TAP, None, "not a physical interface: `ip link`"),
        ("eth2", None, "part of bond0"),
        ("eth1", "br1", "in bridge br0, not br1: leave --bridge out"),
        ("eth0", "br0", "br0 exists, and eth0 is not in it"),
        ("eth0", "a-name-that-is-too-long", "not a name for an interface"),
        ("eth0", "a/b", "not a name for an interface"),
    ],
)
def test_interface_that_will_not_do_is_refused_with_what_to_do(interface, bridge, said):
    with pytest.raises(BridgeRefused, match=said):
        choose(interface, bridge)


def test_bridge_that_reaches_the_network_already_is_a_loop():
    """By the TAP of another instance on this host, whose name is the next one of the network."""
    host = HOST | links(link(8, "ztnl3gfxty", "tun", master=4))
    with pytest.raises(BridgeRefused, match=r"a loop: br0 already reaches \w+ through ztnl3gfxty"):
        choose("eth1", host=host)


def test_default_route_is_moved_only_by_a_yes_and_only_to_a_new_bridge():
    wish = Wish(NETWORK, "eth0")
    with pytest.raises(BridgeRefused, match="pass --yes-move-default-route"):
        demand_movable(wish, choose("eth0"), carries_default_route=True)
    demand_movable(wish, choose("eth0"), carries_default_route=False)
    demand_movable(Wish(NETWORK, "eth1"), choose("eth1"), carries_default_route=True)
    yes = Wish(NETWORK, "eth0", move_default_route=True)
    demand_movable(yes, choose("eth0"), carries_default_route=True)


def test_ordinary_member_is_told_how_to_become_a_bridge():
    said = (
        "on its controller b48062de76 run `earthline member bridge b48062de76000001 0123456789 on`"
    )
    with pytest.raises(BridgeRefused, match=said):
        demand_active_bridge(NETWORK, 0x0123456789, is_bridge=False)
    demand_active_bridge(NETWORK, 0x0123456789, is_bridge=True)


def test_probes_are_arp_for_an_address_nobody_has():
    mac, target = bytes.fromhex("020000000001"), unused_address()
    request, announcement = probes(mac, target)
    head = "ffffffffffff0200000000010806000108000604"
    rest = "000000000000" + target.hex() + "00" * 18
    assert request.hex() == head + "000102000000000100000000" + rest
    assert announcement.hex() == head + "0002020000000001" + target.hex() + rest
    assert target[:2] == bytes([169, 254])
