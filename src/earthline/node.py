"""The node: peer engine and Ethernet engine behind five verbs.

    receive(event, now)      what the switch punted, or the host learned
    send(command, now)       what the host asks for
    next_timeout()           when to be woken
    handle_timeout(now)
    poll()                   commands for the host, to be carried out in order

``now`` is of a clock that goes on while the host sleeps, and must not go back, nor may a stamp of
the switch lie ahead of it. If one does, nothing raises, but what is due waits until the clock has
caught up, and what may be done only so often is not done before. The wall clock, which is set now
and then, comes as an event (`effects.WallClock`).

The node holds no rule of the protocol itself. What a peer sent never raises out of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from earthline import effects
from earthline.effects import Command, Event, HostCommand, InstallNetwork
from earthline.vl1.engine import PeerEngine
from earthline.vl1.identities.twins import Twin
from earthline.vl1.reasons import Explained
from earthline.vl1.sending.contact import SOFTWARE_VERSION
from earthline.vl1.status import NodeStatus, PeerState, Places, places_of
from earthline.vl1.surface.nat import NatReport
from earthline.vl2.config.configuration import STORED
from earthline.vl2.ethernet import EthernetEngine
from earthline.vl2.status import NetworkState
from earthline.wall import Wall
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.metadata import RequestMetadata
from earthline.wire.world import World

_BELOW = (
    effects.HelloReceived,
    effects.UnknownSource,
    effects.PacketReceived,
    effects.PathSeen,
    effects.PairRelayed,
    effects.Activity,
    effects.HellosOpened,
    effects.IdentityProved,
    effects.WallClock,
    effects.SocketsChanged,
    effects.SocketsOpened,
    effects.DatagramTooLarge,
    effects.DefaultRouteChanged,
    effects.TunnelChanged,
)
"""Events of the peer engine; so are state objects, but for those of networks."""


class Node:
    """One node. ``entropy(n)`` gives n random bytes; controllers are told the ``platform``."""

    def __init__(
        self,
        identity: SecretIdentity,
        entropy: Callable[[int], bytes],
        now: int,
        *,
        platform: str = "linux/x86_64",
    ) -> None:
        self._identity = identity
        self._commands: list[Command] = []
        metadata = RequestMetadata(*SOFTWARE_VERSION, platform).emit()
        self.peers = PeerEngine(identity, entropy, self._emit)
        self.ethernet = EthernetEngine(
            identity,
            self.peers,
            self._emit,
            entropy,
            metadata=metadata,
            now=now,
            wall=self.wall,
        )
        self.peers.connect(
            contacts=self.ethernet.contacts,
            relied_on=self.ethernet.relies_on,
            assigned_networks=self.ethernet.assigned,
        )

    # The five verbs

    def receive(self, event: Event, now: int) -> None:
        """Take an event of the switch or of the host."""
        if isinstance(event, _BELOW) or _is_peer_state(event):
            self.peers.receive(event, now)
        else:
            self.ethernet.receive(event, now)
        self.ethernet.settle(now)

    def send(self, command: HostCommand, now: int) -> None:
        """Take a command of the host; a malformed world, or settings, raise ValueError."""
        match command:
            case effects.Orbit():
                self.peers.orbit(command.world_id, command.seed, now)
            case effects.Deorbit():
                self.peers.deorbit(command.world_id, now)
            case effects.TakeWorld():
                self.peers.take_world(World.parse(command.world), now)
            case effects.AskRoots():
                self.peers.ask_upstreams(command.size, now)
            case effects.Configure():
                self.peers.configure(command.settings, now)
                self.ethernet.set_low_bandwidth(command.settings.low_bandwidth, now)
            case effects.SendEcho():
                self.peers.ping(command.address, command.payload, now)
            case _:
                self.ethernet.send(command, now)
        self.ethernet.settle(now)

    def next_timeout(self) -> int:
        """When `handle_timeout` wants to be called, ms; not later than this."""
        return min(self.peers.next_timeout(), self.ethernet.next_timeout())

    def handle_timeout(self, now: int) -> None:
        """Do all that is due."""
        self.peers.handle_timeout(now)
        self.ethernet.handle_timeout(now)
        self.ethernet.settle(now)

    def poll(self) -> list[Command]:
        """The commands since the last call."""
        commands, self._commands = self._commands, []
        return commands

    @property
    def newcomers_room(self) -> int:
        """How many HELLOs that no known key fits may come now: others had better wait below."""
        return self.peers.newcomers_room

    # What the host shows

    @property
    def address(self) -> int:
        return self._identity.address

    @property
    def wall(self) -> Wall:
        """Unix time, as the host last told of it."""
        return self.peers.local.wall

    @property
    def identity(self) -> Identity:
        """Our public identity."""
        return self._identity.public

    @property
    def online(self) -> bool:
        """Whether a root was heard lately, or we are one."""
        return self.peers.online

    @property
    def planet(self) -> World | None:
        """The planet we hold."""
        return self.peers.worlds.planet

    @property
    def upstreams(self) -> tuple[int, ...]:
        """The roots of the planet and of moons, without ourselves."""
        return self.peers.upstreams

    @property
    def places(self) -> Places:
        """Where we are, as far as we know."""
        return places_of(self.peers.local, self.peers.surface)

    @property
    def acting_as_upstream(self) -> bool:
        """Whether we are a root of the planet or of a moon (02, 2.5)."""
        return self.peers.acting_as_upstream

    @property
    def counters(self) -> Counter[str]:
        """Drops and events of the engines by reason; the switch has its own."""
        return self.peers.counters

    def networks(self) -> list[NetworkState]:
        """The joined networks."""
        return self.ethernet.networks()

    def switch_entry(self, network: int) -> InstallNetwork | None:
        """What the switch goes by on a network; None without a configuration."""
        return self.ethernet.switch_entry(network)

    def peer_states(self, now: int) -> tuple[PeerState, ...]:
        """The known peers."""
        return self.peers.peer_states(now)

    def explain(self, address: int, now: int) -> Explained | None:
        """How a peer is reached, and why; None if it is not known."""
        return self.peers.explain(address, now)

    def status(self, now: int) -> NodeStatus:
        """The node itself: worlds, surface, online."""
        return self.peers.status(now)

    def nat_report(self) -> NatReport:
        """Our NAT, as far as peers' reports tell (02, 7.5)."""
        return self.peers.nat_report()

    def twin(self, now: int) -> Twin | None:
        """Another host with our identity, if there is one."""
        return self.peers.twins.twin(now)

    def astray(self) -> tuple[InetAddress, ...]:
        """The roots by which nothing that is for us reaches us, as if we were elsewhere."""
        return self.peers.twins.astray()

    def here(self) -> tuple[InetAddress, ...]:
        """Where we are, as others see us and as we see ourselves, and as a twin is told."""
        return self.peers.twins.places()

    def save(self) -> None:
        """Have every changed state object stored, as before a stop."""
        self.peers.save()

    def _emit(self, command: Command) -> None:
        self._commands.append(command)


def _is_peer_state(event: Event) -> bool:
    return isinstance(event, effects.StateLoaded) and event.kind != STORED
