"""The service looked at without asking anybody: what it knows by now, within milliseconds."""

from __future__ import annotations

from earthline.diagnosis.snapshot import Endpoint, RootSight, Snapshot, Tcp, Udp
from earthline.runtime.base.clock import now_ms
from earthline.runtime.probes.known import known
from earthline.runtime.probes.twin import TwinWatch
from earthline.runtime.service import Service
from earthline.vl1.peers.worlds import Role
from earthline.vl1.reasons import State
from earthline.vl1.status import PeerState
from earthline.wire.address import format_address


async def glance(service: Service, twins: TwinWatch) -> Snapshot:
    """What is known; ``OSError`` if the kernel does not list the interfaces."""
    interfaces = await service.netlink.interfaces()
    roots = tuple(
        _root_sight(peer)
        for peer in service.node.peer_states(now_ms())
        if peer.role is not Role.LEAF
    )
    return known(service, interfaces, roots, strangers=twins.strange, probed=False)


def _root_sight(root: PeerState) -> RootSight:
    live = {path.address for path in root.paths if not path.expired and path.last_receive}
    direct = root.state is State.DIRECT
    ends = tuple(
        Endpoint(str(end), Udp.ANSWERS if direct and end in live else Udp.SILENT, Tcp.UNTRIED)
        for end in root.endpoints
    )
    if direct and not any(end.udp is Udp.ANSWERS for end in ends):
        ends += tuple(Endpoint(str(at), Udp.ANSWERS, Tcp.UNTRIED) for at in sorted(live)[:1])
    return RootSight(
        format_address(root.address),
        ends,
        latency=root.latency,
        tunnelled=root.state is State.TUNNELLED,
    )
