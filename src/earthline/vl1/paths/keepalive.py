"""The check every 5 s: upstreams are contacted for ever, active peers kept alive (02, 1.5, 3.9)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from earthline.vl1.ground.local import Local
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.peers.path import HEARTBEAT_MS
from earthline.vl1.peers.peer import Peer, Slot
from earthline.vl1.peers.routes import Routes
from earthline.vl1.peers.topology import Topology
from earthline.vl1.sending.contact import Contact, toward
from earthline.vl1.sending.seek import Seek
from earthline.wire.inet import InetAddress

FULL_HELLO_MS = 60_000
"""A peer gets a full HELLO this often (02, 3.9)."""
UNPROVED_MS = 2 * HEARTBEAT_MS
"""An upstream that has not answered by a path for this long is asked by it at every check."""
LEAF_HELLO_MS = 28_000
"""A contact that is no root and has no path gets a relayed HELLO this often (02, 2.9)."""
EAGER_TRIES = 20
"""So often an upstream is tried after a start, or with new sockets, before checks are enough.

One that is flooded lets in line who has tried some 20 times, by whichever sockets."""
EAGER_STEP_MS = 100
"""After its n-th try it is tried again in n times this."""
EAGER_MS = 500
"""But no later than in this."""
MAX_GREETED = 256
"""Clients of an earlier run that a root greets per check."""


def _none() -> Iterable[int]:
    return ()


class KeepAlive:
    """Sends heartbeats and HELLOs. ``extra_contacts`` names nodes that joined networks rely on."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        routes: Routes,
        contact: Contact,
        seek: Seek,
        *,
        timers: Timers,
        whois: Callable[[int, int], None],
        changed: Callable[[Peer, int], None],
    ) -> None:
        self._local = local
        self._topology = topology
        self._routes = routes
        self._contact = contact
        self._seek = seek
        self._timers = timers
        self._whois = whois
        self._changed = changed
        self._tries: dict[int, int] = {}
        """HELLOs to each unreached upstream since the last start."""
        self._again_at: dict[int, int] = {}
        """When each of these is to be tried again, if it is tried eagerly."""
        self.extra_contacts: Callable[[], Iterable[int]] = _none

    def check(self, now: int) -> None:
        """One pass over the always-contact nodes and the active peers."""
        contacts = {*self._topology.upstreams, *self._topology.worlds.seeds()}
        contacts.update(self.extra_contacts())
        contacts.discard(self._local.address)
        for address in sorted(contacts):
            peer = self._topology.peer(address)
            if peer is None:
                self._whois(address, now)
            else:
                self._contact_always(peer, now)
        if self._topology.worlds.acting_as_upstream:
            self._look_for_clients(now)
        for peer in list(self._topology.peers.values()):
            if peer.address not in contacts and peer.active(now):
                self._keep(peer, now)
                if peer.best(now) is None:
                    self._reach_relayed(peer, now)

    def _reach_relayed(self, peer: Peer, now: int) -> None:
        """An active peer without a path: look for it, and learn its version, to send it AES."""
        self._seek.look_for(peer, now)
        if not peer.protocol and now - peer.full_hello_at > LEAF_HELLO_MS:
            self._hello_relayed(peer, now)

    def _contact_always(self, peer: Peer, now: int) -> None:
        full = self._keep(peer, now)
        if peer.silent_at:
            self._ask_silent(peer, now)
        if self._topology.worlds.endpoints(peer.address):
            self._try_endpoints(peer, now, full=full)
        elif not peer.slots and now - peer.full_hello_at > LEAF_HELLO_MS:
            self._hello_relayed(peer, now)

    def _ask_silent(self, peer: Peer, now: int) -> None:
        """An upstream that was passed over: it is back as soon as it answers."""
        for slot in peer.slots:
            self._contact.probe(peer, slot.path.key, now)

    def _try_endpoints(self, peer: Peer, now: int, *, full: bool) -> None:
        """HELLO to an endpoint of each family without path; at once if there is no path at all."""
        if peer.slots and not full:
            return
        tries = self._tries[peer.address] = self._tries.get(peer.address, 0) + 1
        self._again_at[peer.address] = now + min(tries * EAGER_STEP_MS, EAGER_MS)
        self._be_eager(now)
        reached = {slot.path.address.is_ipv4 for slot in peer.slots}
        for is_ipv4 in self._local.families - reached:
            endpoints = self._endpoints(peer, is_ipv4=is_ipv4)
            if endpoints:
                peer.full_hello_at = now
                endpoint = endpoints[tries % len(endpoints)]
                self._contact.hello(peer, toward(endpoint), now)
        if not peer.slots:
            self._hello_relayed(peer, now)

    def _endpoints(self, peer: Peer, *, is_ipv4: bool) -> list[InetAddress]:
        endpoints = self._topology.worlds.endpoints(peer.address)
        return [end for end in endpoints if end.is_ipv4 == is_ipv4]

    def _hello_relayed(self, peer: Peer, now: int) -> None:
        """HELLO by way of the best upstream, unless that is the peer itself."""
        relay = self._routes.relay(now)
        if relay.path is not None and relay.upstream != peer.address:
            peer.full_hello_at = now
            self._contact.hello(peer, relay.path.key, now, relayed=True)

    def _keep(self, peer: Peer, now: int) -> bool:
        """Keep a peer's slots alive, delete the expired; whether a full HELLO was due (02, 3.9)."""
        full = now - peer.full_hello_at >= FULL_HELLO_MS
        live = [slot for slot in peer.slots if not slot.expired(now)]
        if len(live) < len(peer.slots):
            peer.slots = live
            self._changed(peer, now)
        if full and live:
            self._hello_all(peer, now)
            return True
        for slot in live:
            if slot.path.needs_heartbeat(now) or self._unproved(peer, slot, now):
                self._contact.probe(peer, slot.path.key, now)
        return full

    def _unproved(self, peer: Peer, slot: Slot, now: int) -> bool:
        """Whether an upstream has to show that it still hears us.

        Where it asks first, or others are reached by it, no heartbeat of ours is ever due.
        """
        proved_at = peer.proved.get(slot.path.key, 0)
        return self._topology.is_upstream(peer.address) and now - proved_at >= UNPROVED_MS

    def _hello_all(self, peer: Peer, now: int) -> None:
        """One HELLO to each remote address of its slots, by every socket.

        A socket opened for one path only is not among "every": it sends by itself. So does each
        in low-bandwidth mode (02, 1.7).
        """
        peer.full_hello_at = now
        alone, extra = self._local.low_bandwidth, self._local.extra
        paths = [slot.path for slot in peer.slots]
        ways = (p.key if alone or p.socket in extra else toward(p.address) for p in paths)
        for way in dict.fromkeys(ways):
            self._contact.hello(peer, way, now)
        for slot in peer.slots:
            slot.path.last_out = now

    def _look_for_clients(self, now: int) -> None:
        """A root that was restarted greets its clients where they were, some at a time."""
        lost = (peer for peer in self._topology.peers.values() if peer.cached_addresses)
        for peer in list(islice(lost, MAX_GREETED)):
            self._seek.look_for(peer, now)

    # Upstreams not reached yet

    def start_over(self, now: int) -> None:
        """Sockets or worlds are new: be eager again."""
        self._tries.clear()
        self._again_at.clear()
        self._be_eager(now)

    def _be_eager(self, now: int) -> None:
        """Wake up for upstreams that cannot wait for the next check."""
        if self._local.families:
            for peer in self._unreached():
                again_at = self._again_at.get(peer.address, now + EAGER_MS)
                self._timers.hasten(Timer.CONTACT, again_at)

    def try_unreached(self, now: int) -> None:
        """Try those whose time has come."""
        for peer in list(self._unreached()):
            if self._again_at.get(peer.address, now) <= now:
                self._try_endpoints(peer, now, full=False)
        self._be_eager(now)

    def _unreached(self) -> Iterable[Peer]:
        for address in self._topology.upstreams:
            peer = self._topology.peer(address)
            fresh = self._tries.get(address, 0) < EAGER_TRIES
            if fresh and peer is not None and not peer.slots:
                yield peer
