"""What a running service knows by itself: of its host, its peers and its networks."""

from __future__ import annotations

from collections.abc import Iterable

from earthline.diagnosis.snapshot import (
    ClockSight,
    PathSight,
    PeerSight,
    PortMapping,
    Relay,
    RootSight,
    Snapshot,
    Stacked,
    Tunnel,
    TwinSight,
)
from earthline.runtime.base.clock import now_ms
from earthline.runtime.host.netlink import Interface
from earthline.runtime.host.privileges import why_no_devices
from earthline.runtime.host.reverse_path import strict_interfaces
from earthline.runtime.probes.joined import network_sight
from earthline.runtime.probes.surroundings import (
    devices_below,
    gateways,
    sends_anew,
    sight_of,
    tracked_flows,
)
from earthline.runtime.service import Service
from earthline.vl1.peers.worlds import Role
from earthline.vl1.status import NodeStatus, PeerState
from earthline.wire.address import format_address, format_network

MAX_CLOCKS = 16


def known(
    service: Service,
    interfaces: list[Interface],
    roots: tuple[RootSight, ...],
    *,
    strangers: int,
    unseen: tuple[str, ...] = (),
    probed: bool = True,
) -> Snapshot:
    """All that needs no probe; ``roots`` and ``unseen`` as the caller saw them."""
    now = now_ms()
    status, peers = service.node.status(now), service.node.peer_states(now)
    own = service.taps.names_among(interfaces)
    physical = service.taps.without_managed(interfaces)
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
        interfaces=sight_of(physical, service.settings.parsed, own),
        own_ips=_own_ips(physical),
        own_endpoints=_own_endpoints(status),
        gateways=gateways(),
        ports=tuple(service.ports),
        bound=tuple(str(address) for address in service.listening_on),
        roots=roots,
        nat=service.node.nat_report(),
        port_mapping=_port_mapping(service),
        tunnel=_tunnel(service),
        clocks=_clocks(service, peers),
        networks=tuple(
            network_sight(service, state, peers, interfaces) for state in service.node.networks()
        ),
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
        relay=_relay(service),
        no_devices=why_no_devices() or "",
        stacked=_stacked(service, interfaces),
        resent=_resent(service, physical),
        strangers=strangers,
        twin=_twin(service),
        astray=tuple(map(str, service.node.astray())),
        here=tuple(map(str, service.node.here())),
        strict=tuple(sorted(strict_interfaces() - own)),
        tracked=tracked_flows(),
    )


def _twin(service: Service) -> TwinSight | None:
    now = now_ms()
    twin = service.node.twin(now)
    if twin is None:
        return None
    return TwinSight(
        places=tuple(map(str, twin.places)),
        heard_by=str(twin.heard_by),
        direct=twin.direct,
        ago_ms=now - twin.heard_at,
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


def _own_ips(physical: Iterable[Interface]) -> tuple[str, ...]:
    return tuple(address.ip_text for interface in physical for address in interface.addresses)


def _own_endpoints(status: NodeStatus) -> tuple[str, ...]:
    worlds = (() if status.planet is None else (status.planet,)) + status.moons
    roots = (root for world in worlds for root in world.roots)
    ends = (end for r in roots if r.identity.address == status.address for end in r.endpoints)
    return tuple(dict.fromkeys(str(end) for end in ends))


def _relay(service: Service) -> Relay:
    said, state = service.settings.parsed.settings.tcp_relay, service.tcp_relay
    return Relay(tuple(said.listen), state.failure)


def _resent(service: Service, physical: Iterable[Interface]) -> tuple[str, ...]:
    bound = {place.index for place in service.underlay.sockets.places}
    return tuple(i.name for i in physical if i.index in bound and sends_anew(i.name))


def _stacked(service: Service, interfaces: Iterable[Interface]) -> tuple[Stacked, ...]:
    """Devices over one of ours, at any height; our own bridges have their addresses managed."""
    below = {
        interface.name: service.taps.by_index[interface.index]
        for interface in interfaces
        if interface.index in service.taps.by_index
    }
    managed = {tap.bridge for n in service.taps.by_index.values() if (tap := service.taps.tap(n))}
    bound = {place.index for place in service.underlay.sockets.places}
    return tuple(
        Stacked(each.name, device, format_network(below[device]), each.index in bound)
        for each in interfaces
        if each.name not in below and each.index not in managed
        for device in sorted(devices_below(each.name) & below.keys())[:1]
    )
