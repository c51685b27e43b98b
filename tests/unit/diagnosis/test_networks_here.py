"""What a network is on this host: addresses, overlaps, exits, rules, loops, and devices."""

from __future__ import annotations

from dataclasses import replace

import pytest
from seen import HEALTHY, NETWORK, ONE, all_roots, bad, found, network, root, seen

from earthline.diagnosis.finding import Severity
from earthline.diagnosis.judge import judge, report
from earthline.diagnosis.snapshot import (
    ArpDrop,
    ExitSight,
    InterfaceSight,
    Relay,
    RuleDrop,
    Stacked,
    Tcp,
    TwinSight,
    Udp,
)
from earthline.vl1.reasons import State
from earthline.vl2.ground.network import NetworkStatus

OTHER = "1122334455000002"
LAN = InterfaceSight("eth0", ("192.168.1.5",), subnets=("192.168.1.5/24",))


def here(**more):
    """A network whose device has what it should."""
    known = {
        "device": "zt0",
        "wanted": ("10.7.0.5/24",),
        "present": ("10.7.0.5/24",),
        "routes": ("10.7.0.0/24",),
    }
    return network(**(known | more))


def on(*networks, **more):
    return seen(networks=networks, interfaces=(LAN,), **more)


# --- addresses ------------------------------------------------------------------------------------


def test_address_that_is_missing_on_the_device_is_a_fault():
    missing = on(here(present=("fe80::1/64",)))
    assert bad(missing) == ["address_missing"]
    said = found(missing, "address_missing")
    assert said.severity is Severity.FAULT
    assert said.evidence == ("wanted: 10.7.0.5/24", "on zt0: fe80::1/64")
    assert bad(on(here())) == []


def test_address_with_another_prefix_is_there():
    assert bad(on(here(present=("10.7.0.5/16",)))) == []


def test_ipv6_that_is_switched_off_is_no_fault():
    both = here(wanted=("10.7.0.5/24", "fd00::5/88"), without_ipv6=True)
    assert bad(on(both)) == []
    assert "disable_ipv6" in found(on(both), "ipv6_off").do
    assert bad(on(replace(both, without_ipv6=False))) == ["address_missing"]


def test_network_that_works_without_any_address_is_a_warning():
    empty = here(wanted=(), present=("fe80::1/64",), routes=())
    assert bad(on(empty)) == ["network_without_address"]
    assert bad(on(replace(empty, present=("10.9.0.1/24",)))) == []
    assert bad(on(replace(empty, bridge=True))) == []
    refused = replace(empty, refused=("80.0.0.1/24",))
    assert bad(on(refused)) == ["addresses_refused"]
    assert f"earthline set {NETWORK} allowManaged=on" in found(on(refused), "addresses_refused").do


@pytest.mark.parametrize(
    ("virtual", "wanted", "expected", "winner"),
    [
        ("192.168.1.0/24", "192.168.1.77/24", "network_overlaps_lan", "eth0"),
        ("192.168.1.128/25", "192.168.1.200/25", "network_overlaps_lan", "zt0"),
        ("192.168.0.0/16", "192.168.1.77/16", "network_overlaps_lan", "eth0"),
        ("192.168.0.0/16", "192.168.9.9/16", "network_covers_lan", ""),
    ],
)
def test_overlap_with_the_lan_names_both_and_who_wins(virtual, wanted, expected, winner):
    shown = on(here(routes=(virtual,), wanted=(wanted,), present=(wanted,)))
    said = found(shown, expected)
    assert said.evidence == (f"zt0: {virtual}", "eth0: 192.168.1.0/24")
    assert (f"This host sends to {winner}." in said.seen) is bool(winner)
    assert said.severity is (Severity.WARNING if winner else Severity.NOTE)


def test_networks_of_one_subnet_are_a_warning_once():
    other = replace(here(wanted=("10.7.0.6/24",), present=("10.7.0.6/24",)), network=OTHER)
    shown = on(here(), replace(other, device="zt1"))
    assert bad(shown) == ["networks_overlap"]
    assert found(shown, "networks_overlap").subjects == (NETWORK, OTHER)


# --- traffic --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way_out", "expected"),
    [
        (ExitSight("10.7.0.1", None), []),
        (ExitSight("10.7.0.1", True, "b000000001", State.RELAYED), []),
        (ExitSight("10.7.0.1", True), []),
        (ExitSight("10.7.0.1", False), ["exit_unreachable"]),
        (ExitSight("10.7.0.1", True, "b000000001", State.UNREACHABLE), ["exit_unreachable"]),
    ],
)
def test_exit_that_is_gone_is_a_fault(way_out, expected):
    shown = on(here(exits=(way_out,)))
    assert bad(shown) == expected
    if expected:
        said = found(shown, "exit_unreachable")
        assert "10.7.0.1" in said.seen
        assert way_out.member in said.seen
        assert f"earthline set {NETWORK} allowDefault=off" in said.do


