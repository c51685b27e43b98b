"""Opening the NATs between us and a peer whose traffic is relayed, again and again (02, 7.2-7.5).

A stock node tries when it is introduced or pushed to, once each time; one lost datagram, or a port
that was not open yet, costs it half a minute. While traffic is relayed we try every place where the
peer may be, soon and then less often, and tell it where a NAT with predictable ports lets it in.
"""

from __future__ import annotations

from collections import OrderedDict

from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.routes import Routes
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending.approach import Approach
from earthline.vl1.surface.nat import NatWatch
from earthline.vl1.traversal.fresh import FreshPorts
from earthline.vl1.traversal.spray import Spray
from earthline.vl1.verbs.push import PushSender

PAUSES_MS = (300, 700, 1_500, 3_000, 5_000, 8_000, 15_000)
"""From one try to the next; the last one goes on."""
TOLD_EARLY = 3
"""Tries that tell the peer our next ports, beyond the push it gets every 15 s anyway."""
RELAYED_MS = 10_000
"""Traffic counts as relayed for this long after the last packet."""
MAX_TRIED = 8
"""Places per try."""
MAX_WANTED = 1_024
"""Peers with relayed traffic; of more, the one goes that was noted first."""
MAX_PUNCHED = 64
"""Peers per tick."""


class Punch:
    """Tries for peers with relayed traffic and proof of a common network."""

    def __init__(
        self,
        topology: Topology,
        routes: Routes,
        approach: Approach,
        *,
        timers: Timers,
        push: PushSender,
        nat: NatWatch,
        spray: Spray,
        fresh: FreshPorts,
    ) -> None:
        self._topology = topology
        self._routes = routes
        self._approach = approach
        self._timers = timers
        self._push = push
        self._nat = nat
        self._spray = spray
        self._fresh = fresh
        self._wanted: OrderedDict[int, None] = OrderedDict()

    def relayed(self, peer: Peer, now: int) -> None:
        """Traffic of the peer was seen; whether it is direct is looked at later."""
        if not peer.trusted(now):
            return
        self._timers.begin(Timer.WATCH, now)
        self._wanted[peer.address] = None
        if len(self._wanted) > MAX_WANTED:
            self._wanted.popitem(last=False)

    def idle(self) -> bool:
        """Whether no peer has relayed traffic."""
        return not self._wanted

    def tick(self, now: int) -> None:
        """Try the peers whose turn it is."""
        punched = 0
        for address in sorted(self._wanted):
            peer = self._topology.peer(address)
            if peer is None or not self._relayed_lately(peer, now):
                del self._wanted[address]
            elif punched < MAX_PUNCHED and self._due(peer, now):
                punched += 1
                self._punch(peer, now)

    def _relayed_lately(self, peer: Peer, now: int) -> bool:
        direct = peer.best(now) is not None
        if direct or now - max(peer.flow_at, peer.last_relayed_receive) > RELAYED_MS:
            peer.relayed_since = peer.punches = 0
            return False
        peer.relayed_since = peer.relayed_since or now
        return peer.trusted(now)

    def _due(self, peer: Peer, now: int) -> bool:
        pause = PAUSES_MS[min(peer.punches, len(PAUSES_MS) - 1)]
        return now - peer.punched_at >= pause

    def _punch(self, peer: Peer, now: int) -> None:
        peer.punches += 1
        peer.punched_at = now
        self._tell(peer, now)
        self._spray.consider(peer, now)
        self._fresh.consider(peer, now)
        if peer.hard_nat and self._nat.counts:
            return  # Its ports are only good for the answer to a push; see `PushReception`.
        tried = 0
        for endpoint in reversed(list(peer.places)):
            if tried < MAX_TRIED and self._topology.usable(peer.address, endpoint):
                tried += 1
                self._approach.look_at(peer, endpoint, now, first=peer.punches == 1)

    def _tell(self, peer: Peer, now: int) -> None:
        """Say by which ports we are about to be seen: before we are, so that it can be ready."""
        if peer.punches > TOLD_EARLY or not self._nat.counts:
            return
        route = self._routes.of(peer, now)
        if route is not None:
            self._push.at_once(peer, route.path.key, now)
