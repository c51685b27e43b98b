"""Rules as JSON: normalising what is posted, and encoding it as a rule table (04, 12).

A rule is an object such as ``{"type": "MATCH_ETHERTYPE", "etherType": 2054, "not": true}``. On a
POST each entry is read and rendered again, so that what is stored is normal: unknown keys and
types are gone, numbers masked to their width, addresses rewritten. The table of a configuration is
encoded from the stored form (03, 6.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from earthline.controller.objects.coercion import (
    JsonObject,
    UnfitObject,
    as_array,
    as_bool,
    as_hex,
    as_int,
    as_text,
    read_address,
)
from earthline.wire.inet import InetAddress
from earthline.wire.rules import Rule, RuleType

FIRST_MATCH = 16
"""Types below are actions, which have neither ``not`` nor ``or``."""

_U32 = 0xFFFFFFFF
_U64 = 0xFFFFFFFFFFFFFFFF
_ADDRESS = 0xFFFFFFFFFF
"""Masks of 32 and 64 bits, and of a node address."""
_OCTETS = re.compile(r"(?:[0-9a-f]{2}){0,6}")


@dataclass(frozen=True, slots=True)
class _Kind:
    """One type of rule: its number, how its own keys are made normal, and its value's bytes."""

    number: RuleType
    normal: Callable[[JsonObject], JsonObject]
    value: Callable[[JsonObject], bytes]
    """From an entry in its normal form."""


def normalise_rules(entries: object) -> list[JsonObject]:
    """The stored form of a posted rule set; an empty list for anything but an array."""
    normal = (_normalise(entry) for entry in as_array(entries) or ())
    return [entry for entry in normal if entry is not None]


def read_rules(entries: object, limit: int) -> tuple[Rule, ...]:
    """The first ``limit`` valid entries of a stored rule set, as rules of the wire (03, 6.1)."""
    return tuple(_rule(entry) for entry in normalise_rules(entries)[:limit])


def _normalise(entry: object) -> JsonObject | None:
    if not isinstance(entry, dict):
        return None
    name = entry.get("type")
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        return None
    normal = {"type": name, **kind.normal(entry)}
    if kind.number >= FIRST_MATCH:
        normal["not"] = as_bool(entry.get("not"), False)
        normal["or"] = as_bool(entry.get("or"), False)
    return normal


def _rule(normal: JsonObject) -> Rule:
    kind = _KINDS[normal["type"]]
    return Rule(
        kind.number,
        kind.value(normal),
        negated=normal.get("not", False),
        alternative=normal.get("or", False),
    )


# --- the kinds ------------------------------------------------------------------------------------


def _plain(number: RuleType) -> _Kind:
    return _Kind(number, lambda _: {}, lambda _: b"")


def _numbers(number: RuleType, **widths: int) -> _Kind:
    """Unsigned numbers by key, each of so many bytes, in this order on the wire."""

    def normal(entry: JsonObject) -> JsonObject:
        return {
            key: as_int(entry.get(key), 0) & (1 << 8 * width) - 1 for key, width in widths.items()
        }

    def value(entry: JsonObject) -> bytes:
        return b"".join(int(entry[key]).to_bytes(width) for key, width in widths.items())

    return _Kind(number, normal, value)


def _range(number: RuleType) -> _Kind:
    """``start`` and ``end`` (``start`` where absent), 16 bits each."""

    def normal(entry: JsonObject) -> JsonObject:
        start = as_int(entry.get("start"), 0) & 0xFFFF
        return {"start": start, "end": as_int(entry.get("end"), start) & 0xFFFF}

    return _Kind(
        number, normal, lambda entry: b"".join(entry[key].to_bytes(2) for key in ("start", "end"))
    )


