"""Rules as JSON: normalising what is posted, and encoding it as a rule table (04, section 12).

A rule is an object such as ``{"type": "MATCH_ETHERTYPE", "etherType": 2054, "not": true}``. On a
POST each entry is read and rendered again, so that what is stored is normal: unknown keys and
types are gone, numbers masked to their width, addresses rewritten. The table of a configuration is
encoded from the stored form (03, 6.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from earthline.controller.coercion import (
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

NOT = 0x80
OR = 0x40

_U32 = 0xFFFFFFFF
_U64 = 0xFFFFFFFFFFFFFFFF
_ADDRESS = 0xFFFFFFFFFF
_MAC_DIGITS = 12


@dataclass(frozen=True, slots=True)
class _Kind:
    """One type of rule: its number, how its own keys are made normal, and its value's bytes."""

    number: int
    normal: Callable[[JsonObject], JsonObject]
    value: Callable[[JsonObject], bytes]

    @property
    def is_action(self) -> bool:
        return self.number < 0x10


def normalise_rules(entries: object) -> list[JsonObject]:
    """The stored form of a posted rule set; an empty list for anything but an array."""
    normal = (_normalise(entry) for entry in as_array(entries) or ())
    return [entry for entry in normal if entry is not None]


def encode_rules(entries: object, limit: int) -> list[bytes]:
    """The first ``limit`` valid entries of a rule set, each as an entry of a rule table (03, 6.1).

    ::

        u8 type (NOT 0x80, OR 0x40) | u8 length | value
    """
    return [_encode(entry) for entry in normalise_rules(entries)[:limit]]


def _normalise(entry: object) -> JsonObject | None:
    if not isinstance(entry, dict):
        return None
    name = entry.get("type")
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        return None
    normal = {"type": name, **kind.normal(entry)}
    if not kind.is_action:
        normal["not"] = as_bool(entry.get("not"), False)
        normal["or"] = as_bool(entry.get("or"), False)
    return normal


def _encode(entry: JsonObject) -> bytes:
    kind = _KINDS[entry["type"]]
    flags = (NOT if entry.get("not") else 0) | (OR if entry.get("or") else 0)
    value = kind.value(entry)
    return bytes((kind.number | flags, len(value))) + value


# --- the kinds ------------------------------------------------------------------------------------


def _plain(number: int) -> _Kind:
    return _Kind(number, lambda _: {}, lambda _: b"")


def _numbers(number: int, **widths: int) -> _Kind:
    """Unsigned numbers by key, each of so many bytes, in this order on the wire."""

    def normal(entry: JsonObject) -> JsonObject:
        return {
            key: as_int(entry.get(key), 0) & (1 << 8 * width) - 1 for key, width in widths.items()
        }

    def value(entry: JsonObject) -> bytes:
        return b"".join(entry[key].to_bytes(width) for key, width in widths.items())

    return _Kind(number, normal, value)


def _range(number: int) -> _Kind:
    """``start`` and ``end`` (``start`` where absent), 16 bits each."""

    def normal(entry: JsonObject) -> JsonObject:
        start = as_int(entry.get("start"), 0) & 0xFFFF
        return {"start": start, "end": as_int(entry.get("end"), start) & 0xFFFF}

    return _Kind(
        number, normal, lambda entry: entry["start"].to_bytes(2) + entry["end"].to_bytes(2)
    )


def _copy(number: int, *, with_length: bool) -> _Kind:
    """TEE, WATCH, REDIRECT: ``u64 address | u32 flags | u16 length``; the last has no length."""

    def normal(entry: JsonObject) -> JsonObject:
        keys = {
            "address": _hex_address(entry.get("address")),
            "flags": as_int(entry.get("flags"), 0) & _U32,
        }
        length = {"length": as_int(entry.get("length"), 0) & 0xFFFF} if with_length else {}
        return keys | length

    def value(entry: JsonObject) -> bytes:
        address = int(entry["address"], 16).to_bytes(8)
        return address + entry["flags"].to_bytes(4) + entry.get("length", 0).to_bytes(2)

    return _Kind(number, normal, value)


def _member(number: int) -> _Kind:
    return _Kind(
        number,
        lambda entry: {"zt": _hex_address(entry.get("zt"))},
        lambda entry: bytes.fromhex(entry["zt"]),
    )


def _mac(number: int) -> _Kind:
    def normal(entry: JsonObject) -> JsonObject:
        text = as_text(entry.get("mac"), "0").replace(":", "").replace("-", "")
        digits = f"{_leading_hex(text):0<{_MAC_DIGITS}}"
        return {"mac": ":".join(digits[i : i + 2] for i in range(0, _MAC_DIGITS, 2))}

    return _Kind(number, normal, lambda entry: bytes.fromhex(entry["mac"].replace(":", "")))


