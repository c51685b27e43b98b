"""The host itself: interfaces, ports, the clock, the size of datagrams, the connection tracker."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median_low

from earthline.diagnosis.finding import Finding, fault, note, ok, warning
from earthline.diagnosis.snapshot import Endpoint, PathSight, RootSight, Snapshot, Udp

CLOCK_MS = 30_000
"""Clocks this far apart are worth a warning."""
IPV4_HEADERS, IPV6_HEADERS = 28, 48
"""IP and UDP headers, bytes."""
ETHERNET = 1_500
"""Bytes of an IP packet that are usual."""
MAX_NAMED = 20
CROWDED = 0.9
"""So full, and the connection tracker is about to drop new flows."""


def judge_service(seen: Snapshot) -> Iterator[Finding]:
    """Whether there is a service at all, and what could not be looked at."""
    if seen.lost_by:
        yield fault(
            "home_deleted",
            f"The home folder {seen.home} of the running service (pid {seen.lost_by}) was deleted: "
            "its identity is gone when it stops.",
            "Put the folder back from a backup, or stop the service with `earthline down`.",
        )
    elif not seen.running:
        yield fault(
            "service_not_running",
            f"Earthline is not running for {seen.home}; these checks were made without it.",
            f"Start it with `{seen.start_command or f'earthline --home {seen.home} up'}`, as root.",
        )
    if seen.port_taken is not None:
        port, holder = seen.port_taken
        yield fault(
            "port_taken",
            f"Port {port} is in use by {holder}, so the service cannot start.",
            f"Stop that program, or start the service with another port: `--port {port + 1}`.",
        )
    for what in seen.unseen:
        yield note("not_seen", what)


def judge_interfaces(seen: Snapshot) -> Iterator[Finding]:
    """Which are used, why the others are not, and whether the sockets are there."""
    unused = [i for i in seen.interfaces if i.why_not]
    reasons = "; ".join(f"{i.name}: {i.why_not}" for i in unused)
    names = tuple(i.name for i in unused)
    if seen.interfaces and not seen.usable:
        yield fault(
            "no_interface",
            f"No interface has a usable address: {reasons}.",
            "Connect this host to a network: plug in the cable, join the wireless network, or "
            "assign an address.",
            *names,
        )
        return
    used = [f"{i.name} ({', '.join(i.used)})" for i in seen.interfaces if i.used]
    if used:
        yield ok("interfaces_used", f"In use: {', '.join(used)}.")
    if unused:
        yield ok("interfaces_unused", f"Not used: {reasons}.", *names)
    for interface in seen.interfaces:
        if interface.unused and not interface.why_not:
            yield ok(
                "addresses_unused",
                f"Not used on {interface.name}: {'; '.join(interface.unused)}.",
                interface.name,
            )
    forced = seen.tunnel is not None and seen.tunnel.forced
    if seen.inside and not seen.bound and not forced:
        yield fault(
            "no_socket",
            "The service has no UDP socket, although this host has an address.",
            "See `socket_not_bound` in `earthline logs`; `bind` in local.conf may list wrong IPs.",
        )
    elif seen.bound:
        ports = ", ".join(str(port) for port in seen.ports)
        yield ok("ports_bound", f"Listening on UDP {ports}: {', '.join(seen.bound)}.")


def judge_clock(seen: Snapshot) -> Iterator[Finding]:
    """Ours against those that other nodes sent along: when two agree, it is ours that is wrong."""
    if not seen.clocks:
        if seen.inside:
            yield note(
                "clock_unknown", "Clock not compared yet: no other node has reported its time."
            )
        return
    middle = median_low(clock.offset_ms for clock in seen.clocks)
    agreeing = [c.who for c in seen.clocks if abs(c.offset_ms - middle) < CLOCK_MS]
    if abs(middle) < CLOCK_MS:
        yield ok("clock_agrees", f"The clock agrees with {', '.join(agreeing)}.")
    elif len(agreeing) > 1:
        yield warning(
            "clock_wrong",
            f"This host's clock is {_span(middle)} those of {', '.join(agreeing)}.",
            "Turn on NTP: `timedatectl set-ntp true`.",
            *agreeing,
        )
    else:
        yield warning(
            "clocks_differ",
            f"This host's clock is {_span(middle)} that of {agreeing[0]}: one of the two is wrong.",
            "Compare both with the true time, and turn on NTP on the wrong one.",
            *agreeing,
        )


def _span(offset_ms: int) -> str:
    seconds = abs(offset_ms) // 1_000
    text = f"{seconds} s" if seconds < 600 else f"{seconds // 60} min"
    return f"{text} {'behind' if offset_ms > 0 else 'ahead of'}"


def judge_datagrams(seen: Snapshot) -> Iterator[Finding]:
    """Whether datagrams of full size get through, by what roots gave back."""
    for root in seen.roots:
        if root.answers and root.asked_size:
            yield _datagrams(root)


def _datagrams(root: RootSight) -> Finding:
    if root.largest < root.asked_size:
        smaller = f" up to {root.largest}" if root.largest else ""
        return warning(
            "large_datagrams_lost",
            f"Datagrams of {root.asked_size} bytes to root {root.address} do not come back, "
            f"smaller ones do{smaller}: something on the path drops IP fragments or large packets.",
            "Lower the MTU of the virtual networks on their controller, and find what drops "
            "fragments: a tunnel, a PPPoE line or a firewall.",
            root.address,
        )
    narrow = [end.kernel_mtu for end in root.endpoints if _cuts(end, root.asked_size)]
    if narrow:
        return note(
            "datagrams_fragmented",
            f"The path to root {root.address} carries IP packets of at most {min(narrow)} bytes "
            f"(the kernel's path MTU after don't-fragment probes); datagrams of {root.asked_size} "
            "bytes arrive as IP fragments.",
            "Nothing needs to be done; it costs some speed.",
            root.address,
        )
    return ok(
        "datagrams_pass",
        f"Datagrams of {root.asked_size} bytes to root {root.address} arrive and return whole.",
        root.address,
    )


def _cuts(end: Endpoint, size: int) -> bool:
    """Whether a datagram is too large for the path MTU that the kernel knows."""
    return end.udp is Udp.ANSWERS and 0 < end.kernel_mtu < size + _headers(end)


def _headers(end: Endpoint) -> int:
    return IPV6_HEADERS if ":" in end.address else IPV4_HEADERS


def judge_path_sizes(seen: Snapshot) -> Iterator[Finding]:
    """The largest datagrams that paths carry whole, as far as they were searched for."""
    narrow = [path for path in seen.paths if _packet(path) < ETHERNET]
    wide = [path for path in seen.paths if path not in narrow]
    if wide:
        yield ok(
            "path_mtu_found",
            f"Largest unfragmented datagrams, in bytes: {_sizes(wide)}.",
            *(path.who for path in wide),
        )
    if narrow:
        yield note(
            "path_narrow",
            f"Paths that carry less than Ethernet's {ETHERNET} bytes unfragmented, with the "
            f"largest datagram of each: {_sizes(narrow)}.",
            "Nothing needs to be done, frames are cut to fit. To avoid fragments set `mssClamp` in "
            "local.conf, or find what narrows the path: PPPoE, a tunnel, or a router's MTU.",
            *(path.who for path in narrow),
        )


def _packet(path: PathSight) -> int:
    return path.mtu + (IPV6_HEADERS if ":" in path.address else IPV4_HEADERS)


def _sizes(paths: list[PathSight]) -> str:
    named = ", ".join(f"{p.mtu} to {p.who} at {p.address}" for p in paths[:MAX_NAMED])
    more = f" and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else ""
    return named + more


def judge_tracker(seen: Snapshot) -> Iterator[Finding]:
    """The kernel's connection tracking, which drops new flows when it is full."""
    if seen.tracked is None:
        return
    count, limit = seen.tracked
    if limit and count >= CROWDED * limit:
        yield warning(
            "tracker_full",
            f"The firewall of this host tracks {count} of at most {limit} connections: it will "
            "soon drop new ones.",
            "Raise net.netfilter.nf_conntrack_max, or exempt the service's UDP ports (`notrack`).",
        )
