"""Why a peer is reached the way it is, in words (02, 7; 05, 7.8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from earthline.diagnosis.finding import Finding, Severity
from earthline.diagnosis.snapshot import Snapshot
from earthline.vl1.reasons import Reason, State


class Words(NamedTuple):
    """One sentence on how a peer is reached and why, and one on what to do; that may be empty."""

    explanation: str
    next_step: str


_BECAUSE = {
    Reason.TRYING: (
        "a direct path is being tried",
        "Wait: it is found within seconds, or a better reason is.",
    ),
    Reason.BOTH_SYMMETRIC: (
        "both NATs are symmetric, so neither side can know the other's port",
        "Let one of the two routers map ports (UPnP or NAT-PMP), or give one a public address.",
    ),
    Reason.OUR_NAT: (
        "our NAT is symmetric, and the peer's lets in only whom it has called",
        "Let the router map ports (UPnP or NAT-PMP), or forward the node's UDP port by hand.",
    ),
    Reason.ITS_NAT: (
        "its NAT is symmetric, and ours lets in only whom we have called",
        "Let one of the two routers map ports (UPnP or NAT-PMP), or forward the node's UDP port.",
    ),
    Reason.UDP_BLOCKED: (
        "UDP to it is blocked: every attempt stays without an answer",
        "Have UDP let through by the firewalls of both sides, at least to the nodes' ports.",
    ),
    Reason.SILENT: (
        "it was asked again and again, and has not answered since",
        "Look whether it is switched on, and whether it reaches its roots.",
    ),
    Reason.NO_FAMILY: (
        "the two sides have no common address family (IPv4, IPv6)",
        "Give both IPv4, or both IPv6.",
    ),
    Reason.NO_TRAFFIC: (
        "no traffic calls for a direct path",
        "",
    ),
    Reason.UNKNOWN_PLACE: (
        "neither it nor a root has said where it is",
        "Wait for traffic between the two: members of a common network tell each other.",
    ),
    Reason.NO_ROOT: (
        "no root is reachable that could relay to it",
        "See what is said of the roots.",
    ),
}
_HOW = {
    State.DIRECT: "It is reached directly",
    State.TUNNELLED: "It is reached by a TCP tunnel",
    State.RELAYED: "It is reached by way of a root",
    State.UNREACHABLE: "It is not reached",
}
_SEVERITY = {Reason.NO_TRAFFIC: Severity.OK, Reason.TRYING: Severity.NOTE}
MAX_NAMED = 20


def words(state: State, reason: Reason) -> Words:
    """What to tell the user."""
    if reason is Reason.NONE:
        return Words(f"{_HOW[state]}.", "")
    because, next_step = _BECAUSE[reason]
    return Words(f"{_HOW[state]}: {because}.", next_step)


def reason_word(reason: Reason) -> str | None:
    """The reason for scripts; None where it could not be better."""
    return None if reason is Reason.NONE else reason.name.lower()


def judge_peers(seen: Snapshot) -> Iterator[Finding]:
    """Those without a direct path, together by reason."""
    kinds = {(peer.state, peer.reason) for peer in seen.peers if peer.state is not State.DIRECT}
    for state, reason in sorted(kinds, key=lambda kind: (kind[0].value, kind[1].name)):
        if reason is Reason.NO_ROOT:
            continue  # said of the roots
        yield _group(seen, state, reason)


def _group(seen: Snapshot, state: State, reason: Reason) -> Finding:
    addresses = tuple(p.address for p in seen.peers if (p.state, p.reason) == (state, reason))
    named = ", ".join(addresses[:MAX_NAMED])
    more = f" and {len(addresses) - MAX_NAMED} more" if len(addresses) > MAX_NAMED else ""
    explanation, next_step = words(state, reason)
    return Finding(
        f"peer_{reason_word(reason)}",
        _SEVERITY.get(reason, Severity.WARNING),
        f"{named}{more}: {explanation[:1].lower()}{explanation[1:]}",
        next_step,
        addresses,
    )
