"""Which roots can be heard; and if none can, why that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from earthline.diagnosis.finding import Finding, fault, note, ok, warning
from earthline.diagnosis.snapshot import Endpoint, RootSight, Snapshot, Udp
from earthline.diagnosis.traffic import RP_FILTER

SETTLING_MS = 15_000
"""After a start, before silence means anything."""


def judge_roots(seen: Snapshot) -> Iterator[Finding]:
    """The planet, and each of its roots."""
    if seen.has_planet is False and not seen.has_moons:
        yield fault(
            "no_planet",
            "This node has no planet, so it knows no root and cannot find any other node.",
            "Get the planet file from a root's owner and run `earthline planet install FILE`, or "
            "make this node a root with `earthline planet make --endpoint IP/PORT`.",
        )
        return
    if seen.is_root:
        yield ok("is_root", "This node is a root.")
    if not seen.usable and seen.interfaces:
        return  # reported with the interfaces
    if not seen.inside:
        yield from _from_outside(seen)
        return
    if seen.tunnel is not None and seen.tunnel.forced:
        yield from _by_tunnel(seen)
        return
    answering = [root for root in seen.roots if root.answers]
    for root in answering:
        yield _answers(root)
    silent = [root for root in seen.roots if not root.answers]
    if not silent:
        return
    if not seen.probed and (seen.age_ms < SETTLING_MS or not (answering or seen.is_root)):
        yield _not_heard(seen, silent)
    elif answering or seen.is_root:  # the only other root may be down without any fault of ours
        for root in silent:
            yield _alone(root, others=bool(answering))
    else:
        yield _none_answers(seen, silent)


def _from_outside(seen: Snapshot) -> Iterator[Finding]:
    """Without the service no root can be asked over UDP; the kernel still knows a little."""
    ends = [end for root in seen.roots for end in root.endpoints]
    who = tuple(root.address for root in seen.roots)
    if ends and (trouble := _no_way_out(seen, ends, who) or _blocked_here(seen, ends, who)):
        yield trouble
        return
    for root in seen.roots:
        if any(end.udp is Udp.REFUSED for end in root.endpoints):
            yield _down_alone(root, f"Root {root.address}: {_details(root)}.")
        else:
            yield note("root_not_asked", f"Root {root.address}: {_details(root)}.")


def _not_heard(seen: Snapshot, roots: list[RootSight]) -> Finding:
    """No root was heard lately. Why that is only probes could tell."""
    ends = _list([end.address for root in roots for end in root.endpoints])
    who = tuple(root.address for root in roots)
    if seen.age_ms < SETTLING_MS:
        return note(
            "roots_not_heard", f"The service has just started; no answer yet from {ends}.", "", *who
        )
    if tunnelled := [root.address for root in roots if root.tunnelled]:
        return warning(
            "udp_blocked",
            f"No root answers over UDP ({ends}): traffic goes through the TCP tunnel.",
            "Run `earthline doctor` to find out what blocks UDP.",
            *tunnelled,
        )
    return fault(
        "roots_not_heard",
        f"No root answers ({ends}).",
        "Run `earthline doctor` to find out why.",
        *who,
    )


def _by_tunnel(seen: Snapshot) -> Iterator[Finding]:
    """By the settings, nothing goes over UDP."""
    reached = [root for root in seen.roots if root.tunnelled]
    for root in reached:
        yield ok(
            "root_answers", f"Root {root.address} answers through the TCP tunnel.", root.address
        )
    if seen.roots and not reached:
        yield fault(
            "tunnel_only",
            "`forceTcpRelay` allows only the TCP tunnel, and no root answers through it.",
            "See the findings about the tunnel, or remove `forceTcpRelay` from local.conf.",
            *(root.address for root in seen.roots),
        )


def _answers(root: RootSight) -> Finding:
    latency = f" in {root.latency} ms" if root.latency >= 0 else ""
    return ok(
        "root_answers", f"Root {root.address} answers{latency}: {_details(root)}.", root.address
    )


def _details(root: RootSight) -> str:
    told = (f"{end.address}: UDP {_told(end)}, TCP {end.tcp.value}" for end in root.endpoints)
    return "; ".join(told) or "it has no address to try"


def _told(end: Endpoint) -> str:
    return f"{end.udp.value} ({end.rejected_by})" if end.rejected_by else end.udp.value


def _alone(root: RootSight, *, others: bool) -> Finding:
    """One is silent while another answers, or while we are a root, too: it need not be us."""
    but = ", others do" if others else ""
    said = f"Root {root.address} does not answer{but}: {_details(root)}."
    if any(end.udp is Udp.REFUSED for end in root.endpoints):
        return _down_alone(root, said)
    if root.endpoints and all(end.udp is Udp.NO_ROUTE for end in root.endpoints):
        return note(
            "root_without_route",
            f"{said} This host has no route to it.",
            "Nothing needs to be done, unless this host should have that address family or route.",
            root.address,
        )
    if any(end.elsewhere for end in root.endpoints):
        said += " UDP to another port of its host is answered, so UDP passes."
    return warning(
        "root_silent",
        said,
        "Check that the root is on, that its service does not hang, that its address is right, "
        "and that its firewall or cloud security group allows its UDP port in.",
        root.address,
    ).because(*_facts(root))


def _down_alone(root: RootSight, said: str) -> Finding:
    return warning(
        "root_down",
        f"{said} Its host is up, but the port is closed.",
        "Start the service on that root; until then the other roots take over.",
        root.address,
    )


def _none_answers(seen: Snapshot, roots: list[RootSight]) -> Finding:
    """All are silent: the nearest cause that explains it, and what each endpoint told."""
    facts = (fact for root in roots for fact in _facts(root))
    return _nearest_cause(seen, roots).because(*facts)


def _facts(root: RootSight) -> Iterator[str]:
    for end in root.endpoints:
        yield (
            f"root {root.address} at {end.address}: UDP {_told(end)}, TCP {end.tcp.value}, "
            f"datagrams seen leaving: {_SEEN[end.left]}, coming in: {_SEEN[end.came]}"
        )


_SEEN = {None: "not watched", False: "no", True: "yes"}


def _nearest_cause(seen: Snapshot, roots: list[RootSight]) -> Finding:
    ends = [end for root in roots for end in root.endpoints]
    who = tuple(root.address for root in roots)
    if not ends:
        return fault(
            "roots_without_endpoint",
            "No root of the planet has an address.",
            "Re-issue the planet on a root with `earthline planet reissue --endpoint IP/PORT`.",
            *who,
        )
    return (
        _no_way_out(seen, ends, who)
        or _blocked_here(seen, ends, who)
        or _rejected(seen, ends, who)
        or _down(ends, who)
        or _hung(ends, who)
        or _blocked_on_the_way(seen, ends, who)
        or _cut_off(seen, ends, who)
    )


def _no_way_out(seen: Snapshot, ends: Iterable[Endpoint], who: tuple[str, ...]) -> Finding | None:
    if any(end.udp is not Udp.NO_ROUTE for end in ends):
        return None
    default = "" if seen.gateways else " It has no default route."
    return fault(
        "no_route",
        f"This host has no route to any root.{default}",
        "Add a default route: check `ip route`, the DHCP client and the network settings.",
        *who,
    )


def _blocked_here(seen: Snapshot, ends: list[Endpoint], who: tuple[str, ...]) -> Finding | None:
    """A firewall of this very host: the kernel refuses, or one side of the interface is silent."""
    refused = [end.address for end in ends if end.udp is Udp.UNSENDABLE]
    held = _held(seen, ends)
    if refused or held:
        return fault(
            "udp_blocked_here",
            f"Datagrams to {_list(refused or held)} do not leave this host: a firewall on it "
            "drops them.",
            "Allow outgoing UDP of the service: see `nft list ruleset` or `iptables -S OUTPUT`.",
            *who,
        )
    came = [end.address for end in ends if end.came and not end.heard]
    if came and seen.strict:
        over = f" (the default route leads over network {_list(list(seen.default_over))})"
        return fault(
            "rp_filter_strict",
            f"Answers from {_list(came)} arrive at the interface but do not reach the service. "
            f"rp_filter=1 on {_list(list(seen.strict))} drops packets whose route back leads over "
            f"another interface{over if seen.default_over else ''}.",
            f"{RP_FILTER} If that does not help, a firewall of this host drops them: see `nft list "
            "ruleset`.",
            *who,
            *seen.default_over,
        )
    if came:
        return fault(
            "udp_blocked_here",
            f"Answers from {_list(came)} arrive at the interface but do not reach the service: "
            "a firewall on this host drops them.",
            "Allow incoming UDP to the ports of the service: see `nft list ruleset` or "
            "`iptables -S INPUT`.",
            *who,
        )
    return None


def _held(seen: Snapshot, ends: list[Endpoint]) -> list[str]:
    """Endpoints that no datagram leaves to, if only a firewall can be the cause.

    Where nobody tells a hardware address, of a gateway or of a neighbour, nothing leaves, either.
    """
    if seen.gateways and all(gateway.answers is False for gateway in seen.gateways):
        return []
    tried = [end for end in ends if end.udp not in (Udp.NO_ROUTE, Udp.UNREACHABLE)]
    held = [end.address for end in tried if end.left is False]
    return held if len(held) == len(tried) else []


def _rejected(seen: Snapshot, ends: list[Endpoint], who: tuple[str, ...]) -> Finding | None:
    by = sorted({end.rejected_by for end in ends if end.udp is Udp.REJECTED})
    if not by:
        return None
    said = f"No root answers over UDP: {_list(by)} on the path rejects datagrams."
    return _blocked(seen, said, "Allow outgoing UDP there (to the roots' ports, usually 9993)", who)


def _down(ends: list[Endpoint], who: tuple[str, ...]) -> Finding | None:
    refused = [end.address for end in ends if end.udp is Udp.REFUSED]
    if not refused:
        return None
    return fault(
        "roots_down",
        f"No root answers: the host at {_list(refused)} is reachable, but the port is closed, so "
        "the root is down.",
        "Start the service on the roots. Established direct connections continue without them.",
        *who,
    )


def _hung(ends: list[Endpoint], who: tuple[str, ...]) -> Finding | None:
    """UDP to another port of the host is answered, so it passes, and only the service is mute."""
    mute = [end.address for end in ends if end.elsewhere]
    if not mute:
        return None
    return fault(
        "roots_mute",
        f"No root answers, though the host at {_list(mute)} answers UDP on another port: its "
        "service hangs, a firewall drops this one port, or it is not the root.",
        "On the root check `earthline status`, its firewall, and that the planet names the right "
        "address; restart the service if it hangs.",
        *who,
    )


def _blocked_on_the_way(
    seen: Snapshot, ends: list[Endpoint], who: tuple[str, ...]
) -> Finding | None:
    """TCP passes: that says nothing of who drops UDP, only that the host is up."""
    passing = [end for end in ends if end.tcp.passes]
    if not passing:
        return None
    places = [end.address for end in passing]
    ports = sorted({end.address.partition("/")[2] for end in passing})
    sure = " Datagrams do leave this host." if any(end.left for end in ends) else ""
    said = (
        f"No root answers over UDP, while TCP reaches {_list(places)}: the root's own firewall or "
        f"cloud security group does not let UDP {_list(ports)} in, its service hangs, or a "
        f"firewall on the path, on this network's side or a provider's, drops UDP.{sure}"
    )
    return _blocked(
        seen,
        said,
        f"First allow incoming UDP {_list(ports)} on the root, in its firewall and its cloud "
        "security group; then outgoing UDP in this network's firewall",
        who,
    )


def _blocked(seen: Snapshot, said: str, todo: str, who: tuple[str, ...]) -> Finding:
    """It is no fault as long as the TCP tunnel stands in."""
    tunnel = seen.tunnel
    if tunnel is not None and tunnel.connected_to:
        said = f"{said} Traffic goes through the TCP tunnel to {tunnel.connected_to} meanwhile."
        return warning("udp_blocked", said, f"{todo}: the tunnel is slower.", *who)
    if tunnel is not None and not tunnel.allowed:
        todo = f"{todo}; or allow the TCP tunnel (`allowTcpFallbackRelay` in local.conf)"
    return fault("udp_blocked", said, f"{todo}.", *who)


def _cut_off(seen: Snapshot, ends: list[Endpoint], who: tuple[str, ...]) -> Finding:
    mute = [gateway for gateway in seen.gateways or () if gateway.answers is False]
    if mute:
        gateway = mute[0]
        return fault(
            "gateway_silent",
            f"No root answers, and neither does the gateway {gateway.address} on "
            f"{gateway.interface}.",
            "Check the cable or the wireless network, and the router.",
            *who,
        )
    routers = sorted({end.rejected_by for end in ends if end.udp is Udp.UNREACHABLE} - {""})
    if routers:
        return fault(
            "roots_unreachable",
            f"No root answers, and {_list(routers)} on the path reports them unreachable.",
            "Check that router and its uplink; otherwise the roots are off.",
            *who,
        )
    ports = sorted({end.address.partition("/")[2] for end in ends})
    left = " Datagrams do leave this host." if any(end.left for end in ends) else ""
    return fault(
        "roots_unreachable",
        f"No root answers at {_list([end.address for end in ends])}, neither over UDP nor over "
        "TCP: the root is off, its address is wrong, its firewall or cloud security group does not "
        f"let UDP {_list(ports)} in, or there is no path to it.{left}",
        f"On the root check that the service runs and that UDP {_list(ports)} is allowed in; here "
        "try `ping` to the root and to another host on the Internet.",
        *who,
    )


def _list(items: list[str]) -> str:
    return ", ".join(items)
