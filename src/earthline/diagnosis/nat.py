"""The NAT this node is behind, the router's port mapping, and the TCP tunnel."""

from __future__ import annotations

from collections.abc import Iterator

from earthline.diagnosis.finding import Finding, note, ok, warning
from earthline.diagnosis.snapshot import Snapshot
from earthline.vl1.surface.nat import Filtering, Mapping, NatReport
from earthline.wire.inet import InetAddress, Scope

_OPEN_A_PORT = "Enable UPnP or NAT-PMP on the router, forward the service's UDP port, or use IPv6."


def judge_nat(seen: Snapshot) -> Iterator[Finding]:
    """What others report of our address; nothing if no root is heard, which has its own finding."""
    if seen.nat is not None and any(root.answers for root in seen.roots):
        yield _mapping(seen.nat, seen)
        yield from _filtering(seen.nat)
        yield from _hairpin(seen.nat)


def _mapping(nat: NatReport, seen: Snapshot) -> Finding:
    seen_as = ", ".join(str(surface) for surface in nat.surfaces)
    match nat.mapping:
        case Mapping.NONE:
            return ok("nat_none", f"No NAT: others see this node at its own address, {seen_as}.")
        case Mapping.INDEPENDENT:
            kept = " (this node's own)" if nat.preserves_port else ""
            return ok(
                "nat_independent",
                f"The NAT uses the same port{kept} for every destination: others see this node at "
                f"{seen_as}.",
            )
        case Mapping.SEQUENTIAL:
            return note(
                "nat_symmetric_sequential",
                "The NAT uses a different port for each destination, each "
                f"{abs(nat.stride)} {'above' if nat.stride > 0 else 'below'} the last: others see "
                f"{seen_as}. The next ports can be predicted, so most direct paths succeed.",
                "",
            )
        case Mapping.RANDOM:
            return _symmetric(seen_as, seen)
        case Mapping.UNKNOWN:
            return _unknown(nat, seen_as)


def _filtering(nat: NatReport) -> Iterator[Finding]:
    if nat.mapping is Mapping.NONE or nat.filtering is Filtering.UNKNOWN:
        return
    lets_in = {
        Filtering.INDEPENDENT: "packets from any host",
        Filtering.ADDRESS: "packets from hosts this node has sent to, whichever their port",
        Filtering.RESTRICTED: "only packets from addresses and ports this node has sent to",
    }
    yield ok("nat_filtering", f"The NAT accepts {lets_in[nat.filtering]}.")


def _hairpin(nat: NatReport) -> Iterator[Finding]:
    if nat.mapping is Mapping.NONE or nat.hairpin is None:
        return
    if nat.hairpin:
        yield ok("hairpin", "The NAT supports hairpinning.")
    else:
        yield ok(
            "hairpin",
            "The NAT does not support hairpinning: hosts behind it reach each other only through "
            "their local addresses.",
        )


def _symmetric(seen_as: str, seen: Snapshot) -> Finding:
    """A mapped port makes it harmless."""
    said = (
        "The NAT is symmetric: it uses a different, unpredictable port for each destination; "
        f"others see {seen_as}."
    )
    if seen.port_mapping is not None and seen.port_mapping.protocol:
        return note("nat_symmetric", f"{said} The mapped port compensates for that.")
    return warning(
        "nat_symmetric",
        f"{said} Peers behind such a NAT, or a strict one, are reached only through a root.",
        _OPEN_A_PORT,
    )


def _unknown(nat: NatReport, seen_as: str) -> Finding:
    if not nat.reporters:
        return note("nat_unknown", "Public address not known yet.")
    return note(
        "nat_unknown",
        f"NAT type unknown: only one root has reported this node's address ({seen_as}), and it "
        "takes two.",
        "A second root in the planet would settle it.",
    )


def judge_port_mapping(seen: Snapshot) -> Iterator[Finding]:
    """What the router does for us; of no interest without a NAT, nor if it fails on a root."""
    mapping = seen.port_mapping
    public = any(InetAddress.parse(f"{ip}/0").scope is Scope.GLOBAL for ip in _used_ipv4(seen))
    without_nat = public or (seen.nat is not None and seen.nat.mapping is Mapping.NONE)
    if mapping is None or without_nat or (seen.is_root and not mapping.protocol):
        return
    if mapping.protocol:
        yield ok(
            "port_mapped",
            f"The router maps {mapping.external} to UDP port {mapping.internal_port} "
            f"({mapping.protocol}).",
        )
    elif not mapping.enabled:
        yield note(
            "port_mapping_off",
            "Port mapping is switched off (`portMappingEnabled` in local.conf).",
        )
    else:
        tried = f": {'; '.join(mapping.tried)}" if mapping.tried else ""
        yield note(
            "port_mapping_unavailable",
            f"No port mapping: the router answers no request for one{tried}.",
            "Harmless while direct paths work. Otherwise enable UPnP or NAT-PMP on the router, or "
            "forward the service's UDP port.",
        )


def _used_ipv4(seen: Snapshot) -> list[str]:
    return [ip for interface in seen.interfaces for ip in interface.used if ":" not in ip]


def judge_tunnel(seen: Snapshot) -> Iterator[Finding]:
    """The TCP tunnel, where there is one or should be one."""
    tunnel = seen.tunnel
    if tunnel is None:
        return
    if tunnel.connected_to:
        yield note("tunnel_up", f"The TCP tunnel to {tunnel.connected_to} is in use.")
    elif tunnel.failure:
        yield warning(
            "tunnel_failed",
            f"The TCP tunnel could not be opened: {tunnel.failure}.",
            "Allow outgoing TCP to the relay, or set another one as `tcpFallbackRelay` in "
            "local.conf.",
        )
