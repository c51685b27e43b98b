"""The rule table: what a network lets through, as bytes (03, 6.1).

::

    entry: u8 type | NOT 0x80 | OR 0x40, u8 length, value

A reader takes the value of a type it knows at its fixed length, then moves on by the length byte.
What rules mean is in the Rust core; here they are only read and written.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple, NoReturn

from earthline.wire.reader import Malformed, Reader

ACCEPT_ALL = b"\x01\x00"
"""The table of one ACCEPT."""

MAX_RULES = 1024
"""Base rules of a network that members keep."""

_NOT = 0x80
_OR = 0x40
_TYPE_MASK = 0x3F
_SPAN_MASK = 0xFFFFFFFF
_U64_MASK = 0xFFFFFFFFFFFFFFFF


class RuleType(IntEnum):
    """Actions below 16, matches from there on."""

    DROP = 0
    ACCEPT = 1
    TEE = 2
    WATCH = 3
    REDIRECT = 4
    BREAK = 5
    PRIORITY = 6
    SOURCE_ADDRESS = 24
    DESTINATION_ADDRESS = 25
    VLAN_ID = 26
    VLAN_PCP = 27
    VLAN_DEI = 28
    SOURCE_MAC = 29
    DESTINATION_MAC = 30
    IPV4_SOURCE = 31
    IPV4_DESTINATION = 32
    IPV6_SOURCE = 33
    IPV6_DESTINATION = 34
    IP_TOS = 35
    IP_PROTOCOL = 36
    ETHERTYPE = 37
    ICMP = 38
    IP_SOURCE_PORT_RANGE = 39
    IP_DESTINATION_PORT_RANGE = 40
    CHARACTERISTICS = 41
    FRAME_SIZE_RANGE = 42
    RANDOM = 43
    TAGS_DIFFERENCE = 44
    TAGS_BITWISE_AND = 45
    TAGS_BITWISE_OR = 46
    TAGS_BITWISE_XOR = 47
    TAGS_EQUAL = 48
    TAG_SENDER = 49
    TAG_RECEIVER = 50
    INTEGER_RANGE = 51


_COPY = struct.Struct(">QIH")
"""address u64 (low 40 bits), flags u32, length u16"""
_ADDRESS = struct.Struct(">5s")
_MAC = struct.Struct(">6s")
_U8 = struct.Struct(">B")
_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")
_IPV4 = struct.Struct(">4sB")
_IPV6 = struct.Struct(">16sB")
_THREE_U8 = struct.Struct(">3B")
_RANGE = struct.Struct(">HH")
_TAG = struct.Struct(">II")
_INTEGER_RANGE = struct.Struct(">QQHB")
_NOTHING = struct.Struct(">")

_VALUES: dict[int, struct.Struct] = {
    RuleType.TEE: _COPY,
    RuleType.WATCH: _COPY,
    RuleType.REDIRECT: _COPY,
    RuleType.SOURCE_ADDRESS: _ADDRESS,
    RuleType.DESTINATION_ADDRESS: _ADDRESS,
    RuleType.VLAN_ID: _U16,
    RuleType.VLAN_PCP: _U8,
    RuleType.VLAN_DEI: _U8,
    RuleType.SOURCE_MAC: _MAC,
    RuleType.DESTINATION_MAC: _MAC,
    RuleType.IPV4_SOURCE: _IPV4,
    RuleType.IPV4_DESTINATION: _IPV4,
    RuleType.IPV6_SOURCE: _IPV6,
    RuleType.IPV6_DESTINATION: _IPV6,
    RuleType.IP_TOS: _THREE_U8,
    RuleType.IP_PROTOCOL: _U8,
    RuleType.ETHERTYPE: _U16,
    RuleType.ICMP: _THREE_U8,
    RuleType.IP_SOURCE_PORT_RANGE: _RANGE,
    RuleType.IP_DESTINATION_PORT_RANGE: _RANGE,
    RuleType.CHARACTERISTICS: _U64,
    RuleType.FRAME_SIZE_RANGE: _RANGE,
    RuleType.RANDOM: _U32,
    RuleType.TAGS_DIFFERENCE: _TAG,
    RuleType.TAGS_BITWISE_AND: _TAG,
    RuleType.TAGS_BITWISE_OR: _TAG,
    RuleType.TAGS_BITWISE_XOR: _TAG,
    RuleType.TAGS_EQUAL: _TAG,
    RuleType.TAG_SENDER: _TAG,
    RuleType.TAG_RECEIVER: _TAG,
    RuleType.INTEGER_RANGE: _INTEGER_RANGE,
}
"""How values are laid out; types that are not here have none."""

_HEADS = tuple(
    (
        head & _TYPE_MASK,
        _VALUES.get(head & _TYPE_MASK, _NOTHING).size,
        head & _NOT != 0,
        head & _OR != 0,
    )
    for head in range(0x100)
)
"""What each first byte says: type, length of the value, NOT, OR."""
_RANGE_OF_INTEGERS = int(RuleType.INTEGER_RANGE)


class Rule(NamedTuple):
    """One entry. ``value`` is the bytes of the wire, of the type's own length."""

    type: int
    value: bytes = b""
    negated: bool = False
    """The match is turned round (NOT)."""
    alternative: bool = False
    """Joined to what stands before by OR instead of AND."""

    @classmethod
    def of(
        cls,
        type: int,  # noqa: A002 - the field's own name
        *fields: int | bytes,
        negated: bool = False,
        alternative: bool = False,
    ) -> Rule:
        """A rule from the fields of its value, in the order of the wire."""
        value = _VALUES.get(type, _NOTHING).pack(*fields)
        return cls(type, value, negated, alternative)

    @property
    def fields(self) -> tuple[int | bytes, ...]:
        """The fields of the value: numbers, and bytes for addresses, MACs and IPs."""
        return _VALUES.get(self.type, _NOTHING).unpack(self.value)

    def emit(self) -> bytes:
        head = self.type | (_NOT if self.negated else 0) | (_OR if self.alternative else 0)
        return bytes([head, len(self.value)]) + self.value


