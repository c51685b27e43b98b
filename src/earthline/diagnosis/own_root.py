"""Whether others can reach this node where the planet says it is, if it is a root."""

from __future__ import annotations

from collections.abc import Iterator

from earthline.diagnosis.finding import Finding, fault, note, ok, warning
from earthline.diagnosis.snapshot import Snapshot
from earthline.wire.inet import InetAddress, Scope

_NOWHERE = frozenset({Scope.NONE, Scope.LOOPBACK, Scope.LINK_LOCAL, Scope.MULTICAST})
_REISSUE = (
    "Give the planet the right address with `earthline planet reissue --endpoint IP/PORT`, and "
    "install the new planet on every member."
)


def judge_own_root(seen: Snapshot) -> Iterator[Finding]:
    """Each address that the planet gives for this node; those of other roots are asked instead."""
    if not seen.inside or not seen.bound:
        return  # a service that is off, or has no sockets yet, listens nowhere
    verdicts = [_judge(end, seen) for end in seen.own_endpoints]
    reachable = any(verdict.id == "root_endpoint_used" for verdict in verdicts)
    for verdict in verdicts:
        yield verdict if not reachable else _one_of_several(verdict)


def _one_of_several(verdict: Finding) -> Finding:
    """Members try every address: one that is wrong costs them nothing but time."""
    if verdict.id == "root_endpoint_used":
        return verdict
    return note(verdict.id, verdict.seen, verdict.do, *verdict.subjects).because(*verdict.evidence)


def _judge(end: str, seen: Snapshot) -> Finding:
    place = InetAddress.parse(end)
    facts = (
        f"the planet names {end} for this root",
        f"addresses of this host: {', '.join(seen.own_ips) or 'none'}",
        f"UDP sockets: {', '.join(seen.bound) or 'none'}",
        f"others see it at: {', '.join(_outside(seen)) or 'not known'}",
    )
    return _verdict(end, place, seen).because(*facts)


def _verdict(end: str, place: InetAddress, seen: Snapshot) -> Finding:
    if place.scope in _NOWHERE:
        return fault(
            "root_endpoint_unusable",
            f"The planet names {end} for this root, an address that no other host can reach it at.",
            _REISSUE,
            end,
        )
    if end in seen.bound or end in _outside(seen):
        return ok("root_endpoint_used", f"This root listens where the planet says: {end}.", end)
    if place.ip_text in seen.own_ips:
        return fault(
            "root_port_closed",
            f"The planet names {end} for this root, but nothing listens there: the service uses "
            f"UDP {', '.join(map(str, seen.ports))}.",
            f"Start the service with `--port {place.port}` (or set `primaryPort`). Or: {_REISSUE}",
            end,
        )
    return _foreign(end, place, seen)


def _foreign(end: str, place: InetAddress, seen: Snapshot) -> Finding:
    """Behind a NAT that forwards the port it may be right, and only members can tell."""
    own, outside = _alike(seen.own_ips, place), _alike(_outside(seen), place)
    if not own and not outside:
        return note(
            "root_behind_nat",
            f"The planet names {end} for this root. That is no address of this host, so it works "
            "only if a router or the cloud forwards it here.",
            f"Check that UDP {place.port} to {place.ip_text} is forwarded to this host, and that "
            "firewalls or cloud security groups let it in.",
            end,
        )
    said = f"The planet names {end} for this root, but that is no address of this host"
    if own:
        return fault("root_address_foreign", f"{said}, which has {', '.join(own)}.", _REISSUE, end)
    return warning(
        "root_address_foreign", f"{said}, which others see at {', '.join(outside)}.", _REISSUE, end
    )


def _alike(texts: tuple[str, ...], place: InetAddress) -> tuple[str, ...]:
    """The addresses of the same family and scope: others say nothing about it."""
    read = ((text, InetAddress.parse(text if "/" in text else f"{text}/0")) for text in texts)
    return tuple(t for t, a in read if (a.is_ipv4, a.scope) == (place.is_ipv4, place.scope))


def _outside(seen: Snapshot) -> tuple[str, ...]:
    """Where others see this node, or a router maps it."""
    surfaces = () if seen.nat is None else tuple(str(surface) for surface in seen.nat.surfaces)
    mapping = seen.port_mapping
    mapped = (mapping.external,) if mapping is not None and mapping.external else ()
    return (*surfaces, *mapped)
