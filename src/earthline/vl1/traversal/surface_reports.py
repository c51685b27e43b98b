"""What peers say of our address, and what a change of it means (02, 7.1)."""

from __future__ import annotations

from collections.abc import Callable

from earthline.effects import Path
from earthline.vl1.peers.path import PathTable
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending.contact import Contact
from earthline.vl1.surface.surface import Surface
from earthline.wire.inet import InetAddress


class SurfaceReports:
    """Takes what peers say of our address, and tries paths anew when it changed (02, 7.1)."""

    def __init__(
        self,
        topology: Topology,
        paths: PathTable,
        surface: Surface,
        contact: Contact,
        changed: Callable[[Peer, int], None],
    ) -> None:
        self._topology = topology
        self._paths = paths
        self._surface = surface
        self._contact = contact
        self._changed = changed

    def record(self, peer: Peer, path: Path, reported: InetAddress, now: int) -> None:
        """A direct packet of the peer named the address it sees, or wants, us at."""
        state = self._paths.get(path)
        upstream = self._topology.is_upstream(peer.address)
        member = peer.trusted(now)
        moved = self._surface.record(
            peer.address, state, reported, now, upstream=upstream, member=member
        )
        if moved:
            self._reset(reported, now)

    def _reset(self, reported: InetAddress, now: int) -> None:
        """Put every slot of this scope and family out of use until it answers."""
        for peer in list(self._topology.peers.values()):
            slots = [slot for slot in peer.slots if _same_kind(slot.path.address, reported)]
            for slot in slots:
                self._contact.probe(peer, slot.path.key, now)
                slot.reset(now)
            if slots:
                self._changed(peer, now)


def _same_kind(known: InetAddress, reported: InetAddress) -> bool:
    return known.scope is reported.scope and known.is_ipv4 == reported.is_ipv4
