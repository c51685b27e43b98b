"""What people get wrong in rules without noticing, found out before anybody misses a packet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from earthline.controller.objects.rules_json import FIRST_MATCH, normalise_rules, read_rules
from earthline.controller.rules_check.frames import read_frame
from earthline.controller.rules_check.trial import Hearing, Party, judge
from earthline.controller.rules_check.written import written
from earthline.controller.rules_script.limits import MAX_BASE_RULES
from earthline.controller.rules_script.program import Capability, Program, ScriptRule, Tag
from earthline.wire.rules import RuleType

_MEMBERS = (0x7E57000001, 0x7E57000002)
_ARP = ("arp 10.0.0.1 > 10.0.0.2", "arp 10.0.0.1 > 10.0.0.2 reply")
_MIDDLE = 1 << 31
"""What random matches draw."""


def pitfalls(program: Program) -> list[str]:
    """One line on each that these rules have; none is an error."""
    return [*_deaf_capabilities(program), *_no_arp(program)]


def program_of(config: Mapping[str, Any]) -> Program:
    """The rules, capabilities and tags of a network, as the controller's API has them."""
    return Program(
        _rules(config.get("rules", ())),
        tuple(
            Capability(str(each["id"]), each["id"], bool(each["default"]), _rules(each["rules"]))
            for each in config.get("capabilities", ())
        ),
        tuple(Tag(str(t["id"]), t["id"], t["default"], {}, {}) for t in config.get("tags", ())),
    )


def _rules(entries: Iterable[Any]) -> tuple[ScriptRule, ...]:
    """Rules without a script; the line is 0."""
    normal = normalise_rules([*entries])
    wire = read_rules(normal, len(normal))
    texts = map(written, wire)
    return tuple(ScriptRule(each, text, 0, 0) for each, text in zip(normal, texts, strict=True))


def _deaf_capabilities(program: Program) -> Iterator[str]:
    """A drop decides for good; where rules end, or break, capabilities are asked (03, 6.5)."""
    if not program.capabilities:
        return
    matches = 0
    wire = read_rules([rule.entry for rule in program.rules], MAX_BASE_RULES)
    for place, rule in enumerate(wire, 1):
        if rule.type >= FIRST_MATCH:
            matches += 1
            continue
        if not matches and rule.type in {RuleType.BREAK, RuleType.ACCEPT}:
            return
        if not matches and rule.type is RuleType.DROP:
            where = _where(program.rules, place)
            yield f"capabilities are never asked after the drop in {where}: use break"
            return
        matches = 0


def _no_arp(program: Program) -> Iterator[str]:
    """Without ARP no member finds another by its IPv4 address."""
    tags = {tag.number: tag.default for tag in program.tags if tag.default is not None}
    held = tuple(each for each in program.capabilities if each.default)
    ends = tuple(Party(address, tags, held) for address in _MEMBERS)
    for text in _ARP:
        for inbound in (False, True):
            side = judge(program, read_frame(text), *ends, inbound=inbound, draw=_MIDDLE)
            if not side.passes:
                by = _dropper(program, side.hearings[0])
                yield f"ARP is dropped by {by}: no IPv4 between members"
                return


def _dropper(program: Program, base: Hearing) -> str:
    if base.decider is None:
        return "default, since no rule accepts it"
    return _where(program.rules, len(base.steps))


def _where(rules: Sequence[ScriptRule], place: int) -> str:
    """Which action that is, from 1 on as people count rules; with its matches and its line."""
    upto = rules[:place]
    number = sum(_is_action(rule) for rule in upto)
    matches = list(takewhile(lambda rule: not _is_action(rule), reversed(upto[:-1])))
    text = " ".join((upto[-1].text, *(rule.text for rule in reversed(matches))))
    line = f"line {upto[-1].line}: " if upto[-1].line else ""
    return f"rule {number} ({line}{text})"


def _is_action(rule: ScriptRule) -> bool:
    return str(rule.entry["type"]).startswith("ACTION_")
