"""Why a peer is reached the way it is, in words (02, 7; 05, 7.8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        "still looking for a direct path",
        "Within 30 s there is a direct path, or a reason why not.",
    ),
    Reason.BOTH_SYMMETRIC: (
        "both NATs are symmetric, so neither side can predict the other's port",
        "Enable UPnP or NAT-PMP on one of the two routers, or give one node a public address.",
    ),
    Reason.OUR_NAT: (
        "this node's NAT is symmetric, and the peer's accepts only ports it has sent to",
        "Enable UPnP or NAT-PMP on the router, or forward this node's UDP port.",
    ),
    Reason.ITS_NAT: (
        "the peer's NAT is symmetric, and this node's accepts only ports it has sent to",
        "Enable UPnP or NAT-PMP on one of the two routers, or forward a node's UDP port.",
    ),
    Reason.UDP_BLOCKED: (
        "no packet sent to it over UDP was answered",
        "Check that the node is on, and allow UDP between the two in the firewalls of both sides.",
    ),
    Reason.SILENT: (
        "it stopped answering, and repeated requests got no reply",
        "Check that the node is on and that it reaches its roots.",
    ),
    Reason.NO_FAMILY: (
        "one side has only IPv4 and the other only IPv6",
        "Give both IPv4, or both IPv6.",
    ),
    Reason.NO_TRAFFIC: (
        "no traffic needs a direct path",
        "",
    ),
    Reason.UNKNOWN_PLACE: (
        "it has told this node no address that could be tried",
        "Check that both are authorized on a network, and that the peer may use UDP.",
    ),
    Reason.NO_ROOT: (
        "no root that could relay to it is reachable",
        "Run `earthline doctor` and see its findings about roots.",
    ),
}
_HOW = {
    State.DIRECT: "Reached directly",
    State.TUNNELLED: "Reached through a TCP tunnel",
    State.RELAYED: "Relayed through a root",
    State.UNREACHABLE: "Unreachable",
}
_SEVERITY = {Reason.NO_TRAFFIC: Severity.OK, Reason.TRYING: Severity.NOTE}
MAX_NAMED = 20
MAX_TRIED = 3


def words(state: State, reason: Reason, tried: Sequence[str] = ()) -> Words:
    """What to tell the user; ``tried``: where it was looked for, ``ip/port``."""
    if reason is Reason.NONE:
        return Words(f"{_HOW[state]}.", "")
    why = because(reason)
    if tried and reason in {Reason.UDP_BLOCKED, Reason.SILENT}:
        more = f" and {len(tried) - MAX_TRIED} more" if len(tried) > MAX_TRIED else ""
        why = f"{why} (tried: {', '.join(tried[:MAX_TRIED])}{more})"
    return Words(f"{_HOW[state]}: {why}.", _BECAUSE[reason][1])


def because(reason: Reason) -> str:
    """The reason alone; empty where it could not be better."""
    return "" if reason is Reason.NONE else _BECAUSE[reason][0]


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
