"""From blocks to rule tables: actions, macros, capabilities (04, 13.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from earthline.controller.rules_script.blocks import Block, Item, Items, read_blocks
from earthline.controller.rules_script.definitions import (
    CapabilityHead,
    Macro,
    read_call,
    read_capability,
    read_macro,
    read_tag,
)
from earthline.controller.rules_script.limits import (
    MAX_BASE_RULES,
    MAX_CAPABILITY_RULES,
    MAX_INCLUDE_DEPTH,
    MAX_INCLUDES,
)
from earthline.controller.rules_script.matches import MATCHES, Arguments
from earthline.controller.rules_script.names import ACTIONS, DEFINITIONS, OPENING
from earthline.controller.rules_script.program import Capability, Program, ScriptRule, Tag
from earthline.controller.rules_script.values import U16, number, observer
from earthline.controller.rules_script.words import Word


def compile_script(script: str) -> Program:
    """Compile a script. Raises `ScriptFault`, whatever the text, and nothing else."""
    items = read_blocks(script)
    compiler = _Compiler()
    for item in items:
        if isinstance(item, Block) and item.opening.text in DEFINITIONS:
            compiler.define(item)
    return compiler.finish(items)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where statements stand: within which macros, with which arguments."""

    variables: Mapping[str, str] = field(default_factory=dict)
    macros: tuple[str, ...] = ()
    included_at: tuple[int, int] | None = None


class _Table:
    """A rule table that grows up to its limit."""

    def __init__(self, limit: int, owner: str) -> None:
        self.rules: list[ScriptRule] = []
        self._limit = limit
        self._owner = owner

    def add(self, word: Word, entry: Mapping[str, Any], text: str, place: _Place) -> None:
        if len(self.rules) >= self._limit:
            raise word.fault(f"{self._owner} has at most {self._limit} rules")
        self.rules.append(ScriptRule(entry, text, word.line, word.column, place.included_at))


class _Compiler:
    def __init__(self) -> None:
        self._macros: dict[str, Macro] = {}
        self._tags: dict[str, Tag] = {}
        self._capabilities: dict[str, CapabilityHead] = {}
        self._capability_ids: dict[int, str] = {}
        self._includes = 0

    def define(self, block: Block) -> None:
        """Take a definition, wherever it stands before its use or after."""
        match block.opening.text:
            case "macro":
                macro = read_macro(block, self._macros)
                self._macros[macro.name] = macro
            case "tag":
                tag = read_tag(block, self._tags)
                self._tags[tag.name] = tag
            case _:
                head = read_capability(block, self._capabilities, self._capability_ids)
                self._capabilities[head.name] = head
                self._capability_ids[head.number] = head.name

    def finish(self, items: list[Item]) -> Program:
        """Compile the rules, now that everything is defined."""
        base = _Table(MAX_BASE_RULES, "a network")
        statements = [
            item for item in items if isinstance(item, Word) or item.opening.text not in DEFINITIONS
        ]
        self._statements(Items(statements, Word("", 1, 0)), base, _Place())
        capabilities = tuple(map(self._capability, self._capabilities.values()))
        return Program(tuple(base.rules), capabilities, tuple(self._tags.values()))

    def _capability(self, head: CapabilityHead) -> Capability:
        table = _Table(MAX_CAPABILITY_RULES, "a capability")
        self._statements(Items(head.items, head.word), table, _Place())
        return Capability(head.name, head.number, head.default, tuple(table.rules))

    def _statements(self, items: Items, table: _Table, place: _Place) -> None:
        while items:
            item = items.take()
            if isinstance(item, Block):
                self._action(item, table, place)
            elif item.lower == "include":
                self._include(items.word("the name of a macro"), item, table, place)
            else:
                raise item.fault(_misplaced(item))

    # --- macros -----------------------------------------------------------------------------------

    def _include(self, word: Word, keyword: Word, table: _Table, place: _Place) -> None:
        name, arguments = read_call(word)
        macro = self._macros.get(name)
        if macro is None:
            raise word.fault(_unknown_macro(word, name, self._macros))
        self._count_include(word, name, place)
        if len(arguments) != len(macro.parameters):
            wanted = f"takes ({','.join(macro.parameters)})" if macro.parameters else "takes none"
            raise word.fault(f"wrong number of arguments: macro {name[:40]!r} {wanted[:80]}")
        filled = (_filled(word.saying(argument), place) for argument in arguments)
        inside = _Place(
            variables=dict(zip(macro.parameters, filled, strict=True)),
            macros=(*place.macros, name),
            included_at=place.included_at or (keyword.line, keyword.column),
        )
        self._statements(Items(macro.items, macro.opening), table, inside)

    def _count_include(self, word: Word, name: str, place: _Place) -> None:
        """Keep what macros do within bounds."""
        self._includes += 1
        if name in place.macros:
            raise word.fault(f"macro {name[:40]!r} includes itself")
        if len(place.macros) >= MAX_INCLUDE_DEPTH:
            raise word.fault(f"macros include one another more than {MAX_INCLUDE_DEPTH} deep")
        if self._includes > MAX_INCLUDES:
            raise word.fault(f"the script includes more than {MAX_INCLUDES} macros")

    # --- actions ----------------------------------------------------------------------------------

    def _action(self, block: Block, table: _Table, place: _Place) -> None:
        word = block.opening
        if word.text not in _ACTIONS:
            raise word.fault(_misplaced(word))
        items = Items(block.items, word)
        entry = {"type": f"ACTION_{word.text.upper()}", **_ACTIONS[word.text](items)}
        while items:
            self._match(items, word, table, place)
        table.add(word, entry, _action_text(word, entry), place)

    def _match(self, items: Items, action: Word, table: _Table, place: _Place) -> None:
        word, prefixes = _match_word(items, action)
        read = MATCHES.get(word.lower)
        if read is None:
            raise word.fault(f"unknown match {word.quoted}: known are {', '.join(MATCHES)}")
        arguments = Arguments(items, place.variables, self._tags)
        name, fields = read(arguments)
        entry = {"type": name, "not": "not" in prefixes, "or": "or" in prefixes, **fields}
        texts = (prefix for prefix in ("or", "not") if prefix in prefixes)
        table.add(word, entry, " ".join((*texts, word.lower, *arguments.texts)), place)


