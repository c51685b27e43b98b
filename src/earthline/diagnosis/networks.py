"""The joined networks: what keeps one from working."""

from __future__ import annotations

from collections.abc import Iterator

from earthline.diagnosis.finding import Finding, fault, note, ok, warning
from earthline.diagnosis.peers import because
from earthline.diagnosis.snapshot import NetworkSight, Snapshot
from earthline.vl1.reasons import State
from earthline.vl2.network import NetworkStatus


def judge_networks(seen: Snapshot) -> Iterator[Finding]:
    """Each of them."""
    for network in seen.networks:
        yield judge_status(network, seen.own_address)
        for line in network.notes:
            yield note("network_note", f"{network.network}: {line}.", "", network.network)


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
            f"{said}: its controller {network.controller} is reachable but has not answered yet.",
            "Wait 30 s; then check on the controller that the network exists and this node is "
            "authorized.",
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