def test_default_route_without_a_gateway_leads_nowhere():
    assert bad(on(here(on_link_exit=True))) == ["exit_without_gateway"]


def test_strict_filter_is_the_cause_and_no_firewall():
    away = here(exits=(ExitSight("10.7.0.1", True),))
    assert bad(on(here(), strict=("eth0",))) == []
    assert bad(on(away, strict=("eth0",))) == ["rp_filter_strict"]
    shut = all_roots(udp=Udp.SILENT, tcp=Tcp.SILENT, left=True, came=True)
    shown = on(away, strict=("eth0",), roots=shut.roots)
    assert bad(shown) == ["rp_filter_strict"]
    assert "rp_filter=2" in found(shown, "rp_filter_strict").do
    assert NETWORK in found(shown, "rp_filter_strict").subjects
    assert bad(on(here(), roots=shut.roots)) == ["udp_blocked_here"]


def test_filter_that_the_service_may_not_change_names_the_command():
    """Under the shipped unit /proc/sys is read-only."""
    why = "eth0 drops what comes by another way (Read-only file system)"
    shown = on(here(held=why, notes=(f"the default route is not applied: {why}",)))
    assert bad(shown) == ["default_route_held"]
    said = found(shown, "default_route_held")
    assert "`sysctl -w net.ipv4.conf.all.rp_filter=2`" in said.do
    assert said.evidence == (why,)
    assert said.subjects == (NETWORK,)
    assert not [one for one in judge(shown) if one.id == "network_note"]
    other = on(here(held=why, notes=("address 10.9.0.1/24 is not applied",)))
    assert [one.seen for one in judge(other) if one.id == "network_note"] != []


def test_rule_that_drops_arp_is_named():
    shown = on(here(arp=ArpDrop(3, "drop", 12)))
    said = found(shown, "arp_dropped")
    assert "rule 3 (`drop`) drops it" in said.seen
    assert said.evidence == ("frames dropped by rules on this node: 12",)
    assert "no rule accepts it" in found(on(here(arp=ArpDrop(0, "", 0))), "arp_dropped").seen
    only_ipv6 = here(arp=ArpDrop(3, "drop", 12), wanted=("fd00::5/88",), present=("fd00::5/88",))
    assert bad(on(only_ipv6)) == []


@pytest.mark.parametrize(
    ("drop", "seen_as", "change"),
    [
        (
            RuleDrop("rule", 2, "drop not ethertype ipv4", 10, 2),
            (
                f"Rule 2 of network {NETWORK} (`drop not ethertype ipv4`) dropped 12 frames "
                "(10 sent by this host, 2 received from other members)."
            ),
            "change rule 2",
        ),
        (
            RuleDrop("rule", 1, "drop", 0, 1),
            f"Rule 1 of network {NETWORK} (`drop`) dropped 1 frame received from other members.",
            "change rule 1",
        ),
        (
            RuleDrop("rule", 1, "break chr tcp_syn not chr tcp_ack", 1_234, 0),
            (
                f"Rule 1 of network {NETWORK} (`break chr tcp_syn not chr tcp_ack`) left "
                "1,234 frames sent by this host to the capabilities of the sender, of which none "
                "accepts them: they were dropped."
            ),
            "change rule 1 or give the sender a capability",
        ),
        (
            RuleDrop("no_rule", 0, "", 3, 0),
            f"No rule of network {NETWORK} accepts 3 frames sent by this host: they were dropped.",
            "add a rule that accepts them",
        ),
        (
            RuleDrop("capability", 0, "", 0, 3),
            (
                f"A rule in a capability of network {NETWORK} dropped 3 frames received from "
                "other members."
            ),
            "change that capability",
        ),
    ],
)
def test_rule_that_dropped_most_is_noted_with_what_to_do(drop, seen_as, change):
    shown = on(here(rule_drops=(drop, RuleDrop("rule", 9, "drop " + 50 * "ip ", 1, 0))))
    assert bad(shown) == []
    said = found(shown, "rules_drop")
    assert said.severity is Severity.NOTE
    assert said.seen == seen_as
    assert said.do == (
        f"If they should pass, {change} on the controller 1122334455: "
        f"`earthline network rules {NETWORK} FILE`."
    )
    assert said.evidence[1] == f"rule 9 (drop{17 * ' ip'} ...): 1 sent, 0 received"


def test_headers_that_no_rule_can_look_through_are_told():
    said = found(on(here(rule_drops=(RuleDrop("wraps", 0, "", 0, 7),))), "rules_drop")
    assert said.seen.startswith(f"Network {NETWORK} dropped 7 frames received from other members: ")
    assert "fewer headers" in said.do


def test_tunnel_in_the_tunnel_is_a_fault_where_it_is_used():
    over = Stacked("vxlan0", "zt0", NETWORK, used=True)
    assert bad(on(here(), stacked=(over,))) == ["tunnel_in_tunnel"]
    assert "interfacePrefixBlacklist" in found(on(stacked=(over,)), "tunnel_in_tunnel").do
    assert bad(on(here(), stacked=(replace(over, used=False),))) == []


