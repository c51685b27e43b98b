"""What hardly anybody wants of rules, and everybody who meets it takes long to find."""

from __future__ import annotations

import pytest

from earthline.controller.rules_check.pitfalls import pitfalls, program_of
from earthline.controller.rules_script import compile_script

TAG = "tag gateway id 1 default 0;\n"
CAPABILITY = "cap admin id 1 accept ipprotocol tcp; ;\n"
OPEN_CAPABILITY = "cap all id 1 default accept; ;\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("accept ipprotocol icmp4;\ndrop;", ["ARP is dropped by rule 2 (line 2: drop)"]),
        (
            TAG + "break not tor gateway 1 and not teq gateway 1;\naccept;",
            ["ARP is dropped by rule 1 (line 2: break not tor gateway 1 not teq gateway 1)"],
        ),
        ("drop ethertype arp;\naccept;", ["ARP is dropped by rule 1 (line 1: drop ethertype arp)"]),
        ("accept ethertype ipv6;", ["ARP is dropped by default"]),
        ("accept ethertype arp;\naccept ipprotocol icmp4;\ndrop;", []),
        ("drop not ethertype ipv4 and not ethertype arp;\naccept;", []),
        (OPEN_CAPABILITY + "break;", []),
        (CAPABILITY + "accept ethertype arp;\ndrop;", ["capabilities are never asked after"]),
        (CAPABILITY + "accept ethertype arp;\nbreak;", []),
        (CAPABILITY + "accept ethertype arp;\ndrop ethertype ipv4;\nbreak;", []),
    ],
)
def test_pitfall_is_told(script, said):
    program = compile_script(script)
    found = pitfalls(program)
    assert len(found) == len(said), found
    assert all(line.startswith(words) for words, line in zip(said, found, strict=True))
    assert len(pitfalls(program_of(program.config))) == len(said)


def test_rules_without_a_script_are_counted_as_people_count_them():
    config = {
        "rules": [
            {"type": "MATCH_ETHERTYPE", "etherType": 2048, "not": True},
            {"type": "ACTION_DROP"},
            {"type": "ACTION_ACCEPT"},
        ]
    }
    (line,) = pitfalls(program_of(config))
    assert line == "ARP is dropped by rule 1 (drop not ethertype ipv4): no IPv4 between members"
