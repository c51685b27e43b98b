"""A frame before the rules of a network: what the engine decides, and which rule made it (03, 6).

Every verdict is the engine's. Where it was reached is found out by asking it about the beginnings
of a table: as long as nothing is decided, an ACCEPT put after them accepts and a DROP drops.

A frame whose receiver's host may take it for another thing than stock nodes see, such as one with a
VLAN tag, is judged a second time as what that is, and both judgements must let it pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from earthline import _native
from earthline.controller.objects.rules_json import FIRST_MATCH, read_rules
from earthline.controller.rules_check.frames import Frame
from earthline.controller.rules_script.limits import MAX_BASE_RULES
from earthline.controller.rules_script.program import Capability, Program, ScriptRule
from earthline.wire.mac import is_multicast, mac_bytes, mac_of
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
    in_earnest: bool
    """The hearings are those of the second judgement: the first made no difference."""


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
    capabilities = sorted(sender.capabilities, key=lambda each: each.number)
    base = _wire_rules(program.rules)
    tables = [emit_rules(_wire_rules(each.rules)) for each in capabilities]
    level, redirect, copies = _native.filter_frame(emit_rules(base), tables, asked, draw)
    hearings = _Engine(asked, draw, _native.evaluate_rules).hear_all(program, capabilities)
    as_it_stands = hearings[-1].verdict
    in_earnest = as_it_stands in PASSING and (
        level == 0 or (redirect is None) == (as_it_stands == "redirect")
    )
    if in_earnest:
        hearings = _Engine(asked, draw, _evaluate_in_earnest).hear_all(program, capabilities)
    return Judgement(inbound, level > 0, redirect, tuple(copies), hearings, in_earnest)


_Evaluation: TypeAlias = "tuple[str, int, tuple[int, int, bool] | None]"


def _evaluate_in_earnest(rules: bytes, frame: _EngineFrame, draw: int) -> _Evaluation:
    evaluation = _native.evaluate_rules_in_earnest(rules, frame, draw)
    return _native.evaluate_rules(rules, frame, draw) if evaluation is None else evaluation


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
    """No node gives rules the ID that a tag has (03, 6.2)."""
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
            payload=_naming(source_mac, frame),
            own_credentials=own.credentials,
            other_credentials=Party(0).credentials if to_many else other.credentials,
        )


def _naming(source_mac: int, frame: Frame) -> bytes:
    """The payload, in which the source MAC is that of the frame."""
    at, payload = frame.names_source_at, frame.payload
    if at is None:
        return payload
    return payload[:at] + mac_bytes(source_mac) + payload[at + 6 :]


class _Engine:
    """Asks the engine about tables and their beginnings."""

    def __init__(
        self,
        frame: _EngineFrame,
        draw: int,
        evaluate: Callable[[bytes, _EngineFrame, int], _Evaluation],
    ) -> None:
        self._frame = frame
        self._draw = draw
        self._evaluate = evaluate

    def hear_all(self, program: Program, capabilities: Sequence[Capability]) -> tuple[Hearing, ...]:
        """The base rules, and where these decide nothing the capabilities until one does."""
        hearings = [self.hear(None, program.rules)]
        for capability in capabilities:
            if hearings[0].verdict != "no_match" or hearings[-1].verdict in PASSING:
                break
            hearings.append(self.hear(capability, capability.rules))
        return tuple(hearings)

    def hear(self, capability: Capability | None, rules: Sequence[ScriptRule]) -> Hearing:
        wire = _wire_rules(rules)
        return Hearing(capability, self._verdict(wire), tuple(self._steps(rules, wire)))

    def _verdict(self, rules: Sequence[Rule]) -> str:
        return self._evaluate(emit_rules(rules), self._frame, self._draw)[0]

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
