"""``earthline rules check``: which rule decides about a frame, and why."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import typer

from earthline.cli.common.output import fail, hexadecimal, say, show_json, show_table
from earthline.cli.common.table import Column
from earthline.cli.control.rules_file import compiled, read_script
from earthline.controller.rules_check.frames import NOTATION, Frame, FrameFault, read_frame
from earthline.controller.rules_check.trial import Hearing, Judgement, Party, judge
from earthline.controller.rules_script import Capability, Program, Tag
from earthline.controller.rules_script.values import U32, integer
from earthline.wire.mac import parse_mac

SOMEBODY = 0x7E57000001
"""The other side where nobody is named."""

_WORDS = {True: "accepted", False: "dropped"}


@dataclass(slots=True)
class _Wish:
    """What was said of a member."""

    address: int
    tags: list[str] = field(default_factory=list)
    capabilities: list[str] = field(default_factory=list)
    owns: list[str] = field(default_factory=list)


def check(  # noqa: PLR0917 - options, which typer calls by name
    file: Annotated[str, typer.Argument(metavar="FILE", help="A script; - for standard input.")],
    member: Annotated[
        str,
        typer.Option("--as", metavar="MEMBER", help="Sender: an address, or a name of --members."),
    ],
    frame: Annotated[str, typer.Option(metavar="FRAME", help="The frame, see below.")],
    to: Annotated[str, typer.Option(metavar="MEMBER", help="Receiver.")] = "",
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE|off", help="A tag of the sender; repeat."),
    ] = None,
    to_tag: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE|off", help="A tag of the receiver; repeat."),
    ] = None,
    capability: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[=off]", help="A capability of the sender; repeat."),
    ] = None,
    owns: Annotated[
        list[str] | None, typer.Option(metavar="IP|MAC", help="Certified as the sender's; repeat.")
    ] = None,
    members: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON: members by name, see below.")
    ] = None,
    network: Annotated[
        str, typer.Option(metavar="NETWORK", help="Its ID, which gives members their MACs.")
    ] = "0" * 16,
    draw: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="NUMBER", help="The number that random matches draw, 0 to 1."
        ),
    ] = 0.5,
    expect: Annotated[
        str, typer.Option(metavar="accept|drop", help="Exit with status 1 otherwise.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Test what a network with these rules does with a frame, and which rule decides."""
    if expect not in {"", "accept", "drop"}:
        fail(f"{expect!r}: use --expect accept or drop")
    program = compiled(read_script(file), file)
    known = {} if members is None else _read_members(members)
    sent = _frame(frame)
    ends = (
        _party(program, _wish(member, known), tag, capability, owns),
        _party(program, _wish(to, known), to_tag, (), ()),
    )
    network_id = int(hexadecimal(network, 16, "network ID"), 16)
    sides = [
        judge(program, sent, *ends, inbound=inbound, draw=int(draw * U32), network=network_id)
        for inbound in (False, True)
    ]
    passes = all(side.passes for side in sides)
    if as_json:
        show_json(_document(frame, ends, sides, passes))
    else:
        _tell(frame, ends, sides)
    if expect and passes != (expect == "accept"):
        fail(f"the frame is {_WORDS[passes]}, and it should be {_WORDS[not passes]}")


check.__doc__ = f"""{check.__doc__}

The real rules engine decides, for the one that sends and for the one that receives; a frame must
pass both. Members have the defaults of the script's tags and capabilities, and know each other's.

\b
Frames:
{NOTATION.replace("[", chr(92) + "[")}

\b
--members FILE holds for example
{{"alice": {{"address": "0a1b2c3d4e", "tags": {{"role": "printer"}},
           "capabilities": ["admin"], "owns": ["10.1.1.1"]}}}}
"""


# --- who ------------------------------------------------------------------------------------------


def _frame(text: str) -> Frame:
    try:
        return read_frame(text)
    except FrameFault as fault:
        fail(f"--frame: {fault}")


def _read_members(file: Path) -> dict[str, _Wish]:
    try:
        written = json.loads(file.read_bytes())
        return {name: _read_member(entry) for name, entry in written.items()}
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        fail(f"{file}: must be an object of members with their addresses, see --help")


def _read_member(entry: Mapping[str, Any]) -> _Wish:
    return _Wish(
        int(hexadecimal(entry["address"], 10, "node address"), 16),
        [f"{name}={value}" for name, value in entry.get("tags", {}).items()],
        [str(name) for name in entry.get("capabilities", ())],
        [str(text) for text in entry.get("owns", ())],
    )


def _wish(name: str, known: Mapping[str, _Wish]) -> _Wish:
    if not name:
        return _Wish(SOMEBODY)
    if name in known:
        return known[name]
    return _Wish(int(hexadecimal(name, 10, "node address"), 16))


def _party(
    program: Program,
    wish: _Wish,
    tags: Iterable[str] | None,
    capabilities: Iterable[str] | None,
    owns: Iterable[str] | None,
) -> Party:
    """A member with the script's defaults, its own entry, and what the command line adds."""
    held_tags = {tag.number: tag.default for tag in program.tags if tag.default is not None}
    for text in (*wish.tags, *(tags or ())):
        _change_tags(held_tags, text, program)
    held = {each.number: each for each in program.capabilities if each.default}
    for text in (*wish.capabilities, *(capabilities or ())):
        _change_capabilities(held, text, program)
    owned = [_owned(text) for text in (*wish.owns, *(owns or ()))]
    return Party(
        wish.address,
        held_tags,
        tuple(held.values()),
        tuple(each for each in owned if isinstance(each, bytes)),
        tuple(each for each in owned if isinstance(each, int)),
    )


