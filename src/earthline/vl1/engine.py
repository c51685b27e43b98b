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
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from earthline.effects import (
    Activity,
    DatagramTooLarge,
    DefaultRouteChanged,
    HelloReceived,
    HellosOpened,
    IdentityProved,
    NodeSettings,
    PacketReceived,
    PairRelayed,
    Path,
    PathSeen,
    SocketsChanged,
    SocketsOpened,
    StateLoaded,
    TrustPath,
    TunnelChanged,
    UnknownSource,
    WallClock,
)
from earthline.vl1.ground.gates import prefix_key
from earthline.vl1.ground.local import Emit
from earthline.vl1.ground.timers import Timer
from earthline.vl1.paths.roaming import JUMP_MS
from earthline.vl1.peers.peer import Peer
from earthline.vl1.reasons import Explained, explain
from earthline.vl1.receiving.allowance import affords_more
from earthline.vl1.receiving.dispatch import Asked, ErrorHandler, Handler, OkHandler
from earthline.vl1.sending import credit
from earthline.vl1.sending.answers import request_of
from earthline.vl1.status import NodeStatus, PeerState, Ways, node_status, peer_states
from earthline.vl1.surface.nat import NatReport
from earthline.vl1.wiring import Wiring
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.packet import ErrorCode, Verb
from earthline.wire.reader import Malformed
from earthline.wire.world import World

TRUST_REFRESH_MS = 10_000
"""The switch is told again that a path is trusted at most this often."""
_ANSWERED = frozenset((Verb.NETWORK_CONFIG_REQUEST, Verb.MULTICAST_GATHER))
"""Beside frames, what a peer answers: silence is a reason to doubt the way to it."""