def read_rules(reader: Reader, count: int) -> tuple[Rule, ...]:
    """Read so many entries; unknown types are kept without their value.

    Hundreds come in one packet of anybody, so each takes as few steps as can be.
    """
    data, at = reader.data, reader.offset
    rules: list[Rule] = []
    for _ in range(count):
        head, length = data[at : at + 2] if at + 2 <= len(data) else _cut_off(at)
        kind, known, negated, alternative = _HEADS[head]
        value = data[at + 2 : at + 2 + known]
        at += 2 + length
        if at > len(data) or len(value) < known:
            _cut_off(at)
        if kind == _RANGE_OF_INTEGERS:
            value = _canonical_range(value)
        rules.append(Rule(kind, value, negated, alternative))
    reader.offset = at
    return tuple(rules)


def parse_rules(table: bytes, limit: int = MAX_RULES) -> tuple[Rule, ...]:
    """Read a table; after ``limit`` entries the rest is ignored. Raises `Malformed`."""
    reader = Reader(table)
    rules: list[Rule] = []
    while not reader.done and len(rules) < limit:
        rules += read_rules(reader, 1)
    return tuple(rules)


def _cut_off(at: int) -> NoReturn:
    raise Malformed(f"a rule at {at} that is cut off")


def emit_rules(rules: Iterable[Rule]) -> bytes:
    """Write a table in the canonical form, which signatures cover."""
    return b"".join(rule.emit() for rule in rules)


def _canonical_range(value: bytes) -> bytes:
    """An integer range as stock nodes keep it: its span has 32 bits."""
    start, end, index, layout = _INTEGER_RANGE.unpack(value)
    span = (end - start) & _SPAN_MASK
    return _INTEGER_RANGE.pack(start, (start + span) & _U64_MASK, index, layout)
