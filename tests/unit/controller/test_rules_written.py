"""Rules of the wire, written as a script has them."""

from __future__ import annotations

import pytest

from earthline.controller.objects.rules_json import normalise_rules, read_rules
from earthline.controller.rules_check.written import numbered, written
from earthline.controller.rules_script import compile_script
from earthline.wire.rules import Rule, RuleType

SCRIPT = [
    "drop not ethertype ipv4 not ethertype arp not ethertype ipv6",
    "drop ethertype 0x88b5 or not ethertype wol",
    "accept ipprotocol tcp or ipprotocol udp or ipprotocol 99",
    "break chr tcp_syn not chr tcp_ack",
    "accept chr tcp_fin,12,inbound",
    "drop ztsrc 0a1b2c3d4e ztdest 9f8e7d6c5b",
    "drop macsrc 02:00:00:00:00:01 not macdest 02:00:00:00:00:02",
    "accept ipsrc 10.0.0.0/8 ipdest 10.7.0.5/32",
    "accept ipsrc fd00::/8 ipdest fd00::5/128",
    "drop iptos 255 16-32 dport 80-443 sport 53",
    "accept icmp 8 -1 or icmp 3 4",
    "drop framesize 1500-9000 vlan 7 vlanpcp 1 vlandei 1",
    "drop random 0.2500",
    "tee 128 1a2b3c4d5e ethertype ipv4",
    "watch -1 1a2b3c4d5e",
    "redirect 1a2b3c4d5e not tdiff 1 0",
    "accept tand 1 3 tor 1 4 txor 2 5 teq 3 6 tseq 4 7 treq 5 8",
]


def tables(script):
    entries = compile_script(script).config["rules"]
    return read_rules(normalise_rules(entries), len(entries))


@pytest.mark.parametrize("text", SCRIPT)
def test_rule_is_written_as_its_script_was(text):
    wire = tables(f"{text};")
    assert numbered(wire, len(wire) - 1) == (1, text)


def test_rules_are_numbered_by_their_actions():
    wire = tables("; ".join(SCRIPT) + ";")
    ends = [place for place, rule in enumerate(wire) if rule.type < 16]
    assert [numbered(wire, place) for place in ends] == list(enumerate(SCRIPT, 1))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(RuleType.PRIORITY), "priority"),
        (Rule(9), "type 9"),
        (Rule(60, negated=True), "not type 60"),
        (Rule.of(RuleType.INTEGER_RANGE, 0, 1, 2, 3, alternative=True), "or integer range"),
        (Rule.of(RuleType.CHARACTERISTICS, 0), "chr none"),
    ],
)
def test_what_has_no_words_in_the_language_is_named(rule, words):
    assert written(rule) == words
