"""Which of a network's rules drop what: counted by the engine that judges frames.

Which one keeps ARP from passing, the engine is asked. As in `controller.rules_check.trial`: as long
as nothing is decided, an ACCEPT put after the first rules accepts and a DROP drops.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from earthline import _native
from earthline.controller.rules_check.written import numbered
from earthline.diagnosis.snapshot import RuleDrop
from earthline.effects import InstallNetwork
from earthline.wire.inet import InetAddress
from earthline.wire.mac import mac_bytes
from earthline.wire.rules import Rule, RuleType, emit_rules, parse_rules

_ARP = 0x0806
_REQUEST = bytes.fromhex("0001080006040001")
_BROADCAST = 0xFFFF_FFFF_FFFF
_ACCEPT, _DROP = Rule(RuleType.ACCEPT), Rule(RuleType.DROP)


@dataclass(frozen=True, slots=True)
class _Question:
    """A request that leaves for everybody; what the engine reads of a frame."""

    own: int
    source_mac: int
    payload: bytes
    own_credentials: Any
    unknown_match: bool
    emulated: tuple[bytes, ...]
    inbound: bool = False
    destination: int = 0
    destination_mac: int = _BROADCAST
    ethertype: int = _ARP
    vlan: int = 0
    other_credentials: Any = ((), (), ())

    @property
    def source(self) -> int:
        return self.own


def rule_drops(
    entry: InstallNetwork | None, refused: Iterable[tuple[str, int, int, int]]
) -> tuple[RuleDrop, ...]:
    """What a network's rules dropped, most first; ``refused``: what the switch counted.

    The switch may go by other rules for some milliseconds yet, which may be more than these.
    """
    counted = tuple(refused)
    if entry is None or not counted:
        return ()
    rules = parse_rules(entry.rules)
    found = (
        RuleDrop(by, *(numbered(rules, place) if by == "rule" else (0, "")), sent, received)
        for by, place, sent, received in counted
        if place < len(rules) or by != "rule"
    )
    return tuple(sorted(found, key=lambda drop: -drop.frames))


def arp_drop(
    entry: InstallNetwork, address: int, mac: int, ip: InetAddress
) -> tuple[int, str] | None:
    """The number of the rule that drops our ARP requests, from 1, and its text.

    0 if no rule, nor a capability of ours, accepts them. None: they pass. ``ip``: ours, an IPv4.
    """
    asked = int.from_bytes(ip.ip, "big") ^ 1
    hardware = mac_bytes(mac)
    payload = _REQUEST + hardware + ip.ip + bytes(6) + asked.to_bytes(4, "big")
    question = _Question(
        address,
        mac,
        payload,
        (list(entry.tags), list(entry.owned_ips), list(entry.owned_macs)),
        entry.unknown_match,
        entry.emulated,
    )
    try:
        level, _, _ = _native.filter_frame(entry.rules, list(entry.capabilities), question, 0)
    except ValueError:
        return 0, ""  # a table that cannot be read refuses everything
    if level > 0:
        return None
    rules = parse_rules(entry.rules)
    first = bisect_left(range(len(rules) + 1), True, key=lambda n: _decided(rules[:n], question))
    return (0, "") if first > len(rules) else numbered(rules, first - 1)


def _decided(rules: tuple[Rule, ...], question: _Question) -> bool:
    """Whether what comes after these rules makes no difference any more."""
    # Of two DROPs a lenient match passes by only the first (03, 6.3).
    endings = ((*rules, _ACCEPT), (*rules, _DROP, _DROP))
    return len({_native.evaluate_rules(emit_rules(e), question, 0)[0] for e in endings}) == 1
