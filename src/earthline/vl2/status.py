"""What the host may show of a network (03, 10.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earthline.wire.network_config import DEFAULT_MTU, Dns, Route
from earthline.wire.sign_on import SignOn

if TYPE_CHECKING:
    from earthline.vl2.ground.network import Authentication, Network, NetworkStatus
    from earthline.wall import Wall
    from earthline.wire.inet import InetAddress
    from earthline.wire.multicast import MulticastGroup


@dataclass(frozen=True, slots=True)
class NetworkState:
    """A snapshot of one joined network."""

    network: int
    mac: int
    status: NetworkStatus
    name: str
    public: bool
    mtu: int
    is_bridge: bool
    broadcast: bool
    port_error: str
    revision: int
    """Of the configuration; 0 without one."""
    configured: bool
    updated_at: int
    """When a configuration was last applied, Unix time in ms; 0 if never since the start."""
    issued_at: int
    """When that was made, by the controller's clock; 0 without one."""
    controller: int | None
    """Its address; None for an ad-hoc network."""
    addresses: tuple[InetAddress, ...]
    routes: tuple[Route, ...]
    dns: Dns
    sign_on: SignOn
    authentication: Authentication | None
    """How to log in, while that is required."""
    subscriptions: tuple[MulticastGroup, ...]
    members: int
    """Other members known."""
    admitted: int
    """Those of them that pass our gate."""


def network_state(network: Network, wall: Wall) -> NetworkState:
    """The snapshot."""
    config = network.config
    records = network.members.values()
    return NetworkState(
        network=network.id,
        mac=network.mac,
        status=network.status,
        name="" if config is None else config.name,
        public=config is not None and config.public,
        mtu=DEFAULT_MTU if config is None else config.mtu,
        is_bridge=network.is_bridge,
        broadcast=config is not None and config.broadcast,
        port_error=network.port_error,
        revision=0 if config is None else config.revision,
        configured=config is not None,
        updated_at=wall.at(network.updated_at),
        issued_at=0 if config is None else config.timestamp,
        controller=network.controller,
        addresses=() if config is None else config.static_ips,
        routes=() if config is None else config.routes,
        dns=Dns() if config is None else config.dns,
        sign_on=SignOn() if config is None else config.sign_on,
        authentication=network.authentication,
        subscriptions=tuple(sorted(network.subscriptions)),
        members=len(network.members),
        admitted=sum(r.installed is not None and r.installed.admitted for r in records),
    )
