"""The joined networks: what keeps one from working."""

from __future__ import annotations

from collections.abc import Iterator

from earthline.diagnosis.finding import Finding, fault, note, ok, warning
from earthline.diagnosis.peers import words
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
                f"The controller {network.controller} does not let this node into {name}.",
                f"On the controller: `earthline member authorize {name} {own_address}`.",
                name,
            )
        case NetworkStatus.NOT_FOUND:
            return fault(
                "network_not_found",
                f"The controller {network.controller} knows no network {name}.",
                "Compare the ID with what the controller's `earthline network list` says.",
                name,
            )
        case NetworkStatus.PORT_ERROR:
            return fault(
                "tap_failed",
                f"The interface of {name} could not be made: {network.port_error}.",
                "Run the service as root, and look for /dev/net/tun (`modprobe tun`).",
                name,
            )
        case NetworkStatus.AUTHENTICATION_REQUIRED:
            return fault(
                "login_required",
                f"Network {name} wants its user to log in.",
                f"Open {network.login_url or 'the login page of the network'}.",
                name,
            )
        case NetworkStatus.CLIENT_TOO_OLD:
            return fault(
                "client_too_old",
                f"The controller of {name} refuses this version.",
                "Update Earthline.",
                name,
            )
        case NetworkStatus.REQUESTING_CONFIGURATION:
            return _waits(network)


def _works(network: NetworkSight) -> Finding:
    if network.controller_state is State.UNREACHABLE and not network.own:
        return warning(
            "controller_unreachable",
            f"Network {network.network} works with the configuration it has, but its controller "
            f"{network.controller} cannot be reached: {_why(network)}",
            "Start the controller before the members' certificates grow old.",
            network.network,
        )
    return ok("network_works", f"Network {network.network} works.", network.network)


def _waits(network: NetworkSight) -> Finding:
    """No configuration yet: is the controller to blame, or the way to it?"""
    said = f"Network {network.network} has no configuration yet"
    if network.own:
        return fault(
            "network_not_found",
            f"{said}: this node is its controller, and knows no such network.",
            "Compare the ID with what `earthline network list` says.",
            network.network,
        )
    if network.controller_state in (State.DIRECT, State.TUNNELLED, State.RELAYED):
        return warning(
            "controller_silent",
            f"{said}: its controller {network.controller} is reached but has not answered yet.",
            "Wait half a minute; then look whether the network exists there, and this node is "
            "authorised.",
            network.network,
        )
    return fault(
        "controller_unreachable",
        f"{said}: its controller {network.controller} cannot be reached. {_why(network)}",
        "Start the controller; check that it uses the same planet as this node.",
        network.network,
    )


def _why(network: NetworkSight) -> str:
    if network.controller_state is None:
        return "No root knows a node of that address."
    return words(network.controller_state, network.controller_reason).explanation
