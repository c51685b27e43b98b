"""The parts of the peer engine, made and connected: who calls whom, and what follows from a change.

Nothing here decides anything about the protocol.
"""

from __future__ import annotations

from collections.abc import Callable

from earthline.effects import PacketReceived
from earthline.vl1.ground.local import Emit, Local
from earthline.vl1.ground.proofs import Proofs
from earthline.vl1.ground.replies import ExpectedReplies
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.ground.turns import Regulars
from earthline.vl1.identities.collision import Collision
from earthline.vl1.identities.twins import Twins
from earthline.vl1.identities.verdict import Verdicts
from earthline.vl1.paths.keepalive import KeepAlive
from earthline.vl1.paths.learning import Learning
from earthline.vl1.paths.mtu import MtuSearch, PathSizes
from earthline.vl1.paths.roaming import Roaming
from earthline.vl1.paths.switch_refresh import Refresh
from earthline.vl1.paths.switch_tables import SwitchTables
from earthline.vl1.paths.vigil import Vigil
from earthline.vl1.peers.cache import PeerCache
from earthline.vl1.peers.online import Online
from earthline.vl1.peers.path import PathTable
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.physical import PhysicalNetworks
from earthline.vl1.peers.restore import LoadedState
from earthline.vl1.peers.routes import Routes
from earthline.vl1.peers.topology import Topology
from earthline.vl1.peers.worlds import Worlds
from earthline.vl1.receiving.activity import ActivityLog
from earthline.vl1.receiving.dispatch import Dispatch, Rule
from earthline.vl1.receiving.hello import HelloReception
from earthline.vl1.receiving.reception import Reception
from earthline.vl1.sending.answers import Answers
from earthline.vl1.sending.approach import Approach
from earthline.vl1.sending.challenges import Challenges
from earthline.vl1.sending.contact import Contact
from earthline.vl1.sending.outbound import Outbound
from earthline.vl1.sending.seek import Seek
from earthline.vl1.sending.sendqueue import SendQueue
from earthline.vl1.surface.nat import NatWatch
from earthline.vl1.surface.surface import Surface
from earthline.vl1.traversal.examine import Examination
from earthline.vl1.traversal.extra_sockets import ExtraSockets
from earthline.vl1.traversal.fresh import FreshPorts
from earthline.vl1.traversal.punch import Punch
from earthline.vl1.traversal.spray import Spray
from earthline.vl1.traversal.surface_reports import SurfaceReports
from earthline.vl1.verbs.checkup import Checkup
from earthline.vl1.verbs.echo import EchoReplies
from earthline.vl1.verbs.pinging import Pings
from earthline.vl1.verbs.push import PushReception, PushSender
from earthline.vl1.verbs.rendezvous import Introduction, RendezvousReception
from earthline.vl1.verbs.whois import Whois
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.messages.ok import Ok
from earthline.wire.packet import ErrorCode, Verb


