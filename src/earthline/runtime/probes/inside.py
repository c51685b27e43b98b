"""A running service looked at from within: the roots are asked, the engine says what it knows.

0.0 s   small datagrams to every root ──▶ who answers
0.3 s   datagrams of full size        ──▶ whether they come back
2.5 s   at the latest: what came is judged, whatever is missing
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from earthline.diagnosis.snapshot import RootSight, Snapshot
from earthline.effects import AskRoots
from earthline.runtime.base.clock import now_ms, wall_ms
from earthline.runtime.probes.ends import Ends
from earthline.runtime.probes.joined import stir_exits
from earthline.runtime.probes.known import known
from earthline.runtime.probes.twin import TwinWatch
from earthline.runtime.service import Service
from earthline.vl1.ground.local import ALL_SOCKETS
from earthline.vl1.peers.worlds import Role
from earthline.vl1.status import PathReport, PeerState
from earthline.wire.address import format_address
from earthline.wire.packet import DEFAULT_MTU

ROUND_S = 0.3
ROUNDS = 8
"""Questions are repeated in rounds of this length, for 2.4 s in all."""
SMALLER = 1_232
"""Bytes that pass where IPv6 is at its narrowest."""
BLIND = (
    "The packets on the interfaces could not be watched (CAP_NET_RAW is missing), so a firewall of "
    "this host cannot be distinguished from one on the path: run the service as root to find out."
)


async def look_inside(service: Service, twins: TwinWatch) -> Snapshot:
    """Probe for up to 2.5 s, and say what was seen; one at a time."""
    interfaces = await service.netlink.interfaces()
    asked_at = wall_ms()
    roots = {root.address: root.endpoints for root in _roots(service)}
    async with Ends(roots, service.node.address, tuple(service.ports)) as ends:
        twins.take_stock()
        twins.sent(ends.send_to_ourselves())
        size = await _ask(service, ends, asked_at)
        own = {address.ip_text for interface in interfaces for address in interface.addresses}
        sights = tuple(_root_sight(root, ends, own, asked_at, size) for root in _roots(service))
        blind = ends.blind
    unseen = (BLIND,) if blind else ()
    return known(service, interfaces, sights, strangers=twins.strange, unseen=unseen)


async def _ask(service: Service, ends: Ends, asked_at: int) -> int:
    """Ask the roots until all have answered everything; the bytes of the largest datagrams."""
    service.core.send(AskRoots(0))
    stir_exits(service)
    size = _full_size(_roots(service))
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


def _full_size(roots: Iterable[PeerState]) -> int:
    """What the engine itself sends at most: it makes no use of larger sizes that were found."""
    sizes = (path.default_mtu for root in roots for path in root.paths)
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
