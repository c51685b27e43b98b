"""The rules engine in Rust and its readable twin agree about every frame (03, 6).

``EARTHLINE_RULES_CASES`` sets how many random cases are tried, such as 200000 for a night.
"""

from __future__ import annotations

import os
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earthline import _native
from earthline.wire.rules import Rule, RuleType, emit_rules
from reference import rules_in_earnest as in_earnest
from reference.rules import Frame, evaluate

CASES = int(os.environ.get("EARTHLINE_RULES_CASES", "2000"))
pytestmark = pytest.mark.timeout(max(120, CASES // 10))
thorough = settings(max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Few values of each kind, so that rules and frames meet often.
OWN, PEER, OBSERVER = 0x5391A36D1A, 0x7362E82FFD, 0x3333333333
NODES = st.sampled_from((OWN, PEER, OBSERVER, 0))
MACS = st.sampled_from((0x1E0102030405, 0x1E0A0B0C0D0E, 0x01005E0000FB, 0xFFFFFFFFFFFF))
IPV4 = st.sampled_from(tuple(bytes(ip) for ip in ((10, 0, 0, 1), (10, 0, 255, 2), (0, 0, 0, 0))))
IPV6 = st.sampled_from(
    (
        bytes.fromhex("fd000000000000000000000000000001"),
        bytes.fromhex("fc5d60ca9b80000000000000000000ff"),
        bytes.fromhex("fc5d60ca9b7362e82ffd000000000001"),
        bytes.fromhex("fe80000000000000000000000000abcd"),
        bytes(16),
    )
)
ETHERTYPES = st.sampled_from((0x0800, 0x0806, 0x86DD, 0x86DD, 0x8100, 0))
PROTOCOLS = st.sampled_from((0, 1, 6, 17, 43, 44, 51, 58, 60, 132, 135, 136, 139, 255))
PORTS = st.sampled_from((0, 22, 80, 0xFFFF))
TAG_IDS = st.integers(1, 3)
TAG_VALUES = st.sampled_from((0, 1, 2, 3, 0xFFFFFFFF))
U8 = st.sampled_from((0, 1, 6, 0x0F, 0x87, 0x88, 0xFF))
U64 = st.integers(0, (1 << 64) - 1)
PREFIXES = st.sampled_from((0, 1, 8, 24, 32, 33, 64, 127, 128, 255))
CHARACTERISTICS = st.sampled_from(
    [1 << bit for bit in (*range(12), 59, 60, 61, 62, 63)] + [0, 0xFFF, (1 << 64) - 1]
)


def fields(*strategies):
    return st.tuples(*strategies)


def address():
    return NODES.map(lambda node: (node.to_bytes(5, "big"),))


def mac():
    return MACS.map(lambda value: (value.to_bytes(6, "big"),))


COPY = fields(NODES, st.just(0), st.sampled_from((0, 1, 40, 0xFFFF)))
RANGE = fields(PORTS, PORTS)
TAG = fields(TAG_IDS, TAG_VALUES)
INTEGER = st.integers(0, 0xFFFF) | U64
VALUES = {
    RuleType.TEE: COPY,
    RuleType.WATCH: COPY,
    RuleType.REDIRECT: COPY,
    RuleType.SOURCE_ADDRESS: address(),
    RuleType.DESTINATION_ADDRESS: address(),
    RuleType.VLAN_ID: fields(st.integers(0, 2)),
    RuleType.VLAN_PCP: fields(st.integers(0, 2)),
    RuleType.VLAN_DEI: fields(st.integers(0, 2)),
    RuleType.SOURCE_MAC: mac(),
    RuleType.DESTINATION_MAC: mac(),
    RuleType.IPV4_SOURCE: fields(IPV4, PREFIXES),
    RuleType.IPV4_DESTINATION: fields(IPV4, PREFIXES),
    RuleType.IPV6_SOURCE: fields(IPV6, PREFIXES),
    RuleType.IPV6_DESTINATION: fields(IPV6, PREFIXES),
    RuleType.IP_TOS: fields(U8, U8, U8),
    RuleType.IP_PROTOCOL: fields(PROTOCOLS),
    RuleType.ETHERTYPE: fields(ETHERTYPES),
    RuleType.ICMP: fields(U8, U8, st.integers(0, 1)),
    RuleType.IP_SOURCE_PORT_RANGE: RANGE,
    RuleType.IP_DESTINATION_PORT_RANGE: RANGE,
    RuleType.CHARACTERISTICS: fields(CHARACTERISTICS),
    RuleType.FRAME_SIZE_RANGE: RANGE,
    RuleType.RANDOM: fields(st.sampled_from((0, 0x7FFFFFFF, 0xFFFFFFFF))),
    RuleType.TAGS_DIFFERENCE: TAG,
    RuleType.TAGS_BITWISE_AND: TAG,
    RuleType.TAGS_BITWISE_OR: TAG,
    RuleType.TAGS_BITWISE_XOR: TAG,
    RuleType.TAGS_EQUAL: TAG,
    RuleType.TAG_SENDER: TAG,
    RuleType.TAG_RECEIVER: TAG,
    RuleType.INTEGER_RANGE: fields(INTEGER, INTEGER, st.integers(0, 80), st.integers(0, 255)),
}
KINDS = st.sampled_from((*RuleType, RuleType.ACCEPT, RuleType.DROP, 7, 15, 20, 63))


@st.composite
def some_rule(draw):
    kind = draw(KINDS)
    values = draw(VALUES.get(kind, st.just(())))
    negated, alternative = draw(st.booleans()), draw(st.booleans())
    return Rule.of(kind, *values, negated=negated, alternative=alternative)


tables = st.lists(some_rule(), max_size=12).map(emit_rules)


FRAGMENTS = st.sampled_from((0, 0, 0, 1, 2, 0x2000, 0x2001, 0x2002, 0x4000))
"""IPv4 offset in units of 8 bytes, and "more fragments"."""
LENGTHS = st.sampled_from((None, None, None, 0, 24, 28, 36, 4000))
"""What an IP header says of its packet's length; None: the truth."""


def ip4(protocol, ends, body, shape):
    header, fragment, length = shape
    length = 20 + len(body) if length is None else length
    head = struct.pack(">BBHHHBBH", header, 0x10, length, 0, fragment, 64, protocol, 0)
    return head + b"".join(ends) + body


def ip6(header, source, destination, body, length=None):
    length = len(body) if length is None else length
    head = struct.pack(">IHBB", 0x6A500000, length, header, 64)
    return head + source + destination + body


@st.composite
def transport(draw):
    ports = struct.pack(">HH", draw(PORTS), draw(PORTS))
    return ports + bytes(8) + bytes((draw(U8), draw(U8))) + draw(st.binary(max_size=6))


@st.composite
def extensions(draw):
    """Some extension headers, and the body after them, as (first header, bytes)."""
    header = draw(PROTOCOLS)
    body = draw(transport() | st.binary(max_size=30))
    for kind in draw(st.lists(st.sampled_from((0, 43, 44, 51, 60, 135, 139)), max_size=3)):
        length = draw(st.integers(0, 2))
        if kind == 44:
            offset = draw(st.sampled_from((0, 0, 1, 8, 9, 16)))
            body = struct.pack(">BBHI", header, length, offset, 7) + body
        else:
            size = 8 + (4 if kind == 51 else 8) * length
            body = bytes((header, length)).ljust(size, b"\0") + body
        header = kind
    return header, body


@st.composite
def neighbour_message(draw):
    kind = draw(st.sampled_from((0x85, 0x86, 0x87, 0x88)))
    target = draw(IPV6) if kind != 0x85 else b""
    options = draw(st.lists(neighbour_option(), max_size=2))
    message = bytes((kind, 0)) + bytes(6) + target + b"".join(options)
    return draw(st.sampled_from(((58, message), (44, bytes((58, *bytes(7))) + message))))


@st.composite
def neighbour_option(draw):
    kind, length = draw(st.sampled_from((1, 2, 14))), draw(st.sampled_from((1, 1, 1, 0, 2)))
    option = bytes((kind, length)) + draw(MACS).to_bytes(6, "big")
    return option.ljust(8 * length, b"\0")[: draw(st.sampled_from((8, 8, 16, 3)))]


@st.composite
def packet(draw):
    """(ethertype, payload), mostly of sense, sometimes cut, sometimes in a dress."""
    ethertype = draw(ETHERTYPES)
    if ethertype == 0x0800:
        header = draw(st.sampled_from((0x45, 0x46, 0x4F, 0x40)))
        addresses = draw(IPV4), draw(IPV4)
        shape = header, draw(FRAGMENTS), draw(LENGTHS)
        payload = ip4(draw(PROTOCOLS), addresses, draw(transport()), shape)
    elif ethertype == 0x86DD:
        header, body = draw(extensions() | neighbour_message())
        payload = ip6(header, draw(IPV6), draw(IPV6), body, draw(LENGTHS))
    elif ethertype == 0x0806:
        mac = draw(MACS).to_bytes(6, "big")
        payload = bytes.fromhex("0001080006040001") + mac + draw(IPV4) + bytes(10)
    else:
        payload = draw(st.binary(max_size=70))
    for wrap in draw(st.lists(WRAPS, max_size=draw(st.sampled_from((0, 0, 2, 6))))):
        inner = ethertype.to_bytes(2, "big") + payload
        ethertype, payload = wrap[0], wrap[1] + inner
    cut = draw(st.none() | st.integers(0, len(payload)))
    return ethertype, payload[:cut]


WRAPS = st.sampled_from(
    (
        (0x8100, b"\0\5"),
        (0x88A8, b"\x20\0"),
        (0x9100, b"\0\0"),
        (60, bytes.fromhex("aaaa03000000")),
        (0x05FF, bytes.fromhex("aaaa030000f8")),
        (60, bytes.fromhex("aaaa03080007")),
    )
)
"""What is put around a packet: an ethertype, and what stands before that of the packet."""


credentials = st.tuples(
    st.dictionaries(TAG_IDS, TAG_VALUES, max_size=3).map(lambda tags: sorted(tags.items())),
    st.lists(IPV4 | IPV6, max_size=2, unique=True),
    st.lists(MACS, max_size=2, unique=True),
)


@st.composite
def frames(draw):
    ethertype, payload = draw(packet())
    inbound = draw(st.booleans())
    return Frame(
        inbound=inbound,
        own=OWN,
        source=PEER if inbound else OWN,
        destination=OWN if inbound else draw(st.sampled_from((PEER, 0))),
        source_mac=draw(MACS),
        destination_mac=draw(MACS),
        ethertype=ethertype,
        vlan=draw(st.integers(0, 1)),
        payload=payload,
        own_credentials=draw(credentials),
        other_credentials=draw(credentials),
        unknown_match=draw(st.booleans()),
        emulated=draw(st.sampled_from(([], [bytes.fromhex("fc5d60ca9b")]))),
    )


draws = st.sampled_from((0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))


@thorough
@given(table=tables, frame=frames(), random=draws)
def test_one_table_decides_as_its_reference_does(table, frame, random):
    assert _native.evaluate_rules(table, frame, random) == evaluate(table, frame, random)


@thorough
@given(table=tables, frame=frames(), random=draws)
def test_one_table_decides_in_earnest_as_its_reference_does(table, frame, random):
    expected = in_earnest.evaluate(table, frame, random)
    assert _native.evaluate_rules_in_earnest(table, frame, random) == expected


@settings(thorough, max_examples=max(1, CASES // 10))
@given(base=tables, capabilities=st.lists(tables, max_size=3), frame=frames(), random=draws)
def test_base_rules_and_capabilities_decide_as_their_reference_does(
    base, capabilities, frame, random
):
    expected = in_earnest.filter_frame(base, capabilities, frame, random)
    assert _native.filter_frame(base, capabilities, frame, random) == expected
