"""The joined networks: what keeps one from working."""

from __future__ import annotations

from collections.abc import Iterator

from earthline.diagnosis.finding import Finding, fault, note, ok, warning
from earthline.diagnosis.peers import because
from earthline.diagnosis.snapshot import NetworkSight, RootSight, Snapshot
from earthline.vl1.reasons import State
from earthline.vl2.ground.network import NetworkStatus


def judge_networks(seen: Snapshot) -> Iterator[Finding]:
    """Each of them."""
    rootless = bool(seen.roots) and not seen.is_root and not any(map(_serves, seen.roots))
    for network in seen.networks:
        status = _tap_failed(network, seen) or judge_status(network, seen.own_address)
        yield _follows(status, network) if rootless else status
        for line in network.notes:
            if network.held and line.endswith(network.held):
                continue  # has a finding of its own
            yield note("network_note", f"{network.network}: {line}.", "", network.network)


def _serves(root: RootSight) -> bool:
    return root.answers or root.tunnelled


def _follows(status: Finding, network: NetworkSight) -> Finding:
    """Without a root no controller is found: that has a finding of its own, and one is enough."""
    if status.id not in {"controller_unreachable", "controller_silent"}:
        return status
    state = (
        "works with its last configuration"
        if network.status is NetworkStatus.OK
        else "waits for its configuration"
    )
    which = (
        "is a root that does not answer"
        if network.controller_is_root
        else ("is only found through a root, and none answers")
    )
    return note(
        status.id,
        f"Network {network.network} {state}: its controller {network.controller} {which}.",
        "",
        network.network,
    )


def _tap_failed(network: NetworkSight, seen: Snapshot) -> Finding | None:
    """What to do depends on what the kernel said."""
    if network.status is not NetworkStatus.PORT_ERROR:
        return None
    why = network.port_error
    todo = "See `tap_failed` in `earthline logs`."
    if seen.no_devices:
        why = f"{why} ({seen.no_devices})"
        todo = (
            "Run `modprobe tun` as root, and start the service as root or by its systemd unit; a "
            "container needs `--device /dev/net/tun --cap-add NET_ADMIN`."
        )
    elif "busy" in why:
        todo = "Another program uses that interface: give it another name in the file devicemap."
    elif "nvalid" in why:
        todo = "Check the network's line in the file devicemap: names have at most 15 characters."
    return fault(
        "tap_failed",
        f"The interface of network {network.network} could not be created: {why}.",
        todo,
        network.network,
    )


def judge_devices(seen: Snapshot) -> Iterator[Finding]:
    """That no device can be made, before a network is joined."""
    failed = any(network.status is NetworkStatus.PORT_ERROR for network in seen.networks)
    if seen.no_devices and not failed:
        made = note if seen.is_root else warning  # a root may do without
        yield made(
            "no_devices",
            f"This service cannot create network devices: {seen.no_devices}.",
            "Run `modprobe tun` as root, and start the service as root or by its systemd unit.",
        )


def judge_status(network: NetworkSight, own_address: str) -> Finding:
    """How one of them is; ``own_address``: of this node."""
    name = network.network
    match network.status:
        case NetworkStatus.OK:
            return _works(network)
        case NetworkStatus.ACCESS_DENIED:
            return fault(
                "not_authorised",
                f"The controller {network.controller} has not authorized this node on {name}.",
                f"Run on the controller: `earthline member authorize {name} {own_address}`.",
                name,
            )
        case NetworkStatus.NOT_FOUND:
            return fault(
                "network_not_found",
                f"The controller {network.controller} has no network {name}.",
                "Compare the ID with the output of `earthline network list` on the controller.",
                name,
            )
        case NetworkStatus.PORT_ERROR:
            return fault(
                "tap_failed",
                f"The interface of {name} could not be created: {network.port_error}.",
                "Start the service as root, and check that /dev/net/tun exists (`modprobe tun`).",
                name,
            )
        case NetworkStatus.AUTHENTICATION_REQUIRED:
            return fault(
                "login_required",
                f"Network {name} requires a login.",
                f"Open {network.login_url or 'the login page of the network'}.",
                name,
            )
        case NetworkStatus.CLIENT_TOO_OLD:
            return fault(
                "client_too_old",
                f"The controller of {name} rejects this version of Earthline as too old.",
                "Update Earthline.",
                name,
            )
        case NetworkStatus.REQUESTING_CONFIGURATION:
            return _waits(network)


def _works(network: NetworkSight) -> Finding:
    if network.controller_state is State.UNREACHABLE and not network.own:
        return warning(
            "controller_unreachable",
            f"Network {network.network} works with its last configuration, but its controller "
            f"{network.controller} cannot be reached: {_why(network)}.",
            "Start the controller before the members' certificates expire.",
            network.network,
        )
    return ok("network_works", f"Network {network.network} works.", network.network)


def _waits(network: NetworkSight) -> Finding:
    """No configuration yet: is the controller to blame, or the path to it?"""
    said = f"Network {network.network} has no configuration yet"
    if network.own:
        return fault(
            "network_not_found",
            f"{said}: this node is its controller and has no such network.",
            "Compare the ID with the output of `earthline network list`.",
            network.network,
        )
    if network.controller_state in (State.DIRECT, State.TUNNELLED, State.RELAYED):
        return warning(
            "controller_silent",
            f"{said}: its controller {network.controller} is reachable but has not answered.",
            "If it stays so for 30 s, check on the controller that its service runs as the "
            "controller of that network: `earthline network list`.",
            network.network,
        )
    return fault(
        "controller_unreachable",
        f"{said}: its controller {network.controller} cannot be reached: {_why(network)}.",
        "Start the controller; check that it uses the same planet as this node.",
        network.network,
    )


def _why(network: NetworkSight) -> str:
    if network.controller_state is None:
        return "no root knows a node with that address"
    return because(network.controller_reason) or "the path to it was lost"
