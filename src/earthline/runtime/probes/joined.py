"""What became of a joined network on this host: its device, its addresses, its exit, its rules."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from earthline.diagnosis.snapshot import ArpDrop, ExitSight, NetworkSight
from earthline.runtime.host.netlink import Interface
from earthline.runtime.notes import host_notes
from earthline.runtime.probes.rules import arp_drop, rule_drops
from earthline.runtime.probes.surroundings import neighbours
from earthline.runtime.service import Service
from earthline.runtime.taps.routes import HALVES, allowed_addresses
from earthline.runtime.taps.taps import Tap
from earthline.vl1.peers.worlds import Role
from earthline.vl1.reasons import Reason
from earthline.vl1.status import PeerState
from earthline.vl2.status import NetworkState
from earthline.wire.address import format_address, format_network
from earthline.wire.inet import InetAddress
from earthline.wire.mac import address_of, parse_mac

DISCARD = 9
_IPV6_OFF = Path("/proc/sys/net/ipv6/conf")


def network_sight(
    service: Service,
    state: NetworkState,
    peers: Iterable[PeerState],
    interfaces: Iterable[Interface],
) -> NetworkSight:
    """One network; ``peers`` and ``interfaces`` are all there are."""
    by_address = {peer.address: peer for peer in peers}
    controller = None if state.controller is None else by_address.get(state.controller)
    tap = service.taps.tap(state.network)
    sight = NetworkSight(
        network=format_network(state.network),
        status=state.status,
        controller="" if state.controller is None else format_address(state.controller),
        own=state.controller == service.node.address,
        controller_state=None if controller is None else controller.state,
        controller_reason=Reason.NONE if controller is None else controller.reason,
        port_error=state.port_error,
        login_url="" if state.authentication is None else state.authentication.url,
        notes=() if tap is None else _notes(service, tap),
        controller_is_root=controller is not None and controller.role is not Role.LEAF,
        arp=_arp(service, state),
        rule_drops=rule_drops(
            service.node.switch_entry(state.network), service.switch.refused(state.network)
        ),
    )
    if tap is None or not tap.index:
        return sight
    there = next((i for i in interfaces if i.index == tap.station), None)
    return replace(
        sight,
        device=tap.name,
        wanted=tuple(str(a) for a in allowed_addresses(tap.wanted, tap.permissions)),
        refused=tuple(str(a) for a in tap.wanted.addresses if not tap.permissions.allow(a)),
        present=() if there is None else tuple(str(a) for a in there.addresses),
        without_ipv6=_without_ipv6(there),
        routes=tuple(str(r.target) for r in tap.routes if not _is_half(r.target)),
        exits=tuple(_exits(tap, by_address)),
        on_link_exit=any(_is_half(r.target) and r.gateway is None for r in tap.routes),
        held=tap.filter_error,
        bridge=bool(tap.bridge),
    )


def _notes(service: Service, tap: Tap) -> tuple[str, ...]:
    bridging = service.bridges.entry(tap.wanted.network)
    return tuple(host_notes(tap, bridging, online=service.node.online))


def _arp(service: Service, state: NetworkState) -> ArpDrop | None:
    entry = service.node.switch_entry(state.network)
    ip = next((address for address in state.addresses if address.is_ipv4), None)
    if entry is None or ip is None:
        return None
    found = arp_drop(entry, service.node.address, state.mac, ip)
    if found is None:
        return None
    return ArpDrop(*found, service.switch.counters().get("drop_rules", 0))


def _without_ipv6(interface: Interface | None) -> bool:
    if interface is None:
        return False
    try:
        return (_IPV6_OFF / interface.name / "disable_ipv6").read_text().strip() == "1"
    except OSError:
        return True  # a kernel without IPv6


def _is_half(target: InetAddress) -> bool:
    return target in HALVES[len(target.ip)]


def _exits(tap: Tap, peers: dict[int, PeerState]) -> Iterator[ExitSight]:
    """By the IPv4 neighbour table; a MAC of this network's kind names the member."""
    gateways = {route.gateway for route in tap.routes if _is_half(route.target)} - {None}
    for gateway in sorted(str(each.ip_text) for each in gateways if each is not None):
        found = neighbours().get((tap.name, gateway))
        if found is None:
            yield ExitSight(gateway, None)
            continue
        address = address_of(parse_mac(found.mac), tap.wanted.network) if found.complete else None
        peer = None if address is None else peers.get(address)
        yield ExitSight(
            gateway,
            found.complete,
            "" if peer is None else format_address(peer.address),
            None if peer is None else peer.state,
        )


def stir_exits(service: Service) -> None:
    """Have the kernel ask for the hardware addresses of exits, by a datagram that means nothing."""
    for network in service.taps.by_index.values():
        tap = service.taps.tap(network)
        gateways = set() if tap is None else {r.gateway for r in tap.routes if _is_half(r.target)}
        for gateway in gateways:
            if gateway is not None and gateway.is_ipv4:
                with contextlib.suppress(OSError), closing(_datagram_socket()) as sender:
                    sender.sendto(b"", (gateway.ip_text, DISCARD))


def _datagram_socket() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