def _ip(number: int, length: int) -> _Kind:
    """``ip``: an address of ``length`` bytes with its prefix length, cut to what the family has."""

    def read(entry: JsonObject) -> tuple[bytes, int]:
        address = read_address(entry.get("ip"))
        if address is None or len(address.ip) != length:
            return bytes(length), 0
        return address.ip, min(address.port, 8 * length)

    def normal(entry: JsonObject) -> JsonObject:
        return {"ip": str(InetAddress(*read(entry)))}

    def value(entry: JsonObject) -> bytes:
        ip, bits = read(entry)
        return ip + bytes((bits,))

    return _Kind(number, normal, value)


def _icmp(number: int) -> _Kind:
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


def _characteristics(number: int) -> _Kind:
    def normal(entry: JsonObject) -> JsonObject:
        mask = entry.get("mask", 0)
        if isinstance(mask, bool) or not isinstance(mask, (int, float, str)):
            raise UnfitObject("the mask of MATCH_CHARACTERISTICS must be a number or hex digits")
        return {"mask": f"{as_hex(mask, 0):016x}"}

    return _Kind(number, normal, lambda entry: bytes.fromhex(entry["mask"]))


def _integer_range(number: int) -> _Kind:
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
        form = (entry["bits"] - 1) | (0x80 if entry["little"] else 0)
        ends = bytes.fromhex(entry["start"] + entry["end"])
        return ends + entry["idx"].to_bytes(2) + bytes((form,))

    return _Kind(number, normal, value)


def _hex_address(value: Any) -> str:
    return f"{as_hex(value, 0) & _ADDRESS:010x}"


def _leading_hex(text: str) -> str:
    digits = ""
    for letter in text.lower()[:_MAC_DIGITS]:
        if letter not in "0123456789abcdef":
            break
        digits += letter
    return digits


def _tags(names: Iterable[tuple[str, int]]) -> dict[str, _Kind]:
    return {name: _numbers(number, id=4, value=4) for name, number in names}


_KINDS: dict[str, _Kind] = {
    "ACTION_DROP": _plain(0x00),
    "ACTION_ACCEPT": _plain(0x01),
    "ACTION_TEE": _copy(0x02, with_length=True),
    "ACTION_WATCH": _copy(0x03, with_length=True),
    "ACTION_REDIRECT": _copy(0x04, with_length=False),
    "ACTION_BREAK": _plain(0x05),
    "MATCH_SOURCE_ZEROTIER_ADDRESS": _member(0x18),
    "MATCH_DEST_ZEROTIER_ADDRESS": _member(0x19),
    "MATCH_VLAN_ID": _numbers(0x1A, vlanId=2),
    "MATCH_VLAN_PCP": _numbers(0x1B, vlanPcp=1),
    "MATCH_VLAN_DEI": _numbers(0x1C, vlanDei=1),
    "MATCH_MAC_SOURCE": _mac(0x1D),
    "MATCH_MAC_DEST": _mac(0x1E),
    "MATCH_IPV4_SOURCE": _ip(0x1F, 4),
    "MATCH_IPV4_DEST": _ip(0x20, 4),
    "MATCH_IPV6_SOURCE": _ip(0x21, 16),
    "MATCH_IPV6_DEST": _ip(0x22, 16),
    "MATCH_IP_TOS": _numbers(0x23, mask=1, start=1, end=1),
    "MATCH_IP_PROTOCOL": _numbers(0x24, ipProtocol=1),
    "MATCH_ETHERTYPE": _numbers(0x25, etherType=2),
    "MATCH_ICMP": _icmp(0x26),
    "MATCH_IP_SOURCE_PORT_RANGE": _range(0x27),
    "MATCH_IP_DEST_PORT_RANGE": _range(0x28),
    "MATCH_CHARACTERISTICS": _characteristics(0x29),
    "MATCH_FRAME_SIZE_RANGE": _range(0x2A),
    "MATCH_RANDOM": _numbers(0x2B, probability=4),
    "INTEGER_RANGE": _integer_range(0x33),
} | _tags(
    (
        ("MATCH_TAGS_DIFFERENCE", 0x2C),
        ("MATCH_TAGS_BITWISE_AND", 0x2D),
        ("MATCH_TAGS_BITWISE_OR", 0x2E),
        ("MATCH_TAGS_BITWISE_XOR", 0x2F),
        ("MATCH_TAGS_EQUAL", 0x30),
        ("MATCH_TAG_SENDER", 0x31),
        ("MATCH_TAG_RECEIVER", 0x32),
    )
)
