"""What a running service knows by itself: of its host, its peers and its networks."""

from __future__ import annotations

from collections.abc import Iterable

from earthline.diagnosis.snapshot import (
    ClockSight,
    NetworkSight,
    PathSight,
    PeerSight,
    PortMapping,
    RootSight,
    Snapshot,
    Tunnel,
)
from earthline.runtime.clock import now_ms
from earthline.runtime.netlink import Interface
from earthline.runtime.notes import host_notes
from earthline.runtime.probes.surroundings import gateways, sight_of, tracked_flows
from earthline.runtime.service import Service
from earthline.vl1.reasons import Reason
from earthline.vl1.status import PeerState
from earthline.vl1.worlds import Role
from earthline.vl2.status import NetworkState
from earthline.wire.address import format_address, format_network

MAX_CLOCKS = 16


def known(
    service: Service,
    interfaces: list[Interface],
    roots: tuple[RootSight, ...],
    *,
    unseen: tuple[str, ...] = (),
    probed: bool = True,
) -> Snapshot:
    """All that needs no probe; ``roots`` and ``unseen`` as the caller saw them."""
    now = now_ms()
    status, peers = service.node.status(now), service.node.peer_states(now)
    own = service.taps.names_among(interfaces)
    return Snapshot(
        running=True,
        probed=probed,
        age_ms=now - service.started_at,
        home=str(service.home.path),
        own_address=format_address(status.address),
        unseen=unseen,
        has_planet=status.planet is not None,
        has_moons=bool(status.moons),
        is_root=status.acting_as_upstream,
        interfaces=sight_of(service.taps.without_managed(interfaces), service.settings.parsed, own),
        gateways=gateways(),
        ports=tuple(service.ports),
        bound=tuple(str(address) for address in service.listening_on),
        roots=roots,
        nat=service.node.peers.nat_report(),
        port_mapping=_port_mapping(service),
        tunnel=_tunnel(service),
        clocks=_clocks(service, peers),
        networks=tuple(_network(service, state, peers) for state in service.node.networks()),
        peers=tuple(
            PeerSight(format_address(peer.address), peer.state, peer.reason)
            for peer in peers
            if peer.role is Role.LEAF
        ),
        paths=tuple(
            PathSight(format_address(peer.address), str(path.address), path.mtu)
            for peer in peers
            for path in peer.paths
            if path.preferred and path.searched
        ),
        tracked=tracked_flows(),
    )


def _port_mapping(service: Service) -> PortMapping:
    state = service.port_mapping
    return PortMapping(
        enabled=state.enabled,
        protocol=state.protocol or "",
        external="" if state.external is None else str(state.external),
        internal_port=state.internal_port,
        tried=tuple(
            f"{trial.protocol} at {trial.gateway}: {trial.failure}"
            for trial in state.tried
            if trial.failure is not None
        ),
    )


def _tunnel(service: Service) -> Tunnel:
    state = service.tunnel
    connected = "" if state.connected_to is None else str(state.connected_to)
    return Tunnel(state.allowed, state.forced, connected, state.failure)


def _clocks(service: Service, peers: Iterable[PeerState]) -> tuple[ClockSight, ...]:
    """Of roots, then others, by their HELLOs; of controllers also by what they made for us."""
    ordered = sorted(peers, key=lambda peer: peer.role is Role.LEAF)
    found = {p.address: p.clock_offset for p in ordered if p.clock_offset is not None}
    for state in service.node.networks():
        controller = state.controller
        if controller not in (None, service.node.address) and state.updated_at and state.issued_at:
            found.setdefault(controller, state.issued_at - state.updated_at)
    pairs = list(found.items())[:MAX_CLOCKS]
    return tuple(ClockSight(format_address(address), offset) for address, offset in pairs)


def _network(service: Service, state: NetworkState, peers: Iterable[PeerState]) -> NetworkSight:
    controller = next((peer for peer in peers if peer.address == state.controller), None)
    tap = service.taps.tap(state.network)
    bridging = service.bridges.entry(state.network)
    notes = () if tap is None else tuple(host_notes(tap, bridging, online=service.node.online))
    return NetworkSight(
        network=format_network(state.network),
        status=state.status,
        controller="" if state.controller is None else format_address(state.controller),
        own=state.controller == service.node.address,
        controller_state=None if controller is None else controller.state,
        controller_reason=Reason.NONE if controller is None else controller.reason,
        port_error=state.port_error,
        login_url="" if state.authentication is None else state.authentication.url,
        notes=notes,
    )
