"""Matches: their words, their arguments, and the entries they become (04, 13.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from earthline.controller.rules_script.blocks import Items
from earthline.controller.rules_script.names import CHARACTERISTICS, ETHERTYPES, IP_PROTOCOLS
from earthline.controller.rules_script.program import Tag
from earthline.controller.rules_script.values import (
    ADDRESS_DIGITS,
    MAC_DIGITS,
    U8,
    U16,
    U32,
    bits,
    digits,
    integer,
    ip_version,
    named,
    number,
    number_range,
    share,
)
from earthline.controller.rules_script.words import Word

Fields = dict[str, Any]
_CHARACTERISTIC_MASKS = {name: 1 << bit for name, bit in CHARACTERISTICS.items()}
_LAST_BIT = 63
"""Characteristics have 64 bits (04, 12.3)."""


class Arguments:
    """The arguments of one match, with variables replaced."""

    def __init__(self, items: Items, variables: Mapping[str, str], tags: Mapping[str, Tag]) -> None:
        self._items = items
        self._variables = variables
        self._tags = tags
        self.texts: list[str] = []
        """What was taken, variables replaced."""

    def word(self, what: str) -> Word:
        """The next argument, ``what`` it is in a message."""
        word = self._items.word(what)
        if word.text.startswith("$"):
            word = word.saying(self._variable(word))
        self.texts.append(word.text)
        return word

    def tag_value(self) -> Fields:
        """A tag by name or ID, and one of its values."""
        reference = self.word("a tag")
        tag = self._tags.get(reference.text)
        value = self.word("a value of the tag")
        if tag is not None:
            names = tag.flags if value.text in tag.flags else tag.enums
            return {"id": tag.number, "value": named(value, "value of the tag", names, U32)}
        if integer(reference.text) is None:
            raise reference.fault(f"unknown tag {reference.quoted}")
        tag_id = number(reference, "tag ID", U32)
        return {"id": tag_id, "value": number(value, "value of a tag", U32)}

    def _variable(self, word: Word) -> str:
        if word.text not in self._variables:
            raise word.fault(f"undefined variable {word.quoted}")
        return self._variables[word.text]


Reader = Callable[[Arguments], tuple[str, Fields]]


def _plain(name: str, fields: Callable[[Arguments], Fields]) -> Reader:
    return lambda arguments: (name, fields(arguments))


def _number(name: str, key: str, what: str, most: int) -> Reader:
    return _plain(name, lambda taken: {key: number(taken.word(f"a {what}"), what, most)})


def _named(name: str, key: str, what: str, names: Mapping[str, int], most: int) -> Reader:
    return _plain(name, lambda taken: {key: named(taken.word(f"an {what}"), what, names, most)})


def _range(name: str, what: str) -> Reader:
    def fields(arguments: Arguments) -> Fields:
        start, end = number_range(arguments.word(f"a {what}"), what, U16)
        return {"start": start, "end": end}

    return _plain(name, fields)


def _node(name: str) -> Reader:
    return _plain(
        name,
        lambda taken: {"zt": digits(taken.word("a node address"), "node address", ADDRESS_DIGITS)},
    )


def _mac(name: str) -> Reader:
    def fields(arguments: Arguments) -> Fields:
        octets = digits(arguments.word("a MAC address"), "MAC address", MAC_DIGITS)
        return {"mac": bytes.fromhex(octets).hex(":")}

    return _plain(name, fields)


def _ip(side: str) -> Reader:
    def read(arguments: Arguments) -> tuple[str, Fields]:
        word = arguments.word("an IP address with prefix length")
        return f"MATCH_IPV{ip_version(word)}_{side}", {"ip": word.text}

    return read


def _tos(arguments: Arguments) -> Fields:
    mask = number(arguments.word("a mask"), "mask", U8)
    start, end = number_range(arguments.word("a value or range"), "type of service", U8)
    return {"mask": mask, "start": start, "end": end}


def _icmp(arguments: Arguments) -> Fields:
    kind = number(arguments.word("an ICMP type"), "ICMP type", U8)
    code = number(arguments.word("an ICMP code, -1 for any"), "ICMP code", U8, least=-1)
    return {"icmpType": kind, "icmpCode": None if code < 0 else code}


def _characteristics(arguments: Arguments) -> Fields:
    word = arguments.word("a list of bits")
    return {"mask": f"{bits(word, 'characteristic', _CHARACTERISTIC_MASKS, _LAST_BIT):016x}"}


def _random(arguments: Arguments) -> Fields:
    return {"probability": int(U32 * share(arguments.word("a probability")))}


MATCHES: dict[str, Reader] = {
    "ztsrc": _node("MATCH_SOURCE_ZEROTIER_ADDRESS"),
    "ztdest": _node("MATCH_DEST_ZEROTIER_ADDRESS"),
    "vlan": _number("MATCH_VLAN_ID", "vlanId", "VLAN ID", U16),
    "vlanpcp": _number("MATCH_VLAN_PCP", "vlanPcp", "VLAN priority", U8),
    "vlandei": _number("MATCH_VLAN_DEI", "vlanDei", "VLAN drop bit", U8),
    "ethertype": _named("MATCH_ETHERTYPE", "etherType", "ethertype", ETHERTYPES, U16),
    "macsrc": _mac("MATCH_MAC_SOURCE"),
    "macdest": _mac("MATCH_MAC_DEST"),
    "ipsrc": _ip("SOURCE"),
    "ipdest": _ip("DEST"),
    "iptos": _plain("MATCH_IP_TOS", _tos),
    "ipprotocol": _named("MATCH_IP_PROTOCOL", "ipProtocol", "IP protocol", IP_PROTOCOLS, U8),
    "icmp": _plain("MATCH_ICMP", _icmp),
    "sport": _range("MATCH_IP_SOURCE_PORT_RANGE", "port"),
    "dport": _range("MATCH_IP_DEST_PORT_RANGE", "port"),
    "framesize": _range("MATCH_FRAME_SIZE_RANGE", "frame size"),
    "chr": _plain("MATCH_CHARACTERISTICS", _characteristics),
    "random": _plain("MATCH_RANDOM", _random),
    "tand": _plain("MATCH_TAGS_BITWISE_AND", Arguments.tag_value),
    "tor": _plain("MATCH_TAGS_BITWISE_OR", Arguments.tag_value),
    "txor": _plain("MATCH_TAGS_BITWISE_XOR", Arguments.tag_value),
    "tdiff": _plain("MATCH_TAGS_DIFFERENCE", Arguments.tag_value),
    "teq": _plain("MATCH_TAGS_EQUAL", Arguments.tag_value),
    "tseq": _plain("MATCH_TAG_SENDER", Arguments.tag_value),
    "treq": _plain("MATCH_TAG_RECEIVER", Arguments.tag_value),
}
"""By the word of the language."""