class PeerEngine(Wiring):
    """One node's VL1. ``entropy(n)`` gives n random bytes; ``emit`` takes each command."""

    def __init__(
        self, identity: SecretIdentity, entropy: Callable[[int], bytes], emit: Emit
    ) -> None:
        super().__init__(identity, entropy, emit)
        self._seen_at = 0
        self._on_timer = {
            Timer.CHECK: self._check,
            Timer.HOUSEKEEPING: self._housekeeping,
            Timer.WATCH: self._watch,
            Timer.QUEUE: self._repeat,
            Timer.CONTACT: self._contact_upstreams,
            Timer.PROOF: self._prove,
        }
        self._receivers: dict[type, Callable[[Any, int], None]] = {
            HelloReceived: self._hello.receive_clear,
            UnknownSource: self._stranger,
            PacketReceived: self._dispatch.packet,
            PathSeen: self._path_seen,
            PairRelayed: self._pair_relayed,
            Activity: self._activity.apply,
            HellosOpened: self._hello.greetings.opened,
            IdentityProved: self._proofs.answered,
            WallClock: lambda event, now: self.local.wall.set(event.offset_ms, now),
            SocketsChanged: self._sockets_changed,
            SocketsOpened: self._extra.opened,
            DatagramTooLarge: self.mtu.too_large,
            DefaultRouteChanged: self._rerouted,
            TunnelChanged: self._tunnel_changed,
            StateLoaded: self._state_loaded,
        }

    # Events

    def receive(self, event: object, now: int) -> None:
        """Take an event; those of other layers raise KeyError. What a peer sent never raises."""
        self._note_time(now)
        try:
            self._receivers[type(event)](event, now)
        except Malformed:
            self.local.count(f"malformed_{type(event).__name__}")

    def _stranger(self, event: UnknownSource, now: int) -> None:
        if self._examination.recognises(event) or self._hello.newcomers.answered(event, now):
            return
        if self.twins.recognises(event, now):
            return
        self._deferred.keep_sealed(event.path, event.source, event.packet, now)
        if self.topology.peer(event.source) is None:
            self._whois.ask_foreign(event.source, now, prefix_key(event.path[1]))
        else:
            # It became known while the packet was on its way up.
            self._deferred.release(event.source)

    def _path_seen(self, event: PathSeen, now: int) -> None:
        peer = self.topology.peer(event.source)
        if peer is not None:
            credit.came_in(peer, event.path, event.size, now)
            path = self.paths.get(event.path)
            path.last_in = now
            self._learning.direct(peer, path, now, confirmed=False)

    def _pair_relayed(self, event: PairRelayed, now: int) -> None:
        self._introduction.introduce(event.source, event.destination, now)

    def _sockets_changed(self, event: SocketsChanged, now: int) -> None:
        if self._roaming.apply(event, now):
            self._extra.follow(now)
            self._start_over(now)

    def _rerouted(self, _event: DefaultRouteChanged, now: int) -> None:
        self._roaming.jumped(now, now)
        self._start_over(now)

    def _tunnel_changed(self, event: TunnelChanged, now: int) -> None:
        self._roaming.tunnel(event.up, now)
        self._start_over(now)

    def _state_loaded(self, event: StateLoaded, now: int) -> None:
        try:
            self._state.load(event, now)
        except Malformed:
            self.local.report("state_malformed", kind=event.kind, key=f"{event.key:010x}")
            raise

    # Time

    def next_timeout(self) -> int:
        """When `handle_timeout` wants to be called, in ms of the same clock as ``now``."""
        return self.timers.next()

    def handle_timeout(self, now: int) -> None:
        """Do what is due; calling too early or too late is harmless."""
        self._note_time(now)
        for timer in self.timers.take_due(now):
            self._on_timer[timer](now)

    def _note_time(self, now: int) -> None:
        """Nothing for so long: the host slept, and may be somewhere else."""
        last, self._seen_at = self._seen_at, now
        if last and now - last >= JUMP_MS:
            self._roaming.jumped(last, now)
            self.timers.restart(now)
            self._start_over(now)

    def _start_over(self, now: int) -> None:
        """We may be somewhere else: greet the upstreams, and be eager about it."""
        self._examination.start_over(now)
        self.twins.start_over(now)
        self.spray.start_over(now)
        self._fresh.start_over(now)
        self._approach.start_over()
        self.mtu.start_over(now)
        self._keepalive.start_over(now)
        self.timers.hasten(Timer.CHECK, now)

    def _check(self, now: int) -> None:
        if self.local.families:
            self._keepalive.check(now)
            self._examination.consider(now)
            self.twins.consider(now)
        self._refresh.everything(now)
        self._online.update(now)

    def _housekeeping(self, now: int) -> None:
        self.topology.expire(now)
        self.surface.expire(now)
        self._whois.expire(now)
        self._extra.expire(now)
        self.mtu.expire(now)
        self._cache.save_all(now)

    def _watch(self, now: int) -> None:
        self._vigil.tick(now)
        self._roaming.tick(now)
        self._punch.tick(now)
        self.spray.tick(now)
        self._fresh.tick(now)
        self._approach.tick(now)
        self._examination.tick(now)
        self.mtu.tick(now)
        if not self._watching():
            self.timers.stop(Timer.WATCH)

    def _watching(self) -> bool:
        """Whether anything is still to be done every 100 ms."""
        return not (
            self._vigil.idle()
            and self._roaming.idle()
            and self._punch.idle()
            and self.spray.idle()
            and self._fresh.idle()
            and self._approach.idle()
            and self._examination.idle()
            and self.mtu.idle()
        )

    def _repeat(self, now: int) -> None:
        self._queue.retry(now)
        self._deferred.retry(now)
        self._challenges.retry(now)
        self._whois.work(now)
        for source, ip in sorted(self._deferred.strangers().items()):
            self._whois.ask_foreign(source, now, prefix_key(ip))
        if not self._waiting():
            self.timers.stop(Timer.QUEUE)

    def _contact_upstreams(self, now: int) -> None:
        self.timers.stop(Timer.CONTACT)
        self._keepalive.try_unreached(now)

    def _prove(self, now: int) -> None:
        self.timers.stop(Timer.PROOF)
        self._hello.greetings.work(now)
        self._proofs.work(now)

    def _waiting(self) -> bool:
        return (
            len(self._queue) > 0
            or len(self._deferred) > 0
            or len(self._challenges) > 0
            or not self._whois.idle()
        )

    # For the layer above

    def send(
        self, destination: int, verb: Verb, payload: bytes, now: int, *, compress: bool = False
    ) -> int | None:
        """Send by address (02, 5.1): the wire packet ID, or None while the packet waits for a way.

        Its OKs come to the handler registered for the verb in either case.
        """
        packet_id = self._queue.send(destination, verb, payload, now, compress=compress)
        peer = self.topology.peer(destination)
        if peer is not None and verb in _ANSWERED:
            self._vigil.flows(peer, now, now)
        return packet_id

    def reply_ok(self, packet: PacketReceived, payload: bytes, now: int) -> None:
        """OK, back the way the packet came (02, 5.4)."""
        peer = self.topology.peer(packet.source)
        if peer is not None:
            self._answers.ok(peer, request_of(packet), payload, now)

    def reply_error(
        self, packet: PacketReceived, code: ErrorCode, payload: bytes, now: int
    ) -> None:
        """ERROR, back the way the packet came (02, 5.4)."""
        peer = self.topology.peer(packet.source)
        if peer is not None:
            self._answers.error(peer, request_of(packet), code, payload, now)

    def register(self, verb: Verb, handler: Handler) -> None:
        """Have packets of a verb handled; the handler may raise `Malformed`, or call `defer`."""
        self._dispatch.register(verb, handler)

    def register_ok(self, in_re_verb: Verb, handler: OkHandler, asked: Asked | None = None) -> None:
        """Have OKs to what we sent with a verb handled.

        ``asked`` says so of those that answer the switch, whose packet IDs are not known here.
        """
        self._dispatch.register_ok(in_re_verb, handler, asked)

    def register_error(self, code: ErrorCode, handler: ErrorHandler) -> None:
        """Have ERRORs of a code handled; they are not matched to anything sent (02, 4.7)."""
        self._dispatch.register_error(code, handler)

    def defer(self, packet: PacketReceived, now: int) -> None:
        """Keep an opened packet up to 5 s: dispatched again every 500 ms and for each new peer."""
        self._deferred.keep(packet, now)

    def came_in(self, source: int, path: Path, size: int, now: int) -> None:
        """Of a peer so many authentic bytes came by a path, in a frame (see
        `vl1.sending.credit`).
        """
        self._dispatch.came_in(source, path, size, now)

    def assured(self, packet: PacketReceived, now: int) -> bool:
        """Whether its sender has shown that it is where the packet came from.

        If not, it is asked to, and the packet is dispatched again when it does: for what costs, or
        has others be sent to, much more than it takes to ask for.
        """
        return self._dispatch.assured(packet, now)

    def affords(self, address: int, verb: Verb, tokens: int, now: int) -> bool:
        """Whether what a peer asks for with a verb may cost so much more (see `allowance`)."""
        peer = self.topology.peer(address)
        if peer is None or not affords_more(peer, verb, tokens, now):
            self.local.count(f"gated_{verb.name.lower()}")
            return False
        return True

    def trusted(self, address: int, path: Path, now: int) -> None:
        """A packet of the peer by this path proved common membership (02, 4.8)."""
        peer = self.topology.peer(address)
        if peer is None:
            return
        peer.trusted_at = now
        state = self.paths.get(path)
        if now - state.trust_installed_at >= TRUST_REFRESH_MS:
            state.trust_installed_at = now
            self.local.emit(TrustPath(address, path))

    def whois(self, address: int, now: int) -> None:
        """Ask our upstreams for an identity, unless it is known or was asked for just now."""
        if self.topology.identity_of(address) is None:
            self._whois.ask(address, now)

    def peer(self, address: int) -> Peer | None:
        return self.topology.peer(address)

    def identity_of(self, address: int) -> Identity | None:
        """The identity of a known node, ourselves included."""
        return self.topology.identity_of(address)

    def proven(self, address: int, now: int, path: Path | None = None) -> Identity | None:
        """The identity of a known node whose address is proved to be its own, ours included.

        Else that is looked into: at once if we rely on the node, or in turn with other strangers
        that send by ``path``. What was deferred is dispatched again when it is known.
        """
        if address == self.local.address:
            return self.local.identity.public
        peer = self.topology.peer(address)
        if peer is None or peer.genuine:
            return None if peer is None else peer.identity
        if path is not None and not self.topology.must_prove(address):
            self._proofs.in_turn(peer.identity, prefix_key(path[1]), now)
        else:
            self._whois.need(address, now)
        return None

    def reachable(self, address: int, _now: int) -> bool:
        """Whether a frame to the node would leave now: a session and a route are installed."""
        return self._tables.route_of(address) is not None

    def direct_latency(self, address: int, now: int) -> int | None:
        """Round trip by the node's own path, ms; None without such a path, or while unknown."""
        peer = self.topology.peer(address)
        slot = None if peer is None else peer.best(now)
        latency = -1 if slot is None else slot.path.reported_latency
        return latency if latency >= 0 else None

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
        """The root that serves best as relay (02, 2.8)."""
        best = self.topology.best_upstream(now)
        return None if best is None else best.address

    @property
    def acting_as_upstream(self) -> bool:
        """Whether we are a root of the planet or of a moon (02, 2.5)."""
        return self.worlds.acting_as_upstream

    @property
    def online(self) -> bool:
        return self._online.online

    @property
    def newcomers_room(self) -> int:
        """How many HELLOs of newcomers should come now; more of them would wait here."""
        return self._hello.greetings.room

    def take_world(self, world: World, now: int) -> bool:
        """Take a planet or moon of the user, if the rules allow (02, 2.3)."""
        accepted = self.worlds.accept(world, from_disk=True)
        if accepted:
            self._worlds_changed(now)
        return accepted

    def orbit(self, world_id: int, seed: int, now: int) -> None:
        """Want a moon, to be had from a seed (02, 2.6)."""
        self.worlds.orbit(world_id, seed)
        if self.topology.peer(seed) is not None:
            self._whois.need(seed, now)
        self.timers.hasten(Timer.CHECK, now)

    def deorbit(self, world_id: int, now: int) -> None:
        """Leave a moon (02, 2.6)."""
        if self.worlds.deorbit(world_id):
            self._worlds_changed(now)

    def ask_upstreams(self, size: int, now: int) -> None:
        """Ask every upstream for a sign of life by datagrams of a size (see `checkup`)."""
        self.checkup.ask(size, now)

    def ping(self, address: int, payload: bytes, now: int) -> None:
        """Send a node an ECHO; its answer is emitted as `EchoAnswered` (see `pinging`)."""
        self._pings.ask(address, payload, now)

    # Set by the host and the layer above

    def connect(
        self,
        *,
        contacts: Callable[[], Iterable[int]],
        relied_on: Callable[[int], bool],
        assigned_networks: Callable[[], Iterable[InetAddress]],
    ) -> None:
        """Ask the layer above from now on.

        For ``contacts``: anchors and replicators of joined networks, which are contacted for ever
        (02, 1.5); whether a node is ``relied_on`` as the controller of one, so that it has to be
        who it says it is; and for the subnets of our virtual addresses, which are never a physical
        path (02, 6.2).
        """
        self._keepalive.extra_contacts = contacts
        self.topology.relied_on = relied_on
        self.local.assigned_networks = assigned_networks

    def configure(self, settings: NodeSettings, now: int) -> None:
        """Go by the operator's settings from now on."""
        self.physical.configure(settings.physical_networks)
        self.local.path_allowed = settings.path_allowed
        self.set_low_bandwidth(settings.low_bandwidth, now)
        self._seek.hints = lambda address: settings.hints.get(address, ())
        self.spray.enabled = settings.port_spray
        self.mtu.enable(settings.path_mtu_discovery, now)

    def set_low_bandwidth(self, enabled: bool, now: int) -> None:
        """Whether to say as little as can be, at the price of slower reactions (02, 1.7)."""
        if enabled and not self.local.low_bandwidth:
            # What is not asked about any more may not be used either.
            self.mtu.start_over(now)
        self.local.low_bandwidth = enabled
        self.timers.set_frugal(enabled)

    # What the API shows

    def status(self, now: int) -> NodeStatus:
        """Ourselves as of now (05, 7.4)."""
        return node_status(self.local, self.topology, self.surface, now, online=self.online)

    def peer_states(self, now: int) -> tuple[PeerState, ...]:
        """Every peer in memory, ascending by address (05, 7.8)."""
        nat = cache(self.nat.report)
        ways = Ways(self.physical, self.sizes, self.checkup)
        return peer_states(
            self.local, self.topology, ways, lambda peer: self._judge(peer, nat, now), now
        )

    def explain(self, address: int, now: int) -> Explained | None:
        """How one peer is reached, and why; None if it is not in memory."""
        peer = self.topology.peer(address)
        return None if peer is None else self._judge(peer, self.nat.report, now)

    def _judge(self, peer: Peer, nat: Callable[[], NatReport], now: int) -> Explained:
        route = self.routes.of(peer, now)
        return explain(peer, route, now, topology=self.topology, local=self.local, nat=nat)

    def nat_report(self) -> NatReport:
        """Our NAT, as far as peers' reports tell (02, 7.5)."""
        return self.nat.report()

    def save(self) -> None:
        """Hand every changed peer record to the host, as before a stop."""
        self._cache.save_before_stop(self._seen_at)
