"""A running service looked at from within: the roots are asked, the engine says what it knows.

0.0 s   small datagrams to every root ──▶ who answers
0.3 s   datagrams of full size        ──▶ whether they come back
2.5 s   at the latest: what came is judged, whatever is missing
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

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
from earthline.effects import AskRoots
from earthline.runtime.clock import now_ms
from earthline.runtime.netlink import Interface
from earthline.runtime.notes import host_notes
from earthline.runtime.probes.ends import Ends
from earthline.runtime.probes.surroundings import gateways, sight_of, tracked_flows
from earthline.runtime.service import Service
from earthline.vl1.local import ALL_SOCKETS
from earthline.vl1.reasons import Reason
from earthline.vl1.status import PathReport, PeerState
from earthline.vl1.worlds import Role
from earthline.vl2.status import NetworkState
from earthline.wire.address import format_address, format_network
from earthline.wire.packet import DEFAULT_MTU

ROUND_S = 0.3
ROUNDS = 8
"""Questions are repeated in rounds of this length, for 2.4 s in all."""
SMALLER = 1_232
"""Bytes that pass where IPv6 is at its narrowest."""
MAX_CLOCKS = 16
"""Peers whose clock is compared with ours."""
BLIND = (
    "The packets on the interfaces could not be watched (CAP_NET_RAW is missing), so a firewall of "
    "this host cannot be distinguished from one on the path: run the service as root to find out."
)


async def look_inside(service: Service) -> Snapshot:
    """Probe for up to 2.5 s, and say what was seen."""
    interfaces = await service.netlink.interfaces()
    asked_at = now_ms()
    roots = {root.address: root.endpoints for root in _roots(service)}
    async with Ends(roots, service.node.address, tuple(service.ports)) as ends:
        size = await _ask(service, ends, asked_at)
        own = {address.ip_text for interface in interfaces for address in interface.addresses}
        sights = tuple(_root_sight(root, ends, own, asked_at, size) for root in _roots(service))
        blind = ends.blind
    return _compose(service, interfaces, sights, (BLIND,) if blind else ())


async def _ask(service: Service, ends: Ends, asked_at: int) -> int:
    """Ask the roots until all have answered everything; the bytes of the largest datagrams."""
    service.core.send(AskRoots(0))
    size = _full_size(service, _roots(service))
    for number in range(ROUNDS):
        ends.send()
        await asyncio.sleep(ROUND_S)
        if number > 1 and ends.done and _all_said(_roots(service), asked_at, size):
            break
        if number == 0:
            ends.send_full()
        service.core.send(AskRoots(SMALLER if number % 3 == 2 else size))
    return size


def _roots(service: Service) -> list[PeerState]:
    return [p for p in service.node.peer_states(now_ms()) if p.role is not Role.LEAF]


def _full_size(service: Service, roots: Iterable[PeerState]) -> int:
    """What the engine itself sends at most: it makes no use of larger sizes that were found."""
    sizes = (service.node.peers.physical.mtu(path.address) for p in roots for path in p.paths)
    return min(sizes, default=DEFAULT_MTU)


def _all_said(roots: Iterable[PeerState], asked_at: int, size: int) -> bool:
    return all(
        any(path.proved_at >= asked_at and path.largest >= size for path in root.paths)
        for root in roots
    )


def _root_sight(
    root: PeerState, ends: Ends, own: Iterable[str], asked_at: int, size: int
) -> RootSight:
    proved = [path for path in root.paths if path.proved_at >= asked_at]
    direct = {path.address for path in proved if path.socket != ALL_SOCKETS}
    heard = {
        path.address
        for path in root.paths
        if path.last_receive >= asked_at and path.socket != ALL_SOCKETS
    }
    ips = frozenset(own)
    return RootSight(
        address=format_address(root.address),
        endpoints=tuple(
            ends.told(end, ips, answered=end in direct, heard=end in heard)
            for end in root.endpoints
        ),
        latency=root.latency,
        tunnelled=any(path.socket == ALL_SOCKETS for path in proved),
        largest=max((path.largest for path in proved), default=0),
        asked_size=size if _asked_by_echo(root, proved) else 0,
    )


def _asked_by_echo(root: PeerState, proved: Sequence[PathReport]) -> bool:
    """Only a root whose version is known was asked with large datagrams."""
    return root.protocol > 0 and bool(proved)


def _compose(
    service: Service,
    interfaces: list[Interface],
    roots: tuple[RootSight, ...],
    unseen: tuple[str, ...],
) -> Snapshot:
    now = now_ms()
    status, peers = service.node.status(now), service.node.peer_states(now)
    own = service.taps.names_among(interfaces)
    return Snapshot(
        running=True,
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