def test_tunnel_that_takes_off_the_mark_is_noted():
    """A WireGuard interface hides where it sends to, so that no more can be said."""
    shown = on(here(), resent=("wg0",))
    assert bad(shown) == []
    said = found(shown, "tunnel_takes_off_mark")
    assert said.severity is Severity.NOTE
    assert '`"interfacePrefixBlacklist": ["wg0"]`' in said.do
    assert said.subjects == ("wg0",)
    lonely = seen(networks=(), resent=("wg0",))
    assert not [one for one in judge(lonely) if one.id == "tunnel_takes_off_mark"]


# --- devices, relay -------------------------------------------------------------------------------


def test_interface_that_cannot_be_made_says_what_is_in_the_way():
    failed = network(NetworkStatus.PORT_ERROR, port_error="Operation not permitted")
    why = "there is no /dev/net/tun: `modprobe tun` makes it"
    shown = seen(networks=(failed,), no_devices=why)
    assert bad(shown) == ["tap_failed"]
    assert why in found(shown, "tap_failed").seen
    assert "modprobe tun" in found(shown, "tap_failed").do
    busy = network(NetworkStatus.PORT_ERROR, port_error="Device or resource busy")
    assert "Another program" in found(seen(networks=(busy,)), "tap_failed").do
    assert bad(seen(networks=(), no_devices=why)) == ["no_devices"]
    assert bad(seen(networks=(), no_devices=why, is_root=True)) == []


def test_relay_without_the_right_to_its_port_says_how_to_get_it():
    shown = seen(relay=Relay(("0.0.0.0/443",), "Permission denied"))
    assert bad(shown) == ["tcp_relay_failed"]
    assert "0.0.0.0/443 (Permission denied)" in found(shown, "tcp_relay_failed").seen
    assert "CAP_NET_BIND_SERVICE" in found(shown, "tcp_relay_failed").do
    taken = seen(relay=Relay(("0.0.0.0/443",), "Address already in use"))
    assert "ss -ltnp" in found(taken, "tcp_relay_failed").do
    assert bad(seen(relay=Relay(()))) == []


HERE, THERE = ("87.1.0.9/9993", "192.168.1.5/9993"), ("81.2.0.1/9993",)


def test_identity_that_another_host_uses_is_a_fault_with_both_places():
    shown = seen(here=HERE, twin=TwinSight(THERE, ONE, False, 12_000))
    assert bad(shown) == ["identity_cloned"]
    one = found(shown, "identity_cloned")
    assert one.severity is Severity.FAULT
    assert one.subjects == ("0a1b2c3d4e",)
    assert "this one is at 87.1.0.9/9993, 192.168.1.5/9993" in one.seen
    assert "the other one at 81.2.0.1/9993" in one.seen
    assert "here that is /home/node" in one.do
    (fact,) = one.evidence
    assert fact.startswith("a packet that this host did not make, sealed with its identity's key")
    assert fact.endswith(f"came 12 s ago by way of a root: {ONE}")
    direct = seen(twin=TwinSight(THERE, THERE[0], True, 0))
    assert found(direct, "identity_cloned").evidence[0].endswith("the other host: 81.2.0.1/9993")


def test_who_is_taken_to_be_elsewhere_is_told_by_which_root():
    shown = seen(here=HERE, astray=(ONE,))
    assert bad(shown) == ["identity_cloned"]
    one = found(shown, "identity_cloned")
    assert one.severity is Severity.WARNING
    assert f"by way of {ONE} goes elsewhere" in one.seen
    assert HERE[0] in one.seen


def test_packets_under_our_own_address_are_a_warning():
    shown = seen(here=HERE, strangers=4)
    assert bad(shown) == ["identity_cloned"]
    assert found(shown, "identity_cloned").subjects == ("0a1b2c3d4e",)
    assert HERE[0] in found(shown, "identity_cloned").seen
    assert found(shown, "identity_cloned").evidence == (
        "packets under our own address, not ours: 4",
    )


# --- all of them ----------------------------------------------------------------------------------


def test_what_is_worse_than_a_note_says_what_to_do():
    troubles = (
        on(here(present=())),
        on(here(wanted=(), present=(), routes=())),
        on(here(exits=(ExitSight("10.7.0.1", False),)), strict=("eth0",)),
        seen(relay=Relay(("0.0.0.0/443",), "Permission denied"), no_devices="none"),
        seen(roots=(root(),), strangers=1),
    )
    for shown in troubles:
        for one in judge(shown):
            assert one.severity <= Severity.NOTE or (one.seen and one.do), one


def test_healthy_networks_here_are_well():
    assert report(replace(HEALTHY, networks=(here(),)))["cause"] == "all_well"
