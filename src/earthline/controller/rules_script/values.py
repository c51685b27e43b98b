"""Values that stand in a script: numbers, ranges, addresses (04, 13.4)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from itertools import islice

from earthline.controller.rules_script.words import Word

ADDRESS_DIGITS = 10
MAC_DIGITS = 12
"""Hex digits of a node address, and of a MAC."""
U8, U16, U32 = 0xFF, 0xFFFF, 0xFFFFFFFF
"""Largest values of that width."""

_NAMES_SHOWN = 20
"""Names that an error lists of those that would do."""
_NUMBER = r"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20}"
_INTEGER = re.compile(rf"(-?)({_NUMBER})")
_RANGE = re.compile(rf"({_NUMBER})(?:-({_NUMBER}))?")
_SHARE = re.compile(r"-?(?:[0-9]{1,20}\.?[0-9]{0,30}|\.[0-9]{1,30})")
_NO_HEX = re.compile(r"[^0-9a-fA-F]")
_BITS = re.compile(r"[0-9]{1,3}")


def integer(text: str) -> int | None:
    """A decimal number, or one of hex digits after ``0x``; None if the text is neither."""
    found = _INTEGER.fullmatch(text)
    if found is None:
        return None
    return -_unsigned(found[2]) if found[1] else _unsigned(found[2])


def number(word: Word, what: str, most: int, least: int = 0) -> int:
    """A number from ``least`` to ``most``."""
    value = integer(word.text)
    if value is None:
        raise word.fault(f"{word.quoted} is no {what}: a number is needed")
    if not least <= value <= most:
        raise word.fault(f"{word.quoted} is no {what}: it goes from {least} to {most}")
    return value


def named(word: Word, what: str, names: Mapping[str, int], most: int) -> int:
    """A number, or one of the names that stand for one."""
    if word.text in names:
        return names[word.text]
    if integer(word.text) is None:
        raise word.fault(f"{word.quoted} is no {what}: known are {_listed(names)}")
    return number(word, what, most)


def number_range(word: Word, what: str, most: int) -> tuple[int, int]:
    """``lo-hi``, or a single number for both."""
    found = _RANGE.fullmatch(word.text)
    if found is None:
        raise word.fault(f"{word.quoted} is no {what}: write a number, or two as 80-443")
    first = _unsigned(found[1])
    last = first if found[2] is None else _unsigned(found[2])
    if first > last:
        raise word.fault(f"invalid range {word.quoted}: its first number is above its second")
    if last > most:
        raise word.fault(f"invalid range {word.quoted}: a {what} goes up to {most}")
    return first, last


def share(word: Word) -> float:
    """A probability, clamped to 0.0 to 1.0."""
    if _SHARE.fullmatch(word.text) is None:
        raise word.fault(f"{word.quoted} is no probability: write one from 0.0 to 1.0")
    return min(max(float(word.text), 0.0), 1.0)


def bits(word: Word, what: str, masks: Mapping[str, int], most: int) -> int:
    """The mask of a comma list: of names that have masks, and of numbers of bits up to ``most``."""
    mask = 0
    for text in word.text.split(","):
        if text in masks:
            mask |= masks[text]
            continue
        part = word.saying(text)
        if integer(text) is None:
            raise part.fault(f"{part.quoted} is no {what}: known are {_listed(masks)}")
        mask |= 1 << number(part, what, most)
    return mask


def digits(word: Word, what: str, count: int) -> str:
    """So many hex digits, lower case, whatever stands between them."""
    found = _NO_HEX.sub("", word.text).lower()
    if len(found) != count:
        raise word.fault(f"{word.quoted} is no {what}: that has {count} hexadecimal digits")
    return found


def observer(word: Word) -> str:
    """The address of the node that an action names: 10 hex digits and nothing else."""
    if len(word.text) != ADDRESS_DIGITS:
        raise word.fault(f"{word.quoted} is no node address: that has 10 hexadecimal digits")
    return digits(word, "node address", ADDRESS_DIGITS)


def ip_version(word: Word) -> int:
    """4 or 6 for ``ip/bits``, whose text rules keep as it is."""
    ip, slash, length = word.text.partition("/")
    if not slash:
        raise word.fault(f"{word.quoted} lacks its prefix length: write it as 10.0.0.0/8")
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        raise word.fault(f"{word.quoted} is no IP address: write it as 10.0.0.0/8") from None
    if "%" in ip or not _BITS.fullmatch(length) or int(length) > address.max_prefixlen:
        raise word.fault(f"{word.quoted} has no prefix length from 0 to {address.max_prefixlen}")
    return address.version


def _listed(names: Iterable[str]) -> str:
    """The first of the names, for a message."""
    shown = list(islice(names, _NAMES_SHOWN + 1))
    more = ["..."] if len(shown) > _NAMES_SHOWN else []
    return ", ".join([*shown[:_NAMES_SHOWN], *more, "numbers"])


def _unsigned(text: str) -> int:
    return int(text, 16) if text[:2] in {"0x", "0X"} else int(text)
