"""The Ethernet engine: the parts of VL2 wired together behind one door (03).

    switch ──punts──▶ receive ──▶ gate, punted frames, gathering
    peers  ──packets─▶ (registered) requests, credentials, announcer, gathering, delegate
    host   ──────────▶ send ──▶ join, leave, what the controller has to say
    timers ──────────▶ handle_timeout ──▶ requests, announcements, housekeeping, held frames

The work is in the modules beside this one; nothing here decides anything about the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from earthline.effects import (
    AckRequested,
    Command,
    CredentialDue,
    Event,
    FramePunted,
    GateRefused,
    GatherRequested,
    HostCommand,
    InstallNetwork,
    Join,
    Leave,
    PacketReceived,
    PortFailed,
    RulesRefused,
    SendConfig,
    SendConfigError,
    SendCredentials,
    StateLoaded,
    SubscriptionsChanged,
)
from earthline.vl2.config.configuration import STORED, Configuration
from earthline.vl2.config.delegate import ControllerDelegate
from earthline.vl2.config.requests import Requests
from earthline.vl2.frames.frames import PuntedFrames
from earthline.vl2.frames.waiting import WaitingFrames
from earthline.vl2.ground.network import BRIDGED_GROUP_MS, Network
from earthline.vl2.ground.underlay import HOUSEKEEPING_MS, TICK_MS, Station, Underlay
from earthline.vl2.members.credentials import CredentialExchange
from earthline.vl2.members.gate import Gate
from earthline.vl2.members.roster import Roster
from earthline.vl2.members.rule_inputs import network_entry, own_rights
from earthline.vl2.multicast.announce import Announcer
from earthline.vl2.multicast.distribution import Distribution
from earthline.vl2.multicast.gather import Gathering
from earthline.vl2.multicast.groups import GroupKey, GroupTable
from earthline.vl2.status import NetworkState, network_state
from earthline.wire.messages.error import Error, UnwantedMulticast
from earthline.wire.messages.frame import ExtFrame, MulticastFrame
from earthline.wire.messages.ok import OkNetwork
from earthline.wire.multicast import MulticastGroup
from earthline.wire.packet import ErrorCode, Verb
from earthline.wire.reader import Malformed

if TYPE_CHECKING:
    from earthline.wall import Wall
    from earthline.wire.credentials.com import CertificateOfMembership
    from earthline.wire.identity import SecretIdentity
    from earthline.wire.inet import InetAddress
    from earthline.wire.network_config import NetworkConfig


class EthernetEngine:
    """One node's VL2, above its peer engine. ``metadata`` goes with every configuration request."""

    def __init__(
        self,
        identity: SecretIdentity,
        underlay: Underlay,
        emit: Callable[[Command], None],
        entropy: Callable[[int], bytes],
        *,
        metadata: bytes,
        now: int,
        wall: Wall,
    ) -> None:
        station = Station(identity, underlay, emit, entropy, {}, wall)
        self._station = station
        self._roster = Roster(station)
        self._groups = GroupTable()
        self._gate = Gate(station, self._roster)
        self._credentials = CredentialExchange(station, self._roster)
        self._configuration = Configuration(station, self._roster)
        self._requests = Requests(station, self._configuration, metadata)
        self._delegate = ControllerDelegate(
            station, self._configuration, self._requests, self._credentials
        )
        self._announcer = Announcer(station, self._roster, self._groups, self._delegate.configured)
        self._gathering = Gathering(station, self._announcer, self._groups, self._credentials)
        self._distribution = Distribution(
            station, self._groups, self._announcer, self._gathering, self._credentials
        )
        self._waiting = WaitingFrames(station)
        self._frames = PuntedFrames(station, self._credentials, self._distribution, self._waiting)
        self._tick_at = now + TICK_MS
        self._housekeeping_at = now + HOUSEKEEPING_MS
        self._configuration.on_applied.append(self._applied)
        self._configuration.on_left.append(self._left)
        underlay.register_error(ErrorCode.UNWANTED_MULTICAST, self._unwanted)

    def set_low_bandwidth(self, enabled: bool, now: int) -> None:
        """Whether to ask for configurations seldom, and push credentials for a change alone."""
        self._station.low_bandwidth = enabled
        for network in self._networks():
            self._roster.reassess(network, now)

    # In

    def receive(self, event: Event, now: int) -> None:
        """An event for this engine; others are ignored."""
        if isinstance(event, FramePunted):
            self._frames.on_frame(event, now)
        elif isinstance(event, GateRefused):
            self._refused(event, now)
        elif isinstance(event, RulesRefused):
            self._gate.on_refused_by_rules(event, now)
        elif isinstance(event, CredentialDue):
            self._frames.on_credential_due(event, now)
        elif isinstance(event, GatherRequested):
            self._gathering.on_requested(event, now)
        elif isinstance(event, AckRequested):
            self._acknowledge(event, now)
        elif isinstance(event, SubscriptionsChanged):
            self._subscribed(event, now)
        elif isinstance(event, PortFailed):
            self._port_failed(event)
        elif isinstance(event, StateLoaded) and event.kind == STORED:
            self._join(event.key, event.data, now)

    def send(self, command: HostCommand, now: int) -> None:
        """A command of the host for this engine; others are ignored."""
        if isinstance(command, Join):
            self._join(command.network, None, now)
        elif isinstance(command, Leave):
            self._configuration.leave(command.network)
        elif isinstance(command, SendConfig):
            self._delegate.send_config(command, now)
        elif isinstance(command, SendConfigError):
            self._delegate.send_error(command, now)
        elif isinstance(command, SendCredentials):
            self._delegate.send_credentials(command, now)

    def settle(self, now: int) -> None:
        """After anything happened: give back frames whose destination became reachable."""
        self._waiting.settle(now)
        self._distribution.settle(now)

    # Time

    def next_timeout(self) -> int:
        """When to be woken."""
        due = [self._tick_at, self._housekeeping_at]
        due += [self._requests.due_at(network) for network in self._networks()]
        parts = (
            self._gate,
            self._waiting,
            self._gathering,
            self._distribution,
            self._credentials,
        )
        due += [at for part in parts if (at := part.next_timeout())]
        return min(due)

    def handle_timeout(self, now: int) -> None:
        """Do what is due."""
        self._gate.handle_timeout(now)
        self._waiting.handle_timeout(now)
        self.go_on(now)
        for network in self._networks():
            if now >= self._requests.due_at(network):
                self._requests.ask(network, now)
        if now >= self._tick_at:
            self._tick_at = now + TICK_MS
            for network in self._networks():
                self._announcer.on_tick(network, now)
            self._forget_members(now)
        if now >= self._housekeeping_at:
            self._housekeeping_at = now + HOUSEKEEPING_MS
            self._housekeep(now)

    def go_on(self, now: int) -> None:
        """Do another part of what takes longer than one packet may take, if it is time."""
        self._gathering.go_on(now)
        self._distribution.go_on(now)
        self._credentials.go_on(now)

    # What others ask

    def networks(self) -> list[NetworkState]:
        """The joined networks."""
        return [network_state(network, self._station.wall) for network in self._networks()]

    def switch_entry(self, network: int) -> InstallNetwork | None:
        """What the switch goes by on a network; None without a configuration."""
        held = self._station.networks.get(network)
        return None if held is None or held.config is None else network_entry(network, held.config)

    def contacts(self) -> Iterable[int]:
        """Nodes that networks want to be kept in contact with (02, 1.5)."""
        return dict.fromkeys(a for network in self._networks() for a in network.contacts)

    def relies_on(self, address: int) -> bool:
        """Whether a node is the controller of a network of ours: what it signs is believed."""
        return any(network.controller == address for network in self._station.networks.values())

    def assigned(self) -> Iterable[InetAddress]:
        """Our addresses on the networks, with their prefixes: never physical paths (02, 7.10)."""
        configs = (network.config for network in self._networks())
        return [ip for config in configs if config is not None for ip in config.addresses]

    # Steps

    def _networks(self) -> list[Network]:
        return list(self._station.networks.values())

    def _join(self, network_id: int, cached: bytes | None, now: int) -> None:
        network = self._configuration.join(network_id, cached, now)
        if network is not None:
            self._requests.ask(network, now)

    def _applied(self, network: Network, previous: NetworkConfig | None, now: int) -> None:
        """A configuration is in force: tell our groups, and choose recipients anew if need be."""
        config = network.config
        if config is None:
            return
        if previous is None:
            self._announcer.on_tick(network, now)
            return
        if _reach(previous) != _reach(config):
            self._distribution.unsettle(network.id)

    def _left(self, network: Network) -> None:
        self._distribution.unsettle(network.id)
        self._credentials.forget(network.id)
        self._gate.forget(network.id)
        self._waiting.forget(network.id)

    def _refused(self, event: GateRefused, now: int) -> None:
        """A certificate inside the refused packet counts before the gate (03, 5.2)."""
        packet = event.packet
        self._station.underlay.came_in(packet.source, packet.path, packet.size, now)
        try:
            certificate = _inline_certificate(event.packet)
        except Malformed:
            self._station.underlay.count("frame_malformed")
            return
        if certificate is not None:
            self._credentials.file(certificate, event.packet, now)
        self._gate.on_refused(event, now)

    def _acknowledge(self, event: AckRequested, now: int) -> None:
        self._station.underlay.came_in(event.source, event.path, event.size, now)
        request = PacketReceived(
            event.path, event.source, event.packet_id, event.hops, 0, Verb.EXT_FRAME, b""
        )
        self._station.underlay.reply_ok(request, OkNetwork(event.network).emit(), now)

    def _subscribed(self, event: SubscriptionsChanged, now: int) -> None:
        network = self._station.networks.get(event.network)
        if network is None:
            return
        before = network.own_groups()
        network.subscriptions = frozenset(MulticastGroup(*group) for group in event.groups)
        self._announcer.announce_new(network, network.subscriptions - before, now)

    def _port_failed(self, event: PortFailed) -> None:
        network = self._station.networks.get(event.network)
        if network is not None:
            self._configuration.port_failed(network, event.error)

    def _unwanted(self, packet: PacketReceived, error: Error, _now: int) -> None:
        """A member does not want a group's frames (03, 2.5)."""
        message = UnwantedMulticast.parse(error.payload)
        network = self._station.networks.get(message.network)
        if network is not None and self._roster.admits(network, packet.source):
            key = GroupKey(message.network, message.group)
            self._distribution.forget(key, packet.source)

    def _forget_members(self, now: int) -> None:
        """Part of the old members of groups each time, so that no call takes long."""
        for key in self._groups.expire(now):
            self._distribution.on_lost(key)

    def _housekeep(self, now: int) -> None:
        self._distribution.expire(now)
        self._delegate.expire(now)
        for network in self._networks():
            self._roster.purge(network, now)
            network.bridged.expire(lambda seen_at: now - seen_at >= BRIDGED_GROUP_MS)


def _reach(config: NetworkConfig) -> tuple[object, ...]:
    """What decides on whom a multicast frame goes to, and who has to hear of us before."""
    groups = (config.multicast_limit, config.bridges, config.replicators, config.broadcast)
    return (*groups, own_rights(config))


def _inline_certificate(packet: PacketReceived) -> CertificateOfMembership | None:
    """The certificate that old peers attach to frames."""
    if packet.verb == Verb.EXT_FRAME:
        return ExtFrame.parse(packet.payload).certificate
    if packet.verb == Verb.MULTICAST_FRAME:
        return MulticastFrame.parse(packet.payload).certificate
    return None