def _match_word(items: Items, action: Word) -> tuple[Word, set[str]]:
    """The word of the next match, and the words before it: not, or, and."""
    prefixes: set[str] = set()
    while True:
        item = items.take()
        if isinstance(item, Block):
            word = item.opening
            raise word.fault(
                f"{word.quoted} stands within the {action.quoted} of line {action.line}: "
                "an action without matches comes last"
            )
        if item.lower not in {"not", "or", "and"}:
            return item, prefixes
        prefixes.add(item.lower)
        if not items:
            raise item.fault(f"{item.quoted} needs a match after it")


def _filled(argument: Word, place: _Place) -> str:
    """An argument of an include; within a macro it may be one of its variables."""
    if argument.text.startswith("$") and argument.text not in place.variables:
        raise argument.fault(f"undefined variable {argument.quoted}")
    return place.variables.get(argument.text, argument.text)


_ActionFields: TypeAlias = Callable[[Items], dict[str, Any]]


def _nothing(_items: Items) -> dict[str, Any]:
    return {}


def _copy(items: Items) -> dict[str, Any]:
    length = number(items.word("a length, -1 for all"), "length", U16, least=-1)
    return {"address": observer(items.word("a node address")), "length": length}


def _redirect(items: Items) -> dict[str, Any]:
    return {"address": observer(items.word("a node address"))}


_ACTIONS: dict[str, _ActionFields] = {
    "drop": _nothing,
    "accept": _nothing,
    "break": _nothing,
    "tee": _copy,
    "watch": _copy,
    "redirect": _redirect,
}


def _action_text(word: Word, entry: Mapping[str, Any]) -> str:
    fields = (str(entry[key]) for key in ("length", "address") if key in entry)
    return " ".join((word.text, *fields))


def _misplaced(word: Word) -> str:
    if word.text == "priority":
        return "'priority' is reserved: nothing implements it"
    if word.text in DEFINITIONS:
        return f"{word.quoted} cannot stand within another block"
    if word.lower in OPENING:
        return f"{word.quoted}: write it in lower case"
    if word.lower in MATCHES:
        return f"{word.quoted} is a match, and there is no action before it"
    return f"unknown action {word.quoted}: known are {', '.join(sorted(ACTIONS - {'priority'}))}"


def _unknown_macro(word: Word, name: str, macros: Mapping[str, Macro]) -> str:
    if name.lower() in macros:
        return f"unknown macro {word.quoted}: names of macros are kept in lower case"
    return f"unknown macro {word.quoted}"
