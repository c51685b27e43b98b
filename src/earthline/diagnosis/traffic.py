"""What keeps frames of a network that works from arriving: its exit, its rules, loops, filters."""

from __future__ import annotations

from collections.abc import Iterator

from earthline.diagnosis.finding import Finding, fault, note, warning
from earthline.diagnosis.snapshot import ExitSight, NetworkSight, Snapshot
from earthline.vl1.reasons import State
from earthline.vl2.ground.network import NetworkStatus

RP_FILTER = "Run `sysctl -w net.ipv4.conf.all.rp_filter=2`, and put it into /etc/sysctl.d/ as well."


def judge_reverse_path(seen: Snapshot) -> Iterator[Finding]:
    """The kernel drops answers from outside where the default route is a network's (RFC 3704).

    If no root is heard for that reason, it is said of the roots. Where the service may not change
    the filter, as in a unit with ProtectKernelTunables, it takes no such route.
    """
    for network in seen.networks:
        if network.held:
            yield warning(
                "default_route_held",
                f"The default route of network {network.network} is allowed here and not used, so "
                "traffic to the Internet goes out without it: rp_filter=1 would drop the answers "
                "of roots and peers, and this service may not change that.",
                f"{RP_FILTER} The service then takes the route by itself.",
                network.network,
            ).because(network.held)
    over = seen.default_over
    if not over or not seen.strict or any(root.shut_out for root in seen.roots):
        return
    made = warning if any(root.answers for root in seen.roots) else fault
    yield made(
        "rp_filter_strict",
        f"The default route leads over network {', '.join(over)}, and rp_filter=1 on "
        f"{', '.join(seen.strict)} drops packets whose route back leads elsewhere: answers of "
        "roots and peers may be among them.",
        RP_FILTER,
        *over,
        *seen.strict,
    ).because(*(f"net.ipv4.conf.{name}.rp_filter: 1 in effect" for name in seen.strict))


def judge_exits(seen: Snapshot) -> Iterator[Finding]:
    """Whether there is anybody where the default route leads to."""
    for network in seen.networks:
        for way_out in network.exits:
            if trouble := _gone(network, way_out):
                yield trouble
        if network.on_link_exit:
            yield fault(
                "exit_without_gateway",
                f"Network {network.network} has a default route without a gateway: this host looks "
                f"for every address of the Internet on {network.device} itself.",
                "On the controller give the route a `via`, the address of the member that is to "
                f"be the exit; here `earthline set {network.network} allowDefault=off` goes "
                "without it.",
                network.network,
            )


def _gone(network: NetworkSight, way_out: ExitSight) -> Finding | None:
    back = (
        "Start that member; or take the default route back here: "
        f"`earthline set {network.network} allowDefault=off`."
    )
    said = f"The default route leads over network {network.network} to {way_out.gateway}"
    facts = (f"ARP on {network.device} for {way_out.gateway}: {_ARP[way_out.answers]}",)
    if way_out.state is State.UNREACHABLE:
        return fault(
            "exit_unreachable",
            f"{said}, which member {way_out.member} has; that node cannot be reached.",
            back,
            network.network,
            way_out.member,
        ).because(*facts, f"node {way_out.member}: unreachable")
    if way_out.answers is False:
        return fault(
            "exit_unreachable",
            f"{said}, and no member answers for that address: nothing gets out.",
            back,
            network.network,
        ).because(*facts)
    return None


_ARP = {None: "not asked", False: "no answer", True: "answered"}


def judge_rules(seen: Snapshot) -> Iterator[Finding]:
    """IPv4 needs ARP: rules that forget it cut off everybody."""
    for network in seen.networks:
        if network.arp is None or network.status is not NetworkStatus.OK:
            continue
        if not any("." in text for text in network.wanted):
            continue  # of IPv6 it says nothing
        where = (
            f"rule {network.arp.rule} (`{network.arp.text}`) drops it"
            if network.arp.rule
            else "no rule accepts it"
        )
        yield fault(
            "arp_dropped",
            f"The rules of network {network.network} let no ARP pass, so members do not find each "
            f"other's IPv4 address: {where}.",
            "On the controller put `accept ethertype arp;` before that rule.",
            network.network,
        ).because(f"frames dropped by rules on this node: {network.arp.frames}")


