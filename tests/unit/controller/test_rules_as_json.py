"""Rules as JSON, normal and as a table of the wire (04, 12; 03, 6.1)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from earthline.controller.objects.coercion import UnfitObject
from earthline.controller.objects.rules_json import normalise_rules, read_rules
from earthline.wire.rules import Rule, RuleType, emit_rules, parse_rules

RECORDED = Path(__file__).parents[2] / "vectors" / "data" / "service-api"

TABLE = [
    ({"type": "ACTION_DROP", "not": True}, "0000"),
    ({"type": "ACTION_TEE", "address": "deadbeef01", "flags": 1, "length": -1},
     "020e000000deadbeef0100000001ffff"),
    ({"type": "ACTION_WATCH", "address": "deadbeef01", "length": 70000},
     "030e000000deadbeef01000000001170"),
    ({"type": "ACTION_REDIRECT", "address": "0011deadbeef01", "length": 9},
     "040e000000deadbeef01000000000000"),
    ({"type": "ACTION_BREAK"}, "0500"),
    ({"type": "MATCH_SOURCE_ZEROTIER_ADDRESS", "zt": "DEADBEEF01", "not": True}, "9805deadbeef01"),
    ({"type": "MATCH_DEST_ZEROTIER_ADDRESS", "zt": "deadbeef01", "or": True}, "5905deadbeef01"),
    ({"type": "MATCH_VLAN_ID", "vlanId": 100}, "1a020064"),
    ({"type": "MATCH_VLAN_PCP", "vlanPcp": 5}, "1b0105"),
    ({"type": "MATCH_VLAN_DEI", "vlanDei": 257}, "1c0101"),
    ({"type": "MATCH_MAC_SOURCE", "mac": "AA-bb-cc-DD-ee-ff"}, "1d06aabbccddeeff"),
    ({"type": "MATCH_MAC_DEST", "mac": "1:2:3"}, "1e06120000000000"),
    ({"type": "MATCH_IPV4_SOURCE", "ip": "10.1.2.3/24"}, "1f050a01020318"),
    ({"type": "MATCH_IPV4_DEST", "ip": "10.1.2.3/99"}, "20050a01020320"),
    ({"type": "MATCH_IPV6_SOURCE", "ip": "fd00::1/64"}, "2111fd00000000000000000000000000000140"),
    ({"type": "MATCH_IP_TOS", "mask": 252, "start": 16, "end": 32}, "2303fc1020"),
    ({"type": "MATCH_IP_PROTOCOL", "ipProtocol": 6}, "240106"),
    ({"type": "MATCH_ETHERTYPE", "etherType": 34525}, "250286dd"),
    ({"type": "MATCH_ICMP", "icmpType": 8}, "2603080000"),
    ({"type": "MATCH_ICMP", "icmpType": 8, "icmpCode": 0}, "2603080001"),
    ({"type": "MATCH_IP_SOURCE_PORT_RANGE", "start": 80}, "270400500050"),
    ({"type": "MATCH_IP_DEST_PORT_RANGE", "start": "80", "end": "443"}, "2804005001bb"),
    ({"type": "MATCH_CHARACTERISTICS", "mask": "8000000000000002"}, "29088000000000000002"),
    ({"type": "MATCH_FRAME_SIZE_RANGE", "start": 64, "end": 1500}, "2a04004005dc"),
    ({"type": "MATCH_RANDOM", "probability": 2147483647}, "2b047fffffff"),
    ({"type": "MATCH_TAG_SENDER", "id": 1, "value": 2}, "31080000000100000002"),
    ({"type": "INTEGER_RANGE", "start": "10", "end": "1f", "idx": 4, "little": True, "bits": 16},
     "33130000000000000010000000000000001f00048f"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "table"), TABLE, ids=lambda value: str(value)[:60])
def test_entry_becomes_its_bytes(entry: dict[str, object], table: str) -> None:
    rules = read_rules([entry], 1024)
    assert emit_rules(rules).hex() == table
    assert parse_rules(bytes.fromhex(table)) == rules or rules[0].is_action


def test_every_recorded_rule_is_normal_already() -> None:
    recorded = json.loads((RECORDED / "200-rules-all-types.json").read_text())
    rules = recorded["response"]["rules"]
    assert normalise_rules(rules) == rules
    assert len(parse_rules(emit_rules(read_rules(rules, 1024)))) == len(rules)


def test_rules_beyond_the_limit_are_cut() -> None:
    accept = {"type": "ACTION_ACCEPT"}
    assert read_rules([7, accept, {"type": "NO_SUCH"}, accept, accept], 2) == (
        Rule(RuleType.ACCEPT),
        Rule(RuleType.ACCEPT),
    )


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "MATCH_CHARACTERISTICS", "mask": None},
        {"type": "MATCH_IPV4_SOURCE", "ip": "junk"},
        {"type": "MATCH_IPV4_SOURCE", "ip": "fd00::1/64"},
        {"type": "MATCH_IPV6_DEST"},
    ],
)
def test_match_that_would_hold_for_everything_by_mistake_is_refused(entry: object) -> None:
    with pytest.raises(UnfitObject):
        normalise_rules([entry])
