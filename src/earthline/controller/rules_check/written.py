"""Rules of the wire as a script has them: members never see the script.

Names that only the script knows (macros, tags and their values) are numbers here. ``INTEGER_RANGE``
and types of later versions have no words in the language; they are named all the same (04, 13.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import TypeAlias

from earthline.controller.objects.rules_json import FIRST_MATCH
from earthline.controller.rules_script.names import CHARACTERISTICS, ETHERTYPES, IP_PROTOCOLS
from earthline.controller.rules_script.values import U16, U32
from earthline.wire.inet import InetAddress
from earthline.wire.rules import Rule, RuleType


def numbered(rules: Sequence[Rule], entry: int) -> tuple[int, str]:
    """The rule that ends at this entry of a table, from 0: its number, and its action and matches.

    People count rules by their actions, from 1. Raises ``IndexError`` if there is no such entry.
    """
    before = rules[:entry]
    matches = list(takewhile(_is_match, reversed(before)))
    number = sum(not _is_match(rule) for rule in before) + 1
    return number, " ".join(written(rule) for rule in (rules[entry], *reversed(matches)))


def written(rule: Rule) -> str:
    """One entry in words."""
    read = _WORDS.get(rule.type)
    words = _others(rule) if read is None else read(*rule.fields)
    prefixes = (("or", rule.alternative), ("not", rule.negated))
    return " ".join((*(word for word, holds in prefixes if holds), words))


def _is_match(rule: Rule) -> bool:
    return rule.type >= FIRST_MATCH


def _others(rule: Rule) -> str:
    return _NAMES.get(rule.type, f"type {rule.type}").lower().replace("_", " ")


_NAMES: dict[int, str] = {kind.value: kind.name for kind in RuleType}


# --- the words ------------------------------------------------------------------------------------

_Words: TypeAlias = Callable[..., str]


def _numbers(word: str) -> _Words:
    return lambda *fields: " ".join((word, *map(str, fields)))


def _range(word: str) -> _Words:
    return lambda start, end: f"{word} {_span(start, end)}"


def _span(start: int, end: int) -> str:
    return str(start) if start == end else f"{start}-{end}"


def _named(word: str, names: Mapping[str, int], form: str) -> _Words:
    """The first of several names is the plainest."""
    by_number = {number: name for name, number in reversed(tuple(names.items()))}
    return lambda number: f"{word} {by_number.get(number) or format(number, form)}"


def _digits(word: str, separator: str = "") -> _Words:
    return lambda octets: f"{word} {octets.hex(separator) if separator else octets.hex()}"


def _ip(word: str) -> _Words:
    return lambda ip, bits: f"{word} {InetAddress(ip, bits)}"


def _copy(word: str) -> _Words:
    return lambda address, _flags, length: (
        f"{word} {-1 if length == U16 else length} {address:010x}"
    )


def _characteristics(mask: int) -> str:
    names = {bit: name for name, bit in CHARACTERISTICS.items()}
    bits = (bit for bit in range(64) if mask >> bit & 1)
    return "chr " + (",".join(names.get(bit, str(bit)) for bit in bits) or "none")


def _icmp(kind: int, code: int, flags: int) -> str:
    return f"icmp {kind} {code if flags & 1 else -1}"


def _random(probability: int) -> str:
    return f"random {probability / U32:.4f}"


_WORDS: dict[int, _Words] = {
    RuleType.TEE: _copy("tee"),
    RuleType.WATCH: _copy("watch"),
    RuleType.REDIRECT: lambda address, _flags, _length: f"redirect {address:010x}",
    RuleType.SOURCE_ADDRESS: _digits("ztsrc"),
    RuleType.DESTINATION_ADDRESS: _digits("ztdest"),
    RuleType.VLAN_ID: _numbers("vlan"),
    RuleType.VLAN_PCP: _numbers("vlanpcp"),
    RuleType.VLAN_DEI: _numbers("vlandei"),
    RuleType.SOURCE_MAC: _digits("macsrc", ":"),
    RuleType.DESTINATION_MAC: _digits("macdest", ":"),
    RuleType.IPV4_SOURCE: _ip("ipsrc"),
    RuleType.IPV4_DESTINATION: _ip("ipdest"),
    RuleType.IPV6_SOURCE: _ip("ipsrc"),
    RuleType.IPV6_DESTINATION: _ip("ipdest"),
    RuleType.IP_TOS: lambda mask, start, end: f"iptos {mask} {_span(start, end)}",
    RuleType.IP_PROTOCOL: _named("ipprotocol", IP_PROTOCOLS, "d"),
    RuleType.ETHERTYPE: _named("ethertype", ETHERTYPES, "#06x"),
    RuleType.ICMP: _icmp,
    RuleType.IP_SOURCE_PORT_RANGE: _range("sport"),
    RuleType.IP_DESTINATION_PORT_RANGE: _range("dport"),
    RuleType.CHARACTERISTICS: _characteristics,
    RuleType.FRAME_SIZE_RANGE: _range("framesize"),
    RuleType.RANDOM: _random,
    RuleType.TAGS_DIFFERENCE: _numbers("tdiff"),
    RuleType.TAGS_BITWISE_AND: _numbers("tand"),
    RuleType.TAGS_BITWISE_OR: _numbers("tor"),
    RuleType.TAGS_BITWISE_XOR: _numbers("txor"),
    RuleType.TAGS_EQUAL: _numbers("teq"),
    RuleType.TAG_SENDER: _numbers("tseq"),
    RuleType.TAG_RECEIVER: _numbers("treq"),
}
"""From the fields of the value. Types without one (DROP) are named as they are."""
