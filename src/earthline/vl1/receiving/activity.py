"""Traces of the packets that passed in the switch without coming up (02, 4.8 and 6.1)."""

from __future__ import annotations

from collections.abc import Callable, Collection

from earthline.effects import Activity, Path, SessionActivity
from earthline.vl1.paths.mtu import MtuSearch
from earthline.vl1.paths.vigil import QUIET_MS, Vigil
from earthline.vl1.peers.path import PathTable
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.routes import Routes
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending import credit
from earthline.vl1.traversal.punch import Punch
from earthline.vl1.verbs.push import PushSender
from earthline.wire.packet import HEADER_LENGTH


class ActivityLog:
    """Applies the switch's reports to peers, slots and paths, and pushes where that is due."""

    def __init__(
        self,
        topology: Topology,
        paths: PathTable,
        routes: Routes,
        push: PushSender,
        *,
        vigil: Vigil,
        punch: Punch,
        mtu: MtuSearch,
        changed: Callable[[Peer, int], None],
    ) -> None:
        self._topology = topology
        self._paths = paths
        self._routes = routes
        self._push = push
        self._vigil = vigil
        self._punch = punch
        self._mtu = mtu
        self._changed = changed

    def apply(self, activity: Activity, now: int) -> None:
        """Take one report."""
        for path, in_at, out_at in activity.paths:
            self._apply_path(path, in_at, out_at)
        for address, path, received_at in activity.slots:
            self._apply_slot(address, path, received_at, now)
        came_by = {(address, path) for address, path, _ in activity.slots}
        for session in activity.sessions:
            peer = self._topology.peer(session.address)
            if peer is not None:
                self._apply_session(peer, session, came_by, now)

    def _apply_path(self, key: Path, in_at: int, out_at: int) -> None:
        # Datagrams are counted before they are authenticated, so they make no path.
        path = self._paths.find(key)
        if path is not None:
            path.last_in = max(path.last_in, in_at)
            path.last_out = max(path.last_out, out_at)

    def _apply_slot(self, address: int, path: Path, received_at: int, now: int) -> None:
        peer = self._topology.peer(address)
        slot = None if peer is None else peer.slot_of(path)
        if peer is None or slot is None:
            return
        revived = slot.expired(now)
        slot.refresh(received_at)
        if revived and not slot.expired(now):
            self._changed(peer, now)

    def _apply_session(
        self,
        peer: Peer,
        session: SessionActivity,
        came_by: Collection[tuple[int, Path]],
        now: int,
    ) -> None:
        framed = session.frame_received_at > peer.nontrivial_at
        relayed = session.relayed_received_at > peer.last_relayed_receive
        direct = session.received_at > max(session.relayed_received_at, peer.last_receive)
        peer.received_bytes += session.received_bytes
        peer.sent_bytes += session.sent_bytes
        peer.last_receive = max(peer.last_receive, session.received_at)
        peer.last_relayed_receive = max(peer.last_relayed_receive, session.relayed_received_at)
        peer.nontrivial_at = max(peer.nontrivial_at, session.frame_received_at)
        peer.trusted_at = max(peer.trusted_at, session.trusted_at)
        if session.sent_at > peer.flow_at:
            peer.last_sent = max(peer.last_sent, session.sent_at)
            self._vigil.flows(peer, session.sent_at, now)
            self._mtu.flows(peer, now)
        if relayed or peer.best(now) is None:
            self._punch.relayed(peer, now)
        if relayed:
            self._push_relayed(peer, now, framed=framed)
        elif direct:
            self._push_direct(peer, came_by if framed else (), now)

    def _push_relayed(self, peer: Peer, now: int, *, framed: bool) -> None:
        relay = self._routes.live_relay(now)
        if relay is not None:
            if framed:
                credit.came_in(peer, relay.key, HEADER_LENGTH, now)
            self._push.when_due(peer, relay.key, now, direct=False)
        best = peer.best(now)
        if best is not None and now - best.received_at >= QUIET_MS:
            self._vigil.doubt(peer, now)

    def _push_direct(self, peer: Peer, came_by: Collection[tuple[int, Path]], now: int) -> None:
        """``came_by``: which peers' frames came by which paths; nobody has counted those."""
        slot = peer.best(now)
        if slot is not None:
            if (peer.address, slot.path.key) in came_by:
                credit.came_in(peer, slot.path.key, HEADER_LENGTH, now)
            self._push.when_due(peer, slot.path.key, now, direct=True)
