"""Being somewhere else all of a sudden: other sockets, a TCP tunnel, or after a long sleep.

That is 7.8, 7.9 and 8.3 of 02.

Roots are greeted at once. As soon as one has answered, active peers get a HELLO by way of it, and
the addresses at which it sees us now; what was known of ways to them is in doubt.
"""

from __future__ import annotations

from collections.abc import Callable

from earthline.effects import SocketsChanged
from earthline.vl1.ground.local import ALL_SOCKETS, Local
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.paths.vigil import Vigil
from earthline.vl1.peers.path import PathState
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.routes import Routes
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending.contact import Contact, toward
from earthline.vl1.surface.surface import Surface
from earthline.vl1.verbs.push import PushSender
from earthline.wire.inet import InetAddress, Subnets

JUMP_MS = 10_000
"""Waking this much later than planned is a suspend and resume (02, 1.4)."""
ANNOUNCE_MS = 500
"""Between two announcements to the same peers."""
ANNOUNCEMENTS = 4
"""How often active peers are told where we are now: each by itself may be lost."""
MAX_TOLD = 512
"""Peers told per announcement."""


class Roaming:
    """Applies the host's list of sockets, and finds the active peers again."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        routes: Routes,
        contact: Contact,
        *,
        timers: Timers,
        push: PushSender,
        surface: Surface,
        vigil: Vigil,
        changed: Callable[[Peer, int], None],
    ) -> None:
        self._local = local
        self._topology = topology
        self._routes = routes
        self._contact = contact
        self._timers = timers
        self._push = push
        self._surface = surface
        self._vigil = vigil
        self._changed = changed
        self._lost_members: dict[int, int] = {}
        self._lost_strangers: dict[int, int] = {}
        """Announcements left for each peer to be found again. Members are told first: anybody may
        have made itself active."""
        self._announce_at = 0

    # Sockets

    def apply(self, event: SocketsChanged, now: int) -> bool:
        """Take the new list; whether it differs in sockets, so that upstreams must be told."""
        before = self._local.sockets
        self._local.sockets = dict(event.sockets)
        self._local.mapped = event.mapped
        self._local.on_link = Subnets(event.on_link)
        if before == self._local.sockets:
            return False
        moved = {number for number, at in before.items() if self._local.sockets.get(number) != at}
        if moved:
            self._surface.forget_sockets(moved)
            self._leave(moved, now)
        return True

    def _leave(self, gone: set[int], now: int) -> None:
        """Drop the paths of closed sockets, and greet who counts on us by the others at once."""
        for peer in list(self._topology.peers.values()):
            lost = [slot for slot in peer.slots if slot.path.socket in gone]
            if not lost:
                continue
            peer.slots = [slot for slot in peer.slots if slot not in lost]
            self._look_again(peer, tuple(dict.fromkeys(slot.path.address for slot in lost)), now)
            self._find_again(peer, now)
            self._changed(peer, now)

    def _look_again(self, peer: Peer, endpoints: tuple[InetAddress, ...], now: int) -> None:
        """Greet it where it was; one that is idle, once it is wanted.

        A root has thousands of idle clients: it looks for those a few at a time, as after a start.
        """
        for endpoint in endpoints:
            peer.remember_place(endpoint)
        if not self._topology.is_upstream(peer.address) and not peer.active(now):
            peer.cached_addresses = endpoints
            return
        for endpoint in endpoints:
            self._contact.hello(peer, toward(endpoint), now)

    def tunnel(self, up: bool, now: int) -> None:
        """A TCP tunnel stands in for UDP, or no longer does (02, 8.3).

        Everybody sees us elsewhere then, as if we had moved.
        """
        self._local.tunnel = up
        if not up:
            self._surface.forget_sockets({ALL_SOCKETS})
            self._leave({ALL_SOCKETS}, now)
            return
        self._greet_upstreams(now)
        for peer in self._topology.peers.values():
            self._find_again(peer, now)

    def _greet_upstreams(self, now: int) -> None:
        for address in self._topology.upstreams:
            peer = self._topology.peer(address)
            for endpoint in self._topology.worlds.endpoints(address):
                if peer is not None and endpoint.is_ipv4:
                    self._contact.hello(peer, toward(endpoint), now)

    # Sleep

    def jumped(self, last: int, now: int) -> None:
        """The host slept since ``last``, or its routes changed.

        Whoever was active at ``last`` is to be found again.
        """
        for peer in self._topology.peers.values():
            upstream = self._topology.is_upstream(peer.address)
            if not upstream and not peer.active(last):
                continue
            for slot in peer.slots:
                self._contact.probe(peer, slot.path.key, now)
            if not upstream:
                peer.nontrivial_at = now
                self._find_again(peer, now)

    # Announcements

    def _find_again(self, peer: Peer, now: int) -> None:
        if not self._topology.is_upstream(peer.address) and peer.active(now):
            lost = self._lost_members if peer.trusted(now) else self._lost_strangers
            lost[peer.address] = ANNOUNCEMENTS
            self._announce_at = now
            self._timers.begin(Timer.WATCH, now)
            self._vigil.doubt(peer, now)

    def idle(self) -> bool:
        """Whether nobody is left to be told."""
        return not self._lost_members and not self._lost_strangers

    def tick(self, now: int) -> None:
        """Tell the active peers by way of a root, once one of them answers us where we are now."""
        relay = self._routes.live_relay(now)
        if relay is None or now < self._announce_at:
            return
        self._announce_at = now + ANNOUNCE_MS
        left = MAX_TOLD
        for lost in (self._lost_members, self._lost_strangers):
            told = list(lost)[:left]
            left -= len(told)
            self._tell(told, lost, relay, now)

    def _tell(self, addresses: list[int], lost: dict[int, int], relay: PathState, now: int) -> None:
        for address in addresses:
            peer = self._topology.peer(address)
            lost[address] -= 1
            if peer is None or lost[address] <= 0:
                del lost[address]
            if peer is not None and not self._found(peer, now):
                self._contact.hello(peer, relay.key, now, relayed=True)
                self._push.at_once(peer, relay.key, now)

    def _found(self, peer: Peer, now: int) -> bool:
        best = peer.best(now)
        return best is not None and best.path.alive(now)