def _copy(number: RuleType, *, with_length: bool) -> _Kind:
    """TEE, WATCH, REDIRECT: ``u64 address | u32 flags | u16 length``; the last has no length."""

    def normal(entry: JsonObject) -> JsonObject:
        keys = {
            "address": _hex_address(entry.get("address")),
            "flags": as_int(entry.get("flags"), 0) & _U32,
        }
        length = {"length": as_int(entry.get("length"), 0) & 0xFFFF} if with_length else {}
        return keys | length

    def value(entry: JsonObject) -> bytes:
        address, flags, length = int(entry["address"], 16), entry["flags"], entry.get("length", 0)
        return b"".join((address.to_bytes(8), flags.to_bytes(4), length.to_bytes(2)))

    return _Kind(number, normal, value)


def _member(number: RuleType) -> _Kind:
    return _Kind(
        number,
        lambda entry: {"zt": _hex_address(entry.get("zt"))},
        lambda entry: bytes.fromhex(entry["zt"]),
    )


def _mac(number: RuleType) -> _Kind:
    def normal(entry: JsonObject) -> JsonObject:
        text = as_text(entry.get("mac"), "").replace(":", "").replace("-", "").lower()
        whole = _OCTETS.match(text)
        octets = bytes.fromhex(whole.group() if whole else "")
        return {"mac": octets.ljust(6, b"\x00").hex(":")}

    return _Kind(number, normal, lambda entry: bytes.fromhex(entry["mac"].replace(":", "")))


def _ip(number: RuleType, length: int) -> _Kind:
    """``ip``: an address of ``length`` bytes with its prefix length, cut to what the family has."""

    def read(entry: JsonObject) -> InetAddress:
        address = read_address(entry.get("ip"))
        if address is None or len(address.ip) != length:
            # Reading it as 0.0.0.0/0 would make the match hold for everything.
            raise UnfitObject(f"the ip of {entry['type']} must be an IPv{4 if length == 4 else 6}")
        return InetAddress(address.ip, min(address.port, address.bits))

    def normal(entry: JsonObject) -> JsonObject:
        return {"ip": str(read(entry))}

    def value(entry: JsonObject) -> bytes:
        address = read(entry)
        return address.ip + bytes((address.port,))

    return _Kind(number, normal, value)


def _icmp(number: RuleType) -> _Kind:
    """``u8 type | u8 code | u8 flags`` (bit 0: compare the code)."""

    def normal(entry: JsonObject) -> JsonObject:
        code = entry.get("icmpCode")
        return {
            "icmpType": as_int(entry.get("icmpType"), 0) & 0xFF,
            "icmpCode": None if code is None else as_int(code, 0) & 0xFF,
        }

    def value(entry: JsonObject) -> bytes:
        code = entry["icmpCode"]
        return bytes((entry["icmpType"], code or 0, 0 if code is None else 1))

    return _Kind(number, normal, value)


def _characteristics(number: RuleType) -> _Kind:
    def normal(entry: JsonObject) -> JsonObject:
        mask = entry.get("mask", 0)
        if isinstance(mask, bool) or not isinstance(mask, (int, float, str)):
            raise UnfitObject("the mask of MATCH_CHARACTERISTICS must be a number or hex digits")
        return {"mask": f"{as_hex(mask, 0):016x}"}

    return _Kind(number, normal, lambda entry: bytes.fromhex(entry["mask"]))


def _integer_range(number: RuleType) -> _Kind:
    """``u64 start | u64 end | u16 index | u8 format`` (bits - 1, little-endian 0x80) (03, 6.6).

    The table carries the end as ``start`` plus a difference of 32 bits.
    """

    def normal(entry: JsonObject) -> JsonObject:
        start = as_hex(entry.get("start"), 0)
        span = (as_hex(entry.get("end"), start) - start) & _U32
        return {
            "start": f"{start:016x}",
            "end": f"{(start + span) & _U64:016x}",
            "idx": as_int(entry.get("idx"), 0) & 0xFFFF,
            "little": as_bool(entry.get("little"), False),
            "bits": min(max(as_int(entry.get("bits"), 1), 1), 64),
        }

    def value(entry: JsonObject) -> bytes:
        ends = bytes.fromhex(entry["start"] + entry["end"])
        form = (entry["bits"] - 1) | (0x80 if entry["little"] else 0)
        return b"".join((ends, entry["idx"].to_bytes(2), form.to_bytes(1)))

    return _Kind(number, normal, value)