def _change_tags(held: dict[int, int], text: str, program: Program) -> None:
    name, _, value = text.partition("=")
    tag = next((tag for tag in program.tags if name in {tag.name, str(tag.number)}), None)
    if tag is None:
        known = ", ".join(each.name for each in program.tags) or "none"
        fail(f"--tag {text}: the script has no tag {name!r}, its tags are: {known}")
    if value == "off":
        held.pop(tag.number, None)
    else:
        held[tag.number] = _tag_value(tag, value)


def _tag_value(tag: Tag, text: str) -> int:
    """An enum, a number, or flags with commas between them."""
    value = 0
    for name in text.split(","):
        found = tag.flags.get(name, tag.enums.get(name, integer(name)))
        if found is None or not 0 <= found <= U32:
            known = ", ".join((*tag.enums, *tag.flags, "numbers"))
            fail(f"--tag {tag.name}={text}: {name!r} is not a value of it; it has {known}")
        value |= found
    return value


def _change_capabilities(held: dict[int, Capability], text: str, program: Program) -> None:
    name, _, state = text.partition("=")
    found = next(
        (each for each in program.capabilities if name in {each.name, str(each.number)}), None
    )
    if found is None or state not in {"", "on", "off"}:
        known = ", ".join(each.name for each in program.capabilities) or "none"
        fail(f"--capability {text}: the script has {known}; NAME=off removes one")
    if state == "off":
        held.pop(found.number, None)
    else:
        held[found.number] = found


def _owned(text: str) -> bytes | int:
    try:
        return ipaddress.ip_address(text).packed
    except ValueError:
        pass
    try:
        return parse_mac(text)
    except ValueError:
        fail(
            f"--owns {text} is neither an IP nor a MAC address: write it as 10.7.0.5 or "
            "02:00:00:00:00:01"
        )


# --- what came of it ------------------------------------------------------------------------------


COLUMNS = (
    Column("line"),
    Column("table", folds=True),
    Column("rule", folds=True),
    Column("outcome", folds=True),
)


def _tell(frame: str, ends: tuple[Party, Party], sides: Iterable[Judgement]) -> None:
    say(frame)
    for party, side in zip(ends, sides, strict=True):
        verb = "receives" if side.inbound else "sends"
        say("", f"{party.address:010x} {verb} it: {_reason(side)}")
        for observer, length, _ in side.copies:
            say(f"{length} bytes of it are copied to {observer:010x}")
        say("")
        show_table(COLUMNS, _rows(side), "there are no rules")


def _rows(side: Judgement) -> Iterable[tuple[object, ...]]:
    for hearing in side.hearings:
        for step in hearing.steps:
            indent = "  " if step.is_match else ""
            yield step.rule.line, _table(hearing), indent + step.rule.text, step.outcome


def _table(hearing: Hearing) -> str:
    return "rules" if hearing.capability is None else f"cap {hearing.capability.name}"


def _reason(side: Judgement) -> str:
    """Which rule made it so, in a line."""
    return _first_reason(side) + (" (judged as its host may take it)" if side.in_earnest else "")


def _first_reason(side: Judgement) -> str:
    last = side.hearings[-1]
    if last.capability is not None and not side.passes:
        return (
            f"dropped: {_undecided(side.hearings[0])}, and no capability of the sender accepts it"
        )
    if last.verdict == "no_match":
        return f"dropped: {_undecided(last)}, and the sender has no capability"
    word = _WORDS[side.passes]
    if side.redirected_to is not None:
        word = f"redirected to {side.redirected_to:010x}"
    elif last.verdict == "super_accept":
        word = "accepted, as the observer that a rule names,"
    return f"{word} by {_place(last)}"


def _undecided(base: Hearing) -> str:
    return "no rule takes it" if base.decider is None else f"the rules end at {_place(base)}"


def _place(hearing: Hearing) -> str:
    """The deciding rule with its matches, and where it stands."""
    rule = hearing.steps[-1].rule
    matches = list(takewhile(lambda step: step.is_match, reversed(hearing.steps[:-1])))
    text = " ".join((rule.text, *(step.rule.text for step in reversed(matches))))
    included = "" if rule.included_at is None else f" (included in line {rule.included_at[0]})"
    owner = "" if hearing.capability is None else f" of capability {hearing.capability.name}"
    return f"line {rule.line}{included}{owner}: {text}"


def _document(
    frame: str, ends: tuple[Party, Party], sides: list[Judgement], passes: bool
) -> dict[str, Any]:
    return {
        "frame": frame,
        "from": f"{ends[0].address:010x}",
        "to": f"{ends[1].address:010x}",
        "passes": passes,
        "sides": [_side(side) for side in sides],
    }


def _side(side: Judgement) -> dict[str, Any]:
    last = side.hearings[-1]
    rule = last.decider
    return {
        "side": "receiver" if side.inbound else "sender",
        "passes": side.passes,
        "reason": _reason(side),
        "verdict": last.verdict,
        "capability": None if last.capability is None else last.capability.name,
        "rule": None if rule is None else _placed(rule.line, rule.column, rule.text),
        "redirectedTo": None if side.redirected_to is None else f"{side.redirected_to:010x}",
        "copies": [
            {"to": f"{observer:010x}", "length": length, "watch": watch}
            for observer, length, watch in side.copies
        ],
        "trace": [
            {
                "table": _table(hearing),
                "outcome": step.outcome,
                **_placed(step.rule.line, step.rule.column, step.rule.text),
            }
            for hearing in side.hearings
            for step in hearing.steps
        ],
    }


def _placed(line: int, column: int, text: str) -> dict[str, Any]:
    return {"line": line, "column": column, "text": text}
