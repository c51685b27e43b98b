"""Definitions: macros, tags and the heads of capabilities (04, 13.3 and 13.5)."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass

from earthline.controller.rules_script.blocks import Block, Item, Items
from earthline.controller.rules_script.matches import MATCHES
from earthline.controller.rules_script.names import OPENING, OTHER_RESERVED
from earthline.controller.rules_script.program import Tag
from earthline.controller.rules_script.values import U32, bits, integer, number
from earthline.controller.rules_script.words import Word

RESERVED = OPENING | OTHER_RESERVED | MATCHES.keys()

_NAME = re.compile(r"(?!\d)\w+")
_CALL = re.compile(r"([^()]*)(?:\((.*)\))?")
_LAST_FLAG = 31
"""Values of tags have 32 bits (04, 13.5)."""


@dataclass(frozen=True, slots=True)
class Macro:
    """Statements that are put where the macro is included."""

    name: str
    parameters: tuple[str, ...]
    items: list[Item]
    opening: Word


@dataclass(frozen=True, slots=True)
class CapabilityHead:
    """A capability whose rules are still statements."""

    word: Word
    name: str
    number: int
    default: bool
    items: list[Item]


def read_call(word: Word) -> tuple[str, tuple[str, ...]]:
    """Name and arguments of ``name(a,b)``, one word."""
    found = _CALL.fullmatch(word.text)
    if found is None:
        raise word.fault(f"{word.quoted} is no macro: write name, or name(1,2) without blanks")
    listed = found[2]
    return found[1], tuple(listed.split(",")) if listed else ()


def read_macro(block: Block, taken: Container[str]) -> Macro:
    """``macro name($a,$b) ... ;``"""
    items = Items(block.items, block.opening)
    word = items.word("a name")
    written, listed = read_call(word)
    name = _new_name(word.saying(written), "macro", taken)
    parameters = tuple(parameter.lower() for parameter in listed)
    for parameter in parameters:
        if not parameter.startswith("$") or not _NAME.fullmatch(parameter[1:]):
            raise word.fault(f"{parameter[:40]!r} is no parameter: write it as $name")
    if len(set(parameters)) < len(parameters):
        raise word.fault(f"macro {name!r} has a parameter twice")
    return Macro(name, parameters, block.items[1:], block.opening)


def read_tag(block: Block, taken: Container[str]) -> Tag:
    """``tag name id N [default value] {enum value name} {flag bits name} ;``"""
    items = Items(block.items, block.opening)
    word = items.word("a name")
    name = _new_name(word, "tag", taken)
    tag_id: int | None = None
    default: Word | None = None
    enums: dict[str, int] = {}
    flags: dict[str, int] = {}
    while items:
        keyword = items.word("id, default, enum or flag")
        match keyword.lower:
            case "id":
                tag_id = number(items.word("a number"), "tag ID", U32)
            case "default":
                default = items.word("a value")
            case "enum":
                value = number(items.word("a number"), "value of a tag", U32)
                enums[_label(items.word("a name"), "enum", enums)] = value
            case "flag":
                value = bits(items.word("a list of bits"), "flag", flags, _LAST_FLAG)
                flags[_label(items.word("a name"), "flag", flags)] = value
            case _:
                raise keyword.fault(
                    f"{keyword.quoted} means nothing in a tag: id, default, enum, flag"
                )
    if tag_id is None:
        raise word.fault(f"tag {word.quoted} has no id")
    return Tag(name, tag_id, _default_of(default, enums, flags), enums, flags)


def read_capability(
    block: Block, taken: Container[str], owners: Mapping[int, str]
) -> CapabilityHead:
    """``cap name id N [default] {action} ;``. ``owners``: names of capabilities by their IDs."""
    items = Items(block.items, block.opening)
    word = items.word("a name")
    name = _new_name(word, "capability", taken)
    cap_id: int | None = None
    default = False
    statements: list[Item] = []
    while items:
        item = items.take()
        keyword = item.lower if isinstance(item, Word) else ""
        if keyword == "id":
            cap_id = _capability_id(items, items.last, owners)
        elif keyword == "default":
            default = True
        else:
            statements.append(item)
            if keyword == "include":
                statements.append(items.word("the name of a macro"))
    if cap_id is None:
        raise word.fault(f"capability {word.quoted} has no id")
    return CapabilityHead(word, name, cap_id, default, statements)


def _capability_id(items: Items, keyword: Word, owners: Mapping[int, str]) -> int:
    found = number(items.word("a number"), "capability ID", U32)
    if found in owners:
        raise keyword.fault(f"capability {owners[found]!r} has the id {found} already")
    return found


def _new_name(word: Word, what: str, taken: Container[str]) -> str:
    """A name to be defined, in lower case."""
    name = word.lower
    if name in RESERVED:
        raise word.fault(f"{word.quoted} is a reserved word: it cannot name a {what}")
    if not _NAME.fullmatch(name):
        raise word.fault(f"{word.quoted} is no name: letters, digits and _, no digit first")
    if name in taken:
        raise word.fault(f"a {what} {word.quoted} exists already")
    return name


def _label(word: Word, what: str, taken: Container[str]) -> str:
    if integer(word.text) is not None or "," in word.text or word.text.startswith("$"):
        raise word.fault(f"{word.quoted} cannot name a value")
    if word.text in taken:
        raise word.fault(f"the tag has the {what} {word.quoted} already")
    return word.text


def _default_of(
    word: Word | None, enums: Mapping[str, int], flags: Mapping[str, int]
) -> int | None:
    """Enum, flag or number; a text that is none of them counts as 0 (04, 13.5)."""
    if word is None:
        return None
    named = enums.get(word.text, flags.get(word.text))
    if named is not None:
        return named
    value = abs(integer(word.text) or 0)
    if value > U32:
        raise word.fault(f"{word.quoted} is no value of a tag: it goes from 0 to {U32}")
    return value
