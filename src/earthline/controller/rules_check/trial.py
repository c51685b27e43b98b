"""A frame before the rules of a network: what the engine decides, and which rule made it (03, 6).

Every verdict is the engine's. Where it was reached is found out by asking it about the beginnings
of a table: as long as nothing is decided, an ACCEPT put after them accepts and a DROP drops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from earthline import _native
from earthline.controller.rules_check.frames import Frame
from earthline.controller.rules_json import FIRST_MATCH, read_rules
from earthline.controller.rules_script.limits import MAX_BASE_RULES
from earthline.controller.rules_script.program import Capability, Program, ScriptRule
from earthline.wire.mac import is_multicast, mac_of
from earthline.wire.rules import Rule, RuleType, emit_rules

PASSING = frozenset({"accept", "super_accept", "redirect"})
_ACCEPTED = frozenset({"accept", "super_accept"})
_ACCEPT = Rule(RuleType.ACCEPT)
_DROP = Rule(RuleType.DROP)


@dataclass(frozen=True, slots=True)
class Party:
    """A member, and what it has been given."""

    address: int
    tags: Mapping[int, int] = field(default_factory=dict)
    """By ID."""
    capabilities: tuple[Capability, ...] = ()
    ips: tuple[bytes, ...] = ()
    """Addresses of 4 or 16 bytes that a certificate says it owns."""
    macs: tuple[int, ...] = ()

    @property
    def credentials(self) -> tuple[list[tuple[int, int]], list[bytes], list[int]]:
        return sorted(self.tags.items()), list(self.ips), list(self.macs)


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one rule."""

    rule: ScriptRule
    outcome: str
    """Of a match ``yes``, ``no`` or ``not asked``; of an action ``decides``, ``passed``, ``copies``
    or ``skipped``."""

    @property
    def is_match(self) -> bool:
        return self.outcome in {"yes", "no", "not asked"}


@dataclass(frozen=True, slots=True)
class Hearing:
    """One table before which the frame came."""

    capability: Capability | None
    """None: the base rules."""
    verdict: str
    """``no_match``, ``drop``, ``redirect``, ``accept`` or ``super_accept``."""
    steps: tuple[Step, ...]
    """Up to the rule that decides, or all."""

    @property
    def decider(self) -> ScriptRule | None:
        last = self.steps[-1] if self.steps else None
        return last.rule if last is not None and last.outcome == "decides" else None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one side does with the frame."""

    inbound: bool
    passes: bool
    redirected_to: int | None
    copies: tuple[tuple[int, int, bool], ...]
    """Observer, bytes, whether it is asked to acknowledge (WATCH)."""
    hearings: tuple[Hearing, ...]
    """The base rules, then the capabilities asked; the last one decided."""


def judge(
    program: Program,
    frame: Frame,
    sender: Party,
    receiver: Party,
    *,
    inbound: bool,
    draw: int,
    network: int = 0,
) -> Judgement:
    """Put a frame before the rules, as its sender does or, ``inbound``, as its receiver does.

    ``draw`` (32 bits) is what random matches draw. Both sides are taken to know each other's
    credentials; of the receivers of a multicast the sender knows none (03, 8.5).
    """
    asked = _EngineFrame.of(frame, sender, receiver, inbound=inbound, network=network)
    engine = _Engine(asked, draw)
    capabilities = sorted(sender.capabilities, key=lambda each: each.number)
    base = _wire_rules(program.rules)
    tables = [emit_rules(_wire_rules(each.rules)) for each in capabilities]
    level, redirect, copies = _native.filter_frame(emit_rules(base), tables, asked, draw)
    hearings = [engine.hear(None, program.rules)]
    for capability in capabilities:
        if hearings[0].verdict != "no_match" or hearings[-1].verdict in PASSING:
            break
        hearings.append(engine.hear(capability, capability.rules))
    return Judgement(inbound, level > 0, redirect, tuple(copies), tuple(hearings))


@dataclass(frozen=True, slots=True)
class _EngineFrame:
    """What `_native.evaluate_rules` reads."""

    inbound: bool
    own: int
    source: int
    destination: int
    source_mac: int
    destination_mac: int
    ethertype: int
    payload: bytes
    own_credentials: Any
    other_credentials: Any
    vlan: int = 0
    """What a tagged frame has is behind its ethertype: nodes read no tags (03, 6.2)."""
    unknown_match: bool = False
    emulated: tuple[bytes, ...] = ()

    @classmethod
    def of(
        cls, frame: Frame, sender: Party, receiver: Party, *, inbound: bool, network: int
    ) -> _EngineFrame:
        source_mac, destination_mac = frame.source_mac, frame.destination_mac
        if source_mac is None:
            source_mac = mac_of(sender.address, network)
        if destination_mac is None:
            destination_mac = mac_of(receiver.address, network)
        own, other = (receiver, sender) if inbound else (sender, receiver)
        to_many = is_multicast(destination_mac) and not inbound
        return cls(
            inbound=inbound,
            own=own.address,
            source=sender.address,
            destination=0 if to_many else receiver.address,
            source_mac=source_mac,
            destination_mac=destination_mac,
            ethertype=frame.ethertype,
            payload=frame.payload,
            own_credentials=own.credentials,
            other_credentials=Party(0).credentials if to_many else other.credentials,
        )


class _Engine:
    """Asks the engine about tables and their beginnings."""

    def __init__(self, frame: _EngineFrame, draw: int) -> None:
        self._frame = frame
        self._draw = draw

    def hear(self, capability: Capability | None, rules: Sequence[ScriptRule]) -> Hearing:
        wire = _wire_rules(rules)
        return Hearing(capability, self._verdict(wire), tuple(self._steps(rules, wire)))

    def _verdict(self, rules: Sequence[Rule]) -> str:
        return _native.evaluate_rules(emit_rules(rules), self._frame, self._draw)[0]

    def _accepts(self, *rules: Rule) -> bool:
        return self._verdict((*rules, _ACCEPT)) in _ACCEPTED

    def _decided(self, rules: Sequence[Rule]) -> bool:
        """Whether what comes after these rules makes no difference any more."""
        # Of two DROPs a lenient match passes by only the first (03, 6.3).
        return self._verdict((*rules, _ACCEPT)) == self._verdict((*rules, _DROP, _DROP))

    def _steps(self, rules: Sequence[ScriptRule], wire: Sequence[Rule]) -> list[Step]:
        steps: list[Step] = []
        first, state = 0, True
        for place, (rule, entry) in enumerate(zip(rules, wire, strict=True)):
            if entry.type >= FIRST_MATCH:
                steps.append(Step(rule, self._match_outcome(wire[:first], entry, state)))
                state = self._accepts(*wire[: place + 1])
                continue
            steps.append(Step(rule, self._action_outcome(wire[: place + 1], state)))
            if steps[-1].outcome == "decides":
                break
            first, state = place + 1, True
        return steps

    def _match_outcome(self, before: Sequence[Rule], entry: Rule, state: bool) -> str:
        if not state and not entry.alternative:
            return "not asked"
        return "yes" if self._accepts(*before, entry._replace(alternative=False)) else "no"

    def _action_outcome(self, upto: Sequence[Rule], state: bool) -> str:
        if not state:
            return "skipped"
        if self._decided(upto):
            return "decides"
        return "copies" if upto[-1].type in {RuleType.TEE, RuleType.WATCH} else "passed"


def _wire_rules(rules: Sequence[ScriptRule]) -> tuple[Rule, ...]:
    return read_rules([rule.entry for rule in rules], MAX_BASE_RULES)
