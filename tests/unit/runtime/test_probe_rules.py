"""The rule that keeps ARP from passing is found by asking the engine."""

from __future__ import annotations

import pytest

from earthline.diagnosis.snapshot import RuleDrop
from earthline.effects import InstallNetwork
from earthline.runtime.probes.rules import arp_drop, rule_drops
from earthline.wire.inet import InetAddress
from earthline.wire.rules import Rule, RuleType, emit_rules

OURS, MAC = 0x0A1B2C3D4E, 0x32A1B2C3D4E5
IP = InetAddress.parse("10.7.0.5/24")
ACCEPT, DROP = Rule(RuleType.ACCEPT), Rule(RuleType.DROP)
ARP = Rule.of(RuleType.ETHERTYPE, 0x0806)
IPV4 = Rule.of(RuleType.ETHERTYPE, 0x0800)


def entry(*rules, **more):
    known = {
        "network": 0x1122334455000001,
        "mtu": 2800,
        "public": True,
        "broadcast": True,
        "emulate_neighbours": False,
        "compress_multicast": True,
        "multicast_limit": 32,
        "bridges": (),
        "rules": emit_rules(rules),
        "unknown_match": False,
        "emulated": (),
        "tags": (),
        "owned_ips": (),
        "owned_macs": (),
        "capabilities": (),
        "replicates": False,
    }
    return InstallNetwork(**(known | more))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ((ACCEPT,), None),
        ((ARP, ACCEPT, DROP), None),
        ((IPV4, ACCEPT, DROP), (2, "drop")),
        ((ARP, DROP, ACCEPT), (1, "drop ethertype arp")),
        ((IPV4, ACCEPT), (0, "")),
        ((), (0, "")),
    ],
)
def test_rule_that_decides_about_arp_is_found(rules, expected):
    assert arp_drop(entry(*rules), OURS, MAC, IP) == expected


def test_capability_of_ours_may_let_arp_pass():
    granted = emit_rules((ARP, ACCEPT))
    assert arp_drop(entry(IPV4, ACCEPT, capabilities=(granted,)), OURS, MAC, IP) is None
    assert arp_drop(entry(DROP, capabilities=(granted,)), OURS, MAC, IP) == (1, "drop")


def test_what_the_switch_counted_is_told_by_rule_most_first():
    held = entry(IPV4, DROP, ARP, IPV4._replace(negated=True, alternative=True), DROP)
    counted = [("no_rule", 0, 0, 2), ("rule", 1, 3, 0), ("rule", 4, 10, 5)]
    assert rule_drops(held, counted) == (
        RuleDrop("rule", 2, "drop ethertype arp or not ethertype ipv4", 10, 5),
        RuleDrop("rule", 1, "drop ethertype ipv4", 3, 0),
        RuleDrop("no_rule", 0, "", 0, 2),
    )
    assert rule_drops(held, []) == rule_drops(None, counted) == ()


def test_rule_of_before_is_not_told_while_the_switch_still_goes_by_it():
    counted = [("rule", 3, 10, 5), ("rule", 1, 3, 0)]
    assert rule_drops(entry(IPV4, DROP), counted) == (
        RuleDrop("rule", 1, "drop ethertype ipv4", 3, 0),
    )
