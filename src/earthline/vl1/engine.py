"""The peer engine: the parts of VL1 wired together behind one door (02).

    switch ──punts──▶ receive ──▶ hello, dispatch, learning, introduction, activity
    vl2    ─────────▶ send, reply_ok, reply_error, defer, trusted, whois
    timers ─────────▶ handle_timeout ──▶ keepalive, send queue, deferred packets, housekeeping
                                 │
                                 ▼
                     emit: Transmit, Install…, Store, Report

The work is in the modules beside this one; nothing here decides anything about the protocol.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from earthline.effects import (
    Activity,
    HelloReceived,
    PacketReceived,
    PairRelayed,
    Path,
    PathSeen,
    SocketsChanged,
    StateLoaded,
    TrustPath,
    UnknownSource,
)
from earthline.vl1.activity import ActivityLog
from earthline.vl1.cache import PeerCache
from earthline.vl1.contact import Contact
from earthline.vl1.dispatch import Asked, Dispatch, ErrorHandler, Handler, OkHandler, Rule
from earthline.vl1.echo import EchoReplies
from earthline.vl1.hello import HelloReception
from earthline.vl1.keepalive import KeepAlive
from earthline.vl1.learning import Learning
from earthline.vl1.local import Emit, Local
from earthline.vl1.online import Online
from earthline.vl1.outbound import Outbound, Request
from earthline.vl1.path import PathTable
from earthline.vl1.peer import Peer
from earthline.vl1.physical import PhysicalNetwork, PhysicalNetworks
from earthline.vl1.push import PushReception, PushSender
from earthline.vl1.reception import Reception
from earthline.vl1.refresh import Refresh
from earthline.vl1.rendezvous import Introduction, RendezvousReception
from earthline.vl1.replies import ExpectedReplies
from earthline.vl1.routes import Routes
from earthline.vl1.seek import Seek
from earthline.vl1.sendqueue import SendQueue
from earthline.vl1.sockets import SocketChange
from earthline.vl1.state import LoadedState
from earthline.vl1.status import NodeStatus, PeerState, node_status, peer_states
from earthline.vl1.surface import Surface, SurfaceReports
from earthline.vl1.tables import SwitchTables
from earthline.vl1.timers import PERIOD_MS, Timer, Timers
from earthline.vl1.topology import Topology
from earthline.vl1.whois import Whois
from earthline.vl1.worlds import Worlds
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.packet import ErrorCode, Verb
from earthline.wire.reader import Malformed
from earthline.wire.world import World

TRUST_REFRESH_MS = 10_000
"""The switch is told again that a path is trusted at most this often."""


class PeerEngine:
    """One node's VL1. ``entropy(n)`` gives n random bytes; ``emit`` takes each command."""

    def __init__(
        self, identity: SecretIdentity, entropy: Callable[[int], bytes], emit: Emit
    ) -> None:
        self.local = Local(identity, entropy, emit)
        self.timers = Timers()
        self._build_ground()
        self._build_sending()
        self._build_receiving()
        self._build_duties()
        self._register()

    # Wiring

    def _build_ground(self) -> None:
        """What is known: paths, worlds, peers."""
        self.paths = PathTable()
        self.worlds = Worlds(self.local)
        self.topology = Topology(self.local, self.worlds, self.paths)
        self.topology.added, self.topology.dropped = self._added, self._dropped
        self.physical = PhysicalNetworks()
        self.routes = Routes(self.topology)
        self.surface = Surface()
        self._online = Online(self.local, self.topology)
        self._cache = PeerCache(self.local, self.topology)

    def _build_sending(self) -> None:
        self._replies = ExpectedReplies()
        self._outbound = Outbound(self.local, self.paths, self._replies, self.physical)
        self._contact = Contact(self.local, self.worlds, self._outbound)
        self._seek = Seek(self.local, self.topology, self._contact)
        self._whois = Whois(self.local, self.topology, self.routes, self._outbound)
        self._queue = SendQueue(
            self.local,
            self.topology,
            self.routes,
            self._outbound,
            self._seek,
            whois=self._whois.ask,
        )
        self._tables = SwitchTables(self.local, self.topology, self.routes, self.physical)
        self._refresh = Refresh(self.topology, self.routes, self._tables, self._queue)
        self._push = PushSender(self.local, self._outbound, self.surface)

    def _build_receiving(self) -> None:
        self._learning = Learning(self.topology, self._contact, self._refresh.peer)
        self._reception = Reception(self.paths, self._learning, self._push, self._heard)
        self._dispatch = Dispatch(self.local, self.topology, self._reception, self._replies)
        self._deferred = self._dispatch.deferred
        reports = SurfaceReports(
            self.topology, self.paths, self.surface, self._contact, self._refresh.peer
        )
        self._hello = HelloReception(
            self.local,
            self.topology,
            self._outbound,
            self._reception,
            reports,
            worlds_changed=self._worlds_changed,
            version_learned=self._version_learned,
        )
        self._activity = ActivityLog(
            self.topology, self.paths, self.routes, self._push, self._refresh.peer
        )

    def _build_duties(self) -> None:
        self._introduction = Introduction(self.local, self.topology, self._outbound)
        self._keepalive = KeepAlive(
            self.local,
            self.topology,
            self.routes,
            self._contact,
            self._seek,
            whois=self._whois.ask,
            changed=self._refresh.peer,
        )
        self._sockets = SocketChange(self.local, self.topology, self._contact, self._refresh.peer)
        self._state = LoadedState(self.local, self.worlds, self._cache, self._worlds_changed)
        self._on_timer = {
            Timer.CHECK: self._check,
            Timer.HOUSEKEEPING: self._housekeeping,
            Timer.QUEUE: self._repeat,
        }
        self._receivers: dict[type, Callable[[Any, int], None]] = {
            HelloReceived: self._hello.receive_clear,
            UnknownSource: self._stranger,
            PacketReceived: self._dispatch.packet,
            PathSeen: self._path_seen,
            PairRelayed: self._pair_relayed,
            Activity: self._activity.apply,
            SocketsChanged: self._sockets_changed,
            StateLoaded: self._state_loaded,
        }

    def _register(self) -> None:
        """Verb → handler, who may send it, its rate gate (4.9, 4.10)."""
        echo = EchoReplies(self.paths, self._outbound)
        push = PushReception(self.topology, self.paths, self._contact, self._refresh.peer)
        meeting = RendezvousReception(
            self.local, self.topology, self._contact, self._whois.ask, self._deferred.keep
        )
        rule, ok_rule = self._dispatch.rule, self._dispatch.ok_rule
        rule(Verb.HELLO, Rule(self._hello.receive))
        rule(Verb.WHOIS, Rule(self._whois.receive, gate=self._whois.may_answer))
        rule(Verb.ECHO, Rule(echo.receive, gate=echo.may_answer))
        rule(Verb.RENDEZVOUS, Rule(meeting.receive, upstream_only=True))
        rule(Verb.PUSH_DIRECT_PATHS, Rule(push.receive))
        ok_rule(Verb.HELLO, self._hello.receive_ok)
        ok_rule(Verb.WHOIS, self._whois.receive_ok)

    # Events

    def receive(self, event: object, now: int) -> None:
        """Take an event; those of other layers raise KeyError. What a peer sent never raises."""
        try:
            self._receivers[type(event)](event, now)
        except Malformed:
            self.local.count(f"malformed_{type(event).__name__}")
        self._arm_queue(now)

    def _stranger(self, event: UnknownSource, now: int) -> None:
        self._deferred.keep_sealed(event.path, event.source, event.packet, now)
        if self.topology.peer(event.source) is None:
            self._whois.ask(event.source, now)
        else:
            # It became known while the packet was on its way up.
            self._deferred.release(event.source)

    def _path_seen(self, event: PathSeen, now: int) -> None:
        peer = self.topology.peer(event.source)
        if peer is not None:
            path = self.paths.get(event.path)
            path.last_in = now
            self._learning.direct(peer, path, now, confirmed=False)

    def _pair_relayed(self, event: PairRelayed, now: int) -> None:
        self._introduction.introduce(event.source, event.destination, now)

    def _sockets_changed(self, event: SocketsChanged, now: int) -> None:
        if self._sockets.apply(event, now):
            self._keepalive.start_over()
            self.timers.hasten(Timer.CHECK, now)

    def _state_loaded(self, event: StateLoaded, now: int) -> None:
        self._state.load(event, now)

    # What follows from a change

    def _added(self, peer: Peer, now: int) -> None:
        """A peer is known: its packets can be opened, and those for it can leave."""
        self._refresh.peer(peer, now)
        self._deferred.release(peer.address)
        self._queue.retry(now)
        self._deferred.retry(now)

    def _dropped(self, peer: Peer, _now: int) -> None:
        self._cache.save(peer)
        self._tables.remove(peer.address)

    def _version_learned(self, peer: Peer, now: int) -> None:
        self._refresh.peer(peer, now)
        self._cache.save(peer)

    def _worlds_changed(self, now: int) -> None:
        self.topology.recompute(now)
        self._refresh.relay(now)
        self._online.update(now)
        self._keepalive.start_over()
        self.timers.hasten(Timer.CHECK, now)

    def _heard(self, peer: Peer, now: int) -> None:
        if not self._online.online and self.topology.is_contact(peer.address):
            self._online.update(now)

    # Time

    def next_timeout(self) -> int:
        """When `handle_timeout` wants to be called, in ms of the same clock as ``now``."""
        return self.timers.next()

    def handle_timeout(self, now: int) -> None:
        """Do what is due; calling too early or too late is harmless."""
        for timer in self.timers.take_due(now):
            self._on_timer[timer](now)
        self._arm_queue(now)

    def _check(self, now: int) -> None:
        if self.local.sockets:
            self._keepalive.check(now)
        self._refresh.everything(now)
        self._online.update(now)

    def _housekeeping(self, now: int) -> None:
        self.topology.expire(now)
        self.surface.expire(now)
        self._introduction.expire(now)
        self._hello.gate.expire(now)
        self._whois.expire(now)
        self._cache.save_all()

    def _repeat(self, now: int) -> None:
        self._keepalive.try_unreached(now)
        self._queue.retry(now)
        self._deferred.retry(now)
        for source in sorted(self._deferred.strangers()):
            self._whois.ask(source, now)
        if not self._waiting():
            self.timers.stop(Timer.QUEUE)

    def _waiting(self) -> bool:
        return bool(len(self._queue) or len(self._deferred) or self._keepalive.eager())

    def _arm_queue(self, now: int) -> None:
        if self._waiting():
            self.timers.hasten(Timer.QUEUE, now + PERIOD_MS[Timer.QUEUE])

    # For the layer above

    def send(
        self, destination: int, verb: Verb, payload: bytes, now: int, *, compress: bool = False
    ) -> int | None:
        """Send by address (5.1): the wire packet ID, or None while the packet waits for a way.

        Its OKs come to the handler registered for the verb in either case.
        """
        packet_id = self._queue.send(destination, verb, payload, now, compress=compress)
        self._arm_queue(now)
        return packet_id

    def reply_ok(self, packet: PacketReceived, payload: bytes, now: int) -> None:
        """OK, back the way the packet came (5.4)."""
        peer = self.topology.peer(packet.source)
        if peer is not None:
            self._outbound.ok(peer, _request(packet), payload, now)

    def reply_error(
        self, packet: PacketReceived, code: ErrorCode, payload: bytes, now: int
    ) -> None:
        """ERROR, back the way the packet came (5.4)."""
        peer = self.topology.peer(packet.source)
        if peer is not None:
            self._outbound.error(peer, _request(packet), code, payload, now)

    def register(self, verb: Verb, handler: Handler) -> None:
        """Have packets of a verb handled; the handler may raise `Malformed`, or call `defer`."""
        self._dispatch.register(verb, handler)

    def register_ok(self, in_re_verb: Verb, handler: OkHandler, asked: Asked | None = None) -> None:
        """Have OKs to what we sent with a verb handled.

        ``asked`` says so of those that answer the switch, whose packet IDs are not known here.
        """
        self._dispatch.register_ok(in_re_verb, handler, asked)

    def register_error(self, code: ErrorCode, handler: ErrorHandler) -> None:
        """Have ERRORs of a code handled; they are not matched to anything sent (4.7)."""
        self._dispatch.register_error(code, handler)

    def defer(self, packet: PacketReceived, now: int) -> None:
        """Keep an opened packet up to 5 s: dispatched again every 500 ms and for each new peer."""
        self._deferred.keep(packet, now)
        self._arm_queue(now)

    def trusted(self, address: int, path: Path, now: int) -> None:
        """A packet of the peer by this path proved common membership (4.8)."""
        peer = self.topology.peer(address)
        if peer is None:
            return
        peer.trusted_at = now
        state = self.paths.get(path)
        if now - state.trust_installed_at >= TRUST_REFRESH_MS:
            state.trust_installed_at = now
            self.local.emit(TrustPath(path))

    def whois(self, address: int, now: int) -> None:
        """Ask our upstreams for an identity, unless it is known or was asked for just now."""
        if self.topology.identity_of(address) is None:
            self._whois.ask(address, now)

    def peer(self, address: int) -> Peer | None:
        return self.topology.peer(address)

    def identity_of(self, address: int) -> Identity | None:
        """The identity of a known node, ourselves included."""
        return self.topology.identity_of(address)

    def reachable(self, address: int, _now: int) -> bool:
        """Whether a frame to the node would leave now: a session and a route are installed."""
        return self._tables.route_of(address) is not None

    def count(self, reason: str) -> None:
        """Count a drop or an event by its name."""
        self.local.count(reason)

    @property
    def counters(self) -> Counter[str]:
        """Every counter by name."""
        return self.local.counters

    # Upstreams and worlds

    @property
    def upstreams(self) -> tuple[int, ...]:
        """The roots, without ourselves."""
        return self.topology.upstreams

    def is_upstream(self, address: int) -> bool:
        return self.topology.is_upstream(address)

    def best_upstream(self, now: int) -> int | None:
        """The root that serves best as relay (2.8)."""
        best = self.topology.best_upstream(now)
        return None if best is None else best.address

    @property
    def acting_as_upstream(self) -> bool:
        """Whether we are a root of the planet or of a moon (2.5)."""
        return self.worlds.acting_as_upstream

    @property
    def online(self) -> bool:
        return self._online.online

    def take_world(self, world: World, now: int) -> bool:
        """Take a planet or moon of the user, if the rules allow (2.3)."""
        accepted = self.worlds.accept(world, from_disk=True)
        if accepted:
            self._worlds_changed(now)
        return accepted

    def orbit(self, world_id: int, seed: int, now: int) -> None:
        """Want a moon, to be had from a seed (2.6)."""
        self.worlds.orbit(world_id, seed)
        self.timers.hasten(Timer.CHECK, now)

    def deorbit(self, world_id: int, now: int) -> None:
        """Leave a moon (2.6)."""
        if self.worlds.deorbit(world_id):
            self._worlds_changed(now)

    # Set by the host and the layer above

    def set_physical_networks(self, networks: Iterable[PhysicalNetwork]) -> None:
        """MTU and trusted path ID of physical networks (9)."""
        self.physical.configure(networks)

    def set_hints(self, hints: Callable[[int], Sequence[InetAddress]]) -> None:
        """Static addresses to look for a peer at (7.11)."""
        self._seek.hints = hints

    @property
    def extra_contacts(self) -> Callable[[], Iterable[int]]:
        """Anchors and replicators of joined networks, to be contacted for ever (1.5)."""
        return self._keepalive.extra_contacts

    @extra_contacts.setter
    def extra_contacts(self, contacts: Callable[[], Iterable[int]]) -> None:
        self._keepalive.extra_contacts = contacts

    @property
    def assigned_networks(self) -> Callable[[], Iterable[InetAddress]]:
        """Subnets of our virtual addresses: never a physical path (6.2)."""
        return self.local.assigned_networks

    @assigned_networks.setter
    def assigned_networks(self, networks: Callable[[], Iterable[InetAddress]]) -> None:
        self.local.assigned_networks = networks

    @property
    def path_allowed(self) -> Callable[[int, InetAddress], bool]:
        """The host's veto on a physical address of a peer (7.8)."""
        return self.local.path_allowed

    @path_allowed.setter
    def path_allowed(self, allowed: Callable[[int, InetAddress], bool]) -> None:
        self.local.path_allowed = allowed

    # What the API shows

    def status(self, now: int) -> NodeStatus:
        """Ourselves as of now (05, 7.4)."""
        return node_status(self.local, self.topology, self.surface, now, online=self.online)

    def peer_states(self, now: int) -> tuple[PeerState, ...]:
        """Every peer in memory, ascending by address (05, 7.8)."""
        return peer_states(self.topology, self.routes, self.physical, now)

    def save(self) -> None:
        """Hand every changed peer record to the host, as before a stop."""
        self._cache.save_all()


def _request(packet: PacketReceived) -> Request:
    return Request(packet.path, packet.verb, packet.packet_id)
