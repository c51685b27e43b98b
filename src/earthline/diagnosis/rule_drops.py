"""Which of a network's rules dropped frames on this node."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import shorten

from earthline.diagnosis.finding import Finding, note
from earthline.diagnosis.snapshot import NetworkSight, RuleDrop, Snapshot


def judge_rule_drops(seen: Snapshot) -> Iterator[Finding]:
    """Rules are there to drop things: what they dropped most is told to who misses a frame."""
    for network in seen.networks:
        if not network.rule_drops:
            continue
        most = network.rule_drops[0]
        yield note(
            "rules_drop", _refused(most, network.network), _let_pass(most, network), network.network
        ).because(*map(counted, network.rule_drops[:_MOST_RULES]))


_MOST_RULES = 8
"""Rules that the evidence lists."""
_TEXT = 60
"""Characters of a rule that a sentence holds."""
_NO_RULES = {
    "capability": "a rule of a capability",
    "no_rule": "no rule accepts them",
    "wraps": "too many headers",
}


def _refused(drop: RuleDrop, network: str) -> str:
    frames = "1 frame" if drop.frames == 1 else f"{drop.frames:,} frames"
    which = f"{frames} {_way(drop)}"
    match drop.by:
        case "rule" if _is_break(drop):
            return (
                f"Rule {drop.rule} of network {network} (`{_short(drop.text)}`) left {which} to "
                "the capabilities of the sender, of which none accepts them: they were dropped."
            )
        case "rule":
            return f"Rule {drop.rule} of network {network} (`{_short(drop.text)}`) dropped {which}."
        case "capability":
            return f"A rule in a capability of network {network} dropped {which}."
        case "wraps":
            return (
                f"Network {network} dropped {which}: they have more VLAN tags and SNAP headers "
                "than its rules can look through."
            )
        case _:
            return f"No rule of network {network} accepts {which}: they were dropped."


def _way(drop: RuleDrop) -> str:
    if not drop.received:
        return "sent by this host"
    if not drop.sent:
        return "received from other members"
    return f"({drop.sent:,} sent by this host, {drop.received:,} received from other members)"


def _let_pass(drop: RuleDrop, network: NetworkSight) -> str:
    match drop.by:
        case "rule" if _is_break(drop):
            change = f"change rule {drop.rule} or give the sender a capability"
        case "rule":
            change = f"change rule {drop.rule}"
        case "capability":
            change = "change that capability"
        case "wraps":
            return "Send them with fewer headers: no rule can let them pass."
        case _:
            change = "add a rule that accepts them"
    if not network.controller:
        return "An ad-hoc network has fixed rules: use one of a controller if they should pass."
    return (
        f"If they should pass, {change} on the controller {network.controller}: "
        f"`earthline network rules {network.network} FILE`."
    )


def _is_break(drop: RuleDrop) -> bool:
    return drop.text.startswith("break")


def _short(text: str) -> str:
    return shorten(text, _TEXT, placeholder=" ...")


def counted(drop: RuleDrop) -> str:
    """``rule 2 (drop not ethertype ipv4): 12 sent, 3 received``"""
    what = f"rule {drop.rule} ({_short(drop.text)})" if drop.rule else _NO_RULES[drop.by]
    return f"{what}: {drop.sent:,} sent, {drop.received:,} received"