class Wiring:
    """Everything a node's VL1 consists of. ``entropy`` and ``emit`` as in the engine."""

    def __init__(
        self, identity: SecretIdentity, entropy: Callable[[int], bytes], emit: Emit
    ) -> None:
        self.local = Local(identity, entropy, emit)
        self.timers = Timers()
        self._build_ground()
        self._build_sending()
        self._build_watching()
        self._build_receiving()
        self._build_duties()
        self._register()

    def _build_ground(self) -> None:
        """What is known: paths, worlds, peers."""
        self.paths = PathTable()
        self.worlds = Worlds(self.local)
        self.topology = Topology(self.local, self.worlds, self.paths)
        self.topology.added, self.topology.dropped = self._added, self._dropped
        self.physical = PhysicalNetworks()
        self.sizes = PathSizes(self.physical)
        self.routes = Routes(self.topology)
        self.surface = Surface()
        self.nat = NatWatch(self.local, self.surface, self.worlds.endpoints)
        self._online = Online(self.local, self.topology)
        self._cache = PeerCache(self.local, self.topology)
        self._regulars = Regulars()
        self._proofs = Proofs(self.local, self.timers, self._regulars, self._proved)
        self._verdicts = Verdicts(self.local, self.topology, self._vouched)

    def _build_sending(self) -> None:
        self._replies = ExpectedReplies()
        self._outbound = Outbound(self.local, self.paths, self._replies, self.physical, self.nat)
        self._contact = Contact(self.local, self.worlds, self._outbound)
        self._challenges = Challenges(self.local, self.timers, self._contact)
        self._answers = Answers(self.local, self._outbound, self._challenges)
        self._seek = Seek(self.local, self.topology, self._contact)
        self._whois = Whois(
            self.local,
            self.topology,
            self.routes,
            self._outbound,
            self._answers,
            timers=self.timers,
            proofs=self._proofs,
            regulars=self._regulars,
            verdicts=self._verdicts,
        )
        self._queue = SendQueue(
            self.local,
            self.topology,
            self.routes,
            self._outbound,
            self._seek,
            timers=self.timers,
            whois=self._whois.need,
        )
        self._tables = SwitchTables(
            self.local, self.topology, self.routes, self.physical, self.sizes
        )
        self._refresh = Refresh(self.topology, self.routes, self._tables, self._queue)
        self._push = PushSender(self.local, self._outbound, self._answers, self.surface, self.nat)
        self._pings = Pings(self._queue.send, self.local.emit)
        self.checkup = Checkup(self.topology, self._contact, self._outbound)

    def _build_watching(self) -> None:
        """What notices that ways are dead, and looks for better ones."""
        self._vigil = Vigil(
            self.timers,
            self.topology,
            self.routes,
            self._contact,
            changed=self._refresh.peer,
            relay_changed=self._refresh.relay,
        )
        self.mtu = MtuSearch(
            self.local,
            self.topology,
            self.routes,
            self._outbound,
            timers=self.timers,
            sizes=self.sizes,
            vigil=self._vigil,
            changed=self._refresh.peer,
        )
        self._extra = ExtraSockets(self.local, self.topology, self.surface, self._refresh.peer)
        self.spray = Spray(
            self.local,
            self.topology,
            self.routes,
            self._contact,
            timers=self.timers,
            push=self._push,
            nat=self.nat,
            sockets=self._extra,
        )
        self._approach = Approach(
            self.local, self.topology, self._contact, timers=self.timers, nat=self.nat
        )
        self._fresh = FreshPorts(
            self.local,
            self.topology,
            self.routes,
            self._contact,
            self._approach,
            timers=self.timers,
            push=self._push,
            nat=self.nat,
            sockets=self._extra,
        )
        self._examination = Examination(
            self.local,
            self.topology,
            self._contact,
            timers=self.timers,
            push=self._push,
            nat=self.nat,
            sockets=self._extra,
        )
        self._punch = Punch(
            self.topology,
            self.routes,
            self._approach,
            timers=self.timers,
            push=self._push,
            nat=self.nat,
            spray=self.spray,
            fresh=self._fresh,
        )
        self._roaming = Roaming(
            self.local,
            self.topology,
            self.routes,
            self._contact,
            timers=self.timers,
            push=self._push,
            surface=self.surface,
            vigil=self._vigil,
            changed=self._refresh.peer,
        )

    def _build_receiving(self) -> None:
        self._learning = Learning(
            self.local,
            self.topology,
            self._challenges,
            vigil=self._vigil,
            changed=self._refresh.peer,
        )
        self._reception = Reception(
            self.paths,
            self._learning,
            self._push,
            self._heard,
            self._vigil,
            challenges=self._challenges,
            examined=self._examination.takes,
        )
        self._dispatch = Dispatch(
            self.local,
            self.topology,
            self._reception,
            self._replies,
            self._challenges,
            timers=self.timers,
        )
        self._deferred = self._dispatch.deferred
        reports = SurfaceReports(
            self.topology, self.paths, self.surface, self._contact, self._refresh.peer
        )
        self._hello = HelloReception(
            self.local,
            self.topology,
            self._answers,
            self._reception,
            reports,
            timers=self.timers,
            contact=self._contact,
            proofs=self._proofs,
            regulars=self._regulars,
            worlds_changed=self._worlds_changed,
            version_learned=self._version_learned,
        )
        self._collision = Collision(self.local, self.topology, self._replies, self._proofs)
        self._activity = ActivityLog(
            self.topology,
            self.paths,
            self.routes,
            self._push,
            vigil=self._vigil,
            punch=self._punch,
            mtu=self.mtu,
            changed=self._refresh.peer,
        )

    def _build_duties(self) -> None:
        self._introduction = Introduction(self.local, self.topology, self._answers)
        self._keepalive = KeepAlive(
            self.local,
            self.topology,
            self.routes,
            self._contact,
            self._seek,
            timers=self.timers,
            whois=self._whois.ask,
            changed=self._refresh.peer,
        )
        self.twins = Twins(self.local, self.topology, self.surface)
        self._state = LoadedState(
            self.local, self.worlds, self._cache, self._proofs, self._worlds_changed
        )

    def _register(self) -> None:
        """Verb → handler, who may send it, its rate gate (02, 4.9, 4.10)."""
        echo = EchoReplies(self.paths, self._answers)
        push = PushReception(
            self.local,
            self.topology,
            self._approach,
            sender=self._push,
            nat=self.nat,
            sprayed=self.spray.heard,
            assured=self._dispatch.assured,
        )
        meeting = RendezvousReception(
            self.topology,
            self._approach,
            whois=self._whois.ask,
            defer=self._deferred.keep,
            introduced=self.spray.introduced,
        )
        rule, ok_rule = self._dispatch.rule, self._dispatch.ok_rule
        rule(Verb.HELLO, Rule(self._hello.receive))
        rule(Verb.WHOIS, Rule(self._whois.receive, gate=self._whois.may_answer))
        rule(Verb.ECHO, Rule(echo.receive, gate=echo.may_answer))
        rule(Verb.RENDEZVOUS, Rule(meeting.receive, upstream_only=True))
        rule(Verb.PUSH_DIRECT_PATHS, Rule(push.receive))
        ok_rule(Verb.HELLO, self._hello.receive_ok)
        ok_rule(Verb.WHOIS, self._whois.receive_ok)
        ok_rule(Verb.ECHO, self._echoed)
        self._dispatch.register_error(ErrorCode.IDENTITY_COLLISION, self._collision.claimed)

    def _echoed(self, peer: Peer, packet: PacketReceived, ok: Ok, now: int) -> None:
        self.checkup.echoed(packet, ok)
        self._pings.echoed(peer, packet, ok)
        self.mtu.echoed(peer, ok, now)

    # What follows from a change

    def _added(self, peer: Peer, now: int) -> None:
        """A peer is known: its packets can be opened, and those for it can leave."""
        self._refresh.peer(peer, now)
        self._deferred.release(peer.address)
        self._queue.retry(now)
        self._deferred.retry(now)

    def _dropped(self, peer: Peer, now: int) -> None:
        if peer.forged:
            self._cache.forget(peer)
        elif not peer.evicted:
            self._cache.save(peer, now)
        self._proofs.forget(peer.address)
        self._tables.remove(peer.address)

    def _proved(self, identity: Identity, valid: bool, now: int) -> None:
        """It is known whether an address belongs to a key: to all that may have waited for it."""
        self._verdicts.apply(identity, now, valid=valid)
        self._whois.proved(identity, now, valid=valid)
        self._hello.newcomers.proved(identity, now, valid=valid)
        self._collision.proved(identity, valid=valid)

    def _vouched(self, peer: Peer, now: int) -> None:
        """A peer that was known before is to be relied on now."""
        self._cache.save(peer, now)
        self._queue.retry(now)
        self._deferred.retry(now)

    def _version_learned(self, peer: Peer, now: int) -> None:
        self._refresh.peer(peer, now)
        self._cache.save(peer, now)

    def _worlds_changed(self, now: int) -> None:
        self.topology.recompute(now)
        self._refresh.relay(now)
        self._online.update(now)
        self._keepalive.start_over(now)
        self.timers.hasten(Timer.CHECK, now)

    def _heard(self, peer: Peer, now: int) -> None:
        if not self._online.online and self.topology.is_contact(peer.address):
            self._online.update(now)
