"""All findings of a snapshot, the worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from earthline.diagnosis.addresses import judge_addresses
from earthline.diagnosis.finding import Finding, Severity
from earthline.diagnosis.host import (
    judge_clock,
    judge_datagrams,
    judge_interfaces,
    judge_path_sizes,
    judge_service,
    judge_tracker,
)
from earthline.diagnosis.nat import judge_nat, judge_port_mapping, judge_tunnel
from earthline.diagnosis.networks import judge_devices, judge_networks
from earthline.diagnosis.own_root import judge_own_root
from earthline.diagnosis.peers import judge_peers
from earthline.diagnosis.roots import judge_roots
from earthline.diagnosis.rule_drops import judge_rule_drops
from earthline.diagnosis.snapshot import Snapshot
from earthline.diagnosis.traffic import (
    judge_exits,
    judge_relay,
    judge_resent,
    judge_reverse_path,
    judge_rules,
    judge_stacked,
    judge_twin,
)

ALL_WELL = "all_well"

_JUDGES: tuple[Callable[[Snapshot], Iterator[Finding]], ...] = (
    judge_service,
    judge_interfaces,
    judge_twin,
    judge_own_root,
    judge_reverse_path,
    judge_stacked,
    judge_resent,
    judge_roots,
    judge_tunnel,
    judge_devices,
    judge_relay,
    judge_networks,
    judge_addresses,
    judge_exits,
    judge_rules,
    judge_rule_drops,
    judge_nat,
    judge_port_mapping,
    judge_peers,
    judge_datagrams,
    judge_path_sizes,
    judge_clock,
    judge_tracker,
)
"""From causes to what follows from them: of equal findings the first one is the cause."""


def judge(seen: Snapshot) -> list[Finding]:
    """Every finding; those of one severity from causes to consequences."""
    found = [finding for one in _JUDGES for finding in one(seen)]
    return sorted(found, key=lambda finding: -finding.severity)


def cause(findings: list[Finding]) -> str:
    """The ID of what most probably is the root of all trouble; `ALL_WELL` if there is none."""
    first = findings[0] if findings else None
    return first.id if first is not None and first.severity >= Severity.WARNING else ALL_WELL


def headline(findings: list[Finding]) -> str:
    """What is most probably the root of all trouble, in one short line; empty if all is well."""
    if cause(findings) == ALL_WELL:
        return ""
    return first_sentence(findings[0].seen)


def first_sentence(text: str) -> str:
    """All up to the first full stop, without it."""
    return text.split(". ", maxsplit=1)[0].removesuffix(".")


def report(seen: Snapshot) -> dict[str, Any]:
    """The diagnosis as JSON: ``cause`` is the ID of the finding to look at first.

    ``line`` says the same to a person, in one line; it is empty if all is well.
    """
    findings = judge(seen)
    return {
        "running": seen.running,
        "cause": cause(findings),
        "line": headline(findings),
        "findings": [
            {
                "id": finding.id,
                "severity": finding.severity.name.lower(),
                "seen": finding.seen,
                "do": finding.do,
                "subjects": list(finding.subjects),
                "evidence": list(finding.evidence),
            }
            for finding in findings
        ],
    }
