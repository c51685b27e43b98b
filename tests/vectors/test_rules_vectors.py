"""rules.json: the rule table's bytes (03, 6.1)."""

from __future__ import annotations

import ipaddress

import pytest

from earthline.wire.reader import Malformed
from earthline.wire.rules import Rule, emit_rules, parse_rules

U64 = 0xFFFFFFFFFFFFFFFF


def ip(rule):
    return ipaddress.ip_address(rule["ip"]).packed


def number(rule, name):
    return int(rule[name], 16) if isinstance(rule[name], str) else rule[name]


def end(rule):
    return number(rule, "start") + rule["end_relative"] & U64


FIELDS = {
    "address_field": lambda r: (int(r["address_field"], 16), r["flags"], r["length"]),
    "prefix_bits": lambda r: (ip(r), r["prefix_bits"]),
    "end_relative": lambda r: (number(r, "start"), end(r), r["index"], r["format"]),
    "address": lambda r: (bytes.fromhex(r["address"]),),
    "mac": lambda r: (bytes.fromhex(r["mac"]),),
    "icmp_type": lambda r: (r["icmp_type"], r["icmp_code"], r["flags"]),
    "mask": lambda r: (r["mask"], r["start"], r["end"]),
    "tag_id": lambda r: (r["tag_id"], r["value"]),
    "characteristics": lambda r: (int(r["characteristics"], 16),),
    "start": lambda r: (r["start"], r["end"]),
    "vlan_id": lambda r: (r["vlan_id"],),
    "vlan_pcp": lambda r: (r["vlan_pcp"],),
    "vlan_dei": lambda r: (r["vlan_dei"],),
    "ip_protocol": lambda r: (r["ip_protocol"],),
    "ether_type": lambda r: (r["ether_type"],),
    "probability": lambda r: (r["probability"],),
}
"""How the fields of a rule are laid out, by the first of these names that the rule has."""

COMMON = {"type", "type_name", "not", "or"}


def rule_of(rule):
    shape = next((name for name in FIELDS if name in rule), None)
    assert shape is not None or set(rule) <= COMMON, rule
    fields = FIELDS[shape](rule) if shape else ()
    return Rule.of(rule["type"], *fields, negated=rule["not"], alternative=rule["or"])


def rules_of(rules):
    return tuple(map(rule_of, rules))


def check_encode(case):
    table = bytes.fromhex(case["blob"])
    rules = rules_of(case["rules"])
    assert emit_rules(rules) == table
    assert parse_rules(table) == rules_of(case["decoded"])
    for rule in rules:
        assert Rule.of(rule.type, *rule.fields).value == rule.value


def check_decode(case):
    table, limit = bytes.fromhex(case["blob"]), case["max_rules"]
    if not case["parses"]:
        with pytest.raises(Malformed):
            parse_rules(table, limit)
        return
    rules = parse_rules(table, limit)
    assert rules == rules_of(case["decoded"])
    assert parse_rules(table[: case["bytes_consumed"]], limit) == rules


@pytest.mark.vectors("rules")
def test_rules(run_check):
    run_check({"encode": check_encode, "decode": check_decode})