def judge_stacked(seen: Snapshot) -> Iterator[Finding]:
    """A path through a device that itself goes through a network carries the tunnel in itself."""
    for device in seen.stacked:
        said = (
            f"{device.name} sends through {device.below}, the interface of network {device.network}"
        )
        if device.used:
            yield fault(
                "tunnel_in_tunnel",
                f"{said}, and the service uses it for the packets of that network: they go in "
                "circles once no other path is left.",
                f'Exclude it in local.conf: `"interfacePrefixBlacklist": ["{device.name}"]`.',
                device.name,
                device.network,
            ).because(
                f"{device.name} is above {device.below}", f"a socket is bound on {device.name}"
            )
        else:
            yield note(
                "tunnel_over_network",
                f"{said}; the service sends nothing through it.",
                "",
                device.name,
                device.network,
            )


def judge_resent(seen: Snapshot) -> Iterator[Finding]:
    """A tunnel that sends anew what it carries takes off the mark that devices of ours go by."""
    if not seen.networks:
        return
    for name in seen.resent:
        yield note(
            "tunnel_takes_off_mark",
            f"The service also sends through {name}, a tunnel that sends what it carries anew, and "
            "so without the mark that keeps this node's own packets out of its networks. If the "
            f"other end of {name} is reached over a network, that network would carry itself.",
            "Where that is so, exclude it in local.conf: "
            f'`"interfacePrefixBlacklist": ["{name}"]`.',
            name,
        ).because(f"a socket is bound on {name}")


def judge_relay(seen: Snapshot) -> Iterator[Finding]:
    """The TCP relay that the settings ask for."""
    if seen.relay is None or not seen.relay.failure:
        return
    where = ", ".join(seen.relay.listen) or "no address"
    todo = "Correct `tcpRelay` in local.conf, or turn it off with `earthline tcp-relay off`."
    failure = seen.relay.failure
    if "ermission denied" in failure:
        todo = (
            "Ports below 1024 need CAP_NET_BIND_SERVICE: reinstall the unit with `earthline "
            "service install`, start the service as root, or choose another port with `earthline "
            "tcp-relay on --listen IP/PORT`."
        )
    elif "in use" in failure:
        todo = "Stop the program that listens there (`ss -ltnp`), or choose another port."
    yield fault(
        "tcp_relay_failed",
        f"The TCP relay cannot listen on {where} ({failure}).",
        todo,
        *seen.relay.listen,
    )


def judge_twin(seen: Snapshot) -> Iterator[Finding]:
    """Another host with the same secret identity, most often a copied disk."""
    own, here = seen.own_address, ", ".join(seen.here) or "a place not known yet"
    name = "identity_cloned"
    todo = (
        "If a disk or a home folder was copied, choose which host keeps the address. On the other "
        "one stop the service, delete identity.secret and identity.public in its home folder "
        f"(here that is {seen.home}), and start it again; it gets a new address, to be authorized "
        "anew."
    )
    if seen.twin is not None:
        twin = seen.twin
        yield fault(
            name,
            f"Two hosts use this node's identity {own}: this one is at {here}, and the other one "
            f"at {', '.join(twin.places) or 'an unknown place'}. They take each other's traffic.",
            todo,
            own,
        ).because(
            f"a packet that this host did not make, sealed with its identity's key, came "
            f"{twin.ago_ms // 1000} s ago "
            + ("from the other host: " if twin.direct else "by way of a root: ")
            + twin.heard_by
        )
    elif seen.astray:
        yield warning(
            name,
            f"Another host seems to use this node's identity {own}: what is sent to it by way of "
            f"{', '.join(seen.astray)} goes elsewhere, and this host is at {here}.",
            todo,
            own,
        ).because(f"packets to our own address did not come back by way of {seen.astray[0]}")
    elif seen.strangers:
        yield warning(
            name,
            f"Another host seems to use this node's identity {own}: packets arrived that name this "
            f"node as their sender, and it did not send them. This host is at {here}. Two such "
            "hosts take each other's traffic.",
            todo,
            own,
        ).because(f"packets under our own address, not ours: {seen.strangers}")