def _hex_address(value: Any) -> str:
    return f"{as_hex(value, 0) & _ADDRESS:010x}"


def _tag(number: RuleType) -> _Kind:
    return _numbers(number, id=4, value=4)


_KINDS: dict[str, _Kind] = {
    "ACTION_DROP": _plain(RuleType.DROP),
    "ACTION_ACCEPT": _plain(RuleType.ACCEPT),
    "ACTION_TEE": _copy(RuleType.TEE, with_length=True),
    "ACTION_WATCH": _copy(RuleType.WATCH, with_length=True),
    "ACTION_REDIRECT": _copy(RuleType.REDIRECT, with_length=False),
    "ACTION_BREAK": _plain(RuleType.BREAK),
    "MATCH_SOURCE_ZEROTIER_ADDRESS": _member(RuleType.SOURCE_ADDRESS),
    "MATCH_DEST_ZEROTIER_ADDRESS": _member(RuleType.DESTINATION_ADDRESS),
    "MATCH_VLAN_ID": _numbers(RuleType.VLAN_ID, vlanId=2),
    "MATCH_VLAN_PCP": _numbers(RuleType.VLAN_PCP, vlanPcp=1),
    "MATCH_VLAN_DEI": _numbers(RuleType.VLAN_DEI, vlanDei=1),
    "MATCH_MAC_SOURCE": _mac(RuleType.SOURCE_MAC),
    "MATCH_MAC_DEST": _mac(RuleType.DESTINATION_MAC),
    "MATCH_IPV4_SOURCE": _ip(RuleType.IPV4_SOURCE, 4),
    "MATCH_IPV4_DEST": _ip(RuleType.IPV4_DESTINATION, 4),
    "MATCH_IPV6_SOURCE": _ip(RuleType.IPV6_SOURCE, 16),
    "MATCH_IPV6_DEST": _ip(RuleType.IPV6_DESTINATION, 16),
    "MATCH_IP_TOS": _numbers(RuleType.IP_TOS, mask=1, start=1, end=1),
    "MATCH_IP_PROTOCOL": _numbers(RuleType.IP_PROTOCOL, ipProtocol=1),
    "MATCH_ETHERTYPE": _numbers(RuleType.ETHERTYPE, etherType=2),
    "MATCH_ICMP": _icmp(RuleType.ICMP),
    "MATCH_IP_SOURCE_PORT_RANGE": _range(RuleType.IP_SOURCE_PORT_RANGE),
    "MATCH_IP_DEST_PORT_RANGE": _range(RuleType.IP_DESTINATION_PORT_RANGE),
    "MATCH_CHARACTERISTICS": _characteristics(RuleType.CHARACTERISTICS),
    "MATCH_FRAME_SIZE_RANGE": _range(RuleType.FRAME_SIZE_RANGE),
    "MATCH_RANDOM": _numbers(RuleType.RANDOM, probability=4),
    "INTEGER_RANGE": _integer_range(RuleType.INTEGER_RANGE),
    "MATCH_TAGS_DIFFERENCE": _tag(RuleType.TAGS_DIFFERENCE),
    "MATCH_TAGS_BITWISE_AND": _tag(RuleType.TAGS_BITWISE_AND),
    "MATCH_TAGS_BITWISE_OR": _tag(RuleType.TAGS_BITWISE_OR),
    "MATCH_TAGS_BITWISE_XOR": _tag(RuleType.TAGS_BITWISE_XOR),
    "MATCH_TAGS_EQUAL": _tag(RuleType.TAGS_EQUAL),
    "MATCH_TAG_SENDER": _tag(RuleType.TAG_SENDER),
    "MATCH_TAG_RECEIVER": _tag(RuleType.TAG_RECEIVER),
}
