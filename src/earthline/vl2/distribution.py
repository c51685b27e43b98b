"""Sending to multicast groups: who receives a frame, and when the switch may do it alone (03, 8.5).

A frame reaches its recipients only through the switch, so that the network's rules see it, once and
again per recipient. What is decided here is therefore installed before the frame is handed back:

    punt ─▶ InstallMulticast(recipients) ─▶ IngestFrame ─▶ RemoveMulticast, or the settled entry

The entry is removed while a gather is outstanding, so that frames keep coming here and are queued
for members learned late; those get them through an entry of their own. Once a gather had its time,
the settled entry stays until the next gather is due, and the frames of the group stay in the
switch. (A frame for late members passes the first set of rules again, so a TEE there sees it
again.)
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from earthline.effects import (
    IngestFrame,
    InstallMulticast,
    InstallReplicator,
    RemoveMulticast,
)
from earthline.vl2.groups import GroupKey, GroupTable
from earthline.vl2.network import BRIDGED_GROUP_LIMIT
from earthline.vl2.roster import NEVER
from earthline.vl2.underlay import HOLD_MS
from earthline.wire.mac import BROADCAST
from earthline.wire.multicast import MulticastGroup

if TYPE_CHECKING:
    from earthline.vl2.announce import Announcer
    from earthline.vl2.credentials import CredentialExchange
    from earthline.vl2.gather import Gathering
    from earthline.vl2.network import Network
    from earthline.vl2.underlay import Station
    from earthline.wire.network_config import NetworkConfig

GATHER_PERIOD_MS = 60_000
"""Explicit gathers of a group with known members are this far apart."""

EMPTY_GATHER_PERIOD_MS = 500
"""The same where no member is known; a stock node asks for every frame."""

GATHER_WINDOW_MS = 1_000
"""How long answers to a gather are waited for before the entry settles."""

REPLICATOR_MS = 5_000
"""How long frames of a group go to the same replicator before the choice is made again."""

RESHUFFLE_MS = 1_000
"""How long the same recipients are used where not all members of a group get a frame."""

QUEUE_LIMIT = 32
"""Frames of one group queued for members learned late."""

STATE_LIMIT = 16_384
"""Groups we send to, over all networks."""

_ETHERTYPE_ARP = 0x0806
_ARP_LENGTH = 14 + 28


def group_of(frame: bytes) -> MulticastGroup:
    """The group of an Ethernet frame to a multicast MAC (03, 8.5); ARP requests ask one per IP."""
    destination = int.from_bytes(frame[:6], "big")
    if destination == BROADCAST and _is_arp_request(frame):
        return MulticastGroup(BROADCAST, int.from_bytes(frame[38:42], "big"))
    return MulticastGroup(destination, 0)


def _is_arp_request(frame: bytes) -> bool:
    """For IPv4 on Ethernet: protocol 0800, lengths 6 and 4, operation 1."""
    return (
        len(frame) >= _ARP_LENGTH
        and int.from_bytes(frame[12:14], "big") == _ETHERTYPE_ARP
        and frame[16:20] == b"\x08\x00\x06\x04"
        and frame[21] == 1
    )


class _Incoming(NamedTuple):
    """A frame to send: our own, or that of the member ``origin``."""

    frame: bytes
    origin: int


@dataclass(frozen=True, slots=True)
class _Shipment:
    """A frame, whom it goes to, and how many more members it asks for on the way."""

    key: GroupKey
    frame: bytes
    recipients: list[int]
    gather_limit: int
    origin: int = 0
    """The member for which we replicate it; 0: it is our own."""

    def entry(self, refresh_at: int) -> InstallMulticast:
        """What makes the switch send it so."""
        return _entry(self.key, self.recipients, self.gather_limit, refresh_at)


def _entry(
    key: GroupKey, recipients: list[int], gather_limit: int, refresh_at: int
) -> InstallMulticast:
    network, (mac, adi) = key
    return InstallMulticast(network, mac, adi, tuple(recipients), gather_limit, refresh_at)


@dataclass(slots=True)
class _Queued:
    frame: bytes
    until: int
    sent: set[int]
    origin: int


@dataclass(slots=True)
class _Sending:
    """What we know of sending to one group."""

    asked_at: int | None = None
    queue: deque[_Queued] = field(default_factory=lambda: deque(maxlen=QUEUE_LIMIT))
    settled: InstallMulticast | InstallReplicator | None = None
    unreached: set[int] = field(default_factory=set)
    """Recipients without a route, whom queued frames still await."""


class Distribution:
    """Sends the frames of the TAP to multicast groups."""

    def __init__(
        self,
        station: Station,
        table: GroupTable,
        announcer: Announcer,
        gathering: Gathering,
        credentials: CredentialExchange,
    ) -> None:
        self._station = station
        self._table = table
        self._announcer = announcer
        self._gathering = gathering
        self._credentials = credentials
        self._sending: OrderedDict[GroupKey, _Sending] = OrderedDict()
        self._awaiting: set[GroupKey] = set()
        """Groups with unreached recipients."""
        announcer.on_learned.append(self.on_learned)

    def on_frame(self, network: Network, frame: bytes, now: int, *, origin: int = 0) -> None:
        """A frame to a group whose recipients the switch does not know.

        It comes from the TAP, or from the member ``origin`` that asked us to replicate it.
        """
        config = network.config
        if config is None or config.multicast_limit == 0:
            self._station.underlay.count("multicast_disabled")
            return
        key = GroupKey(network.id, group_of(frame))
        if origin == 0:
            self._note_bridged(network, key.group, frame, now)
            replicator = self._replicator(network, config, now)
            if replicator is not None:
                self._hand_off(key, frame, replicator, now)
                return
        if len(self._table.members(key)) >= config.multicast_limit:
            self._send_to_sample(network, config, key, _Incoming(frame, origin), now)
        else:
            self._send_to_all(network, config, key, _Incoming(frame, origin), now)

    def on_learned(self, key: GroupKey, member: int, now: int) -> None:
        """A group has a new member: it gets what is queued, and what is settled includes it."""
        network, sending = self._station.networks.get(key.network), self._sending.get(key)
        if network is None or network.config is None or sending is None:
            return
        self._resettle(network.config, key, sending)
        if self._expire_queue(sending, now):
            self._credentials.make_ready(network, member, now)
            self._catch_up(network, network.config, key, member, now)

    def forget(self, key: GroupKey, member: int) -> None:
        """A member does not want the group (03, 2.5)."""
        if self._table.forget(key, member):
            self.on_lost(key)

    def on_lost(self, key: GroupKey) -> None:
        """A group lost a member."""
        network, sending = self._station.networks.get(key.network), self._sending.get(key)
        if network is not None and network.config is not None and sending is not None:
            self._resettle(network.config, key, sending)

    def settle(self, now: int) -> None:
        """Deliver what is queued to recipients whose route has come up since."""
        for key in sorted(self._awaiting):
            sending = self._sending.get(key)
            if sending is not None:
                self._settle_one(key, sending, now)
            if sending is None or not sending.unreached:
                self._awaiting.discard(key)

    def unsettle(self, network_id: int) -> None:
        """The limits or bridges of a network changed, or it is left: forget what was installed."""
        for key in [key for key in self._sending if key.network == network_id]:
            self._drop(key)

    def expire(self, now: int) -> None:
        """Forget old frames, and groups nothing is known of any more."""
        for key, sending in list(self._sending.items()):
            queued = self._expire_queue(sending, now)
            idle = sending.asked_at is None or now - sending.asked_at >= GATHER_PERIOD_MS
            if not queued and idle and not self._table.members(key):
                self._drop(key)

    # Choosing recipients

    def _send_to_sample(
        self, network: Network, config: NetworkConfig, key: GroupKey, incoming: _Incoming, now: int
    ) -> None:
        """At least as many members as the limit: all bridges, then members at random."""
        everybody = len(self._table.members(key)) == config.multicast_limit
        recipients = self._sample(config, key)
        lasts_ms = GATHER_PERIOD_MS if everybody else RESHUFFLE_MS
        sending = self._state(key)
        sending.settled = _entry(key, recipients, 0, now + lasts_ms)
        self._deliver(network, _Shipment(key, incoming.frame, recipients, 1, incoming.origin), now)

    def _send_to_all(
        self, network: Network, config: NetworkConfig, key: GroupKey, incoming: _Incoming, now: int
    ) -> None:
        """Fewer members than the limit: everybody known, and whoever is learned soon."""
        sending = self._state(key)
        recipients = self._everybody(config, key)
        wanted = config.multicast_limit - len(self._table.members(key)) + 1
        self._ask_if_due(network, key, sending, wanted, now)
        reached = {a for a in recipients if self._station.underlay.reachable(a, now)}
        self._expire_queue(sending, now)
        frame, origin = incoming
        sending.queue.append(_Queued(frame, now + HOLD_MS, {origin, *reached}, origin))
        self._await(key, sending, set(recipients) - reached - {origin})
        sending.settled = self._settled(key, sending, recipients, now)
        if recipients:
            self._deliver(network, _Shipment(key, frame, recipients, wanted, origin), now)
        elif sending.settled is not None:
            self._station.emit(sending.settled)

    def _ask_if_due(
        self, network: Network, key: GroupKey, sending: _Sending, wanted: int, now: int
    ) -> None:
        known = bool(self._table.members(key))
        period_ms = GATHER_PERIOD_MS if known else EMPTY_GATHER_PERIOD_MS
        if sending.asked_at is None or now - sending.asked_at >= period_ms:
            sending.asked_at = now
            self._gathering.ask(network, key.group, wanted, now)

    def _settled(
        self, key: GroupKey, sending: _Sending, recipients: list[int], now: int
    ) -> InstallMulticast | None:
        """The entry to leave in the switch; None while more frames should come here."""
        asked_at = now if sending.asked_at is None else sending.asked_at
        if not recipients:
            # A full queue gains nothing by more frames until the next gather.
            if len(sending.queue) < QUEUE_LIMIT:
                return None
            refresh_at = asked_at + EMPTY_GATHER_PERIOD_MS
        elif now - asked_at < GATHER_WINDOW_MS:
            return None
        else:
            refresh_at = asked_at + GATHER_PERIOD_MS
        return _entry(key, recipients, 0, refresh_at)

    def _sample(self, config: NetworkConfig, key: GroupKey) -> list[int]:
        bridges = self._bridges(config)
        others = [a for a in self._table.members(key) if a not in bridges]
        left = max(config.multicast_limit - len(bridges), 0)
        return bridges[: config.multicast_limit] + self._station.sample(others, left)

    def _everybody(self, config: NetworkConfig, key: GroupKey) -> list[int]:
        bridges = self._bridges(config)
        return bridges + [a for a in self._table.members(key) if a not in bridges]

    def _bridges(self, config: NetworkConfig) -> list[int]:
        return [address for address in config.bridges if address != self._station.address]

    def _replicator(self, network: Network, config: NetworkConfig, now: int) -> int | None:
        """The nearest replicator with a path of its own, for those that may hand frames off."""
        if network.is_bridge or network.own_address in config.replicators:
            return None
        near = [
            (latency, address)
            for address in config.replicators
            if (latency := self._station.underlay.direct_latency(address, now)) is not None
        ]
        return min(near)[1] if near else None

    # Through the switch

    def _hand_off(self, key: GroupKey, frame: bytes, replicator: int, now: int) -> None:
        """The replicator sends it on; no credentials are pushed for that (03, 4.8 and 8.5)."""
        entry = InstallReplicator(key.network, *key.group, replicator, now + REPLICATOR_MS)
        self._state(key).settled = entry
        self._station.emit(entry)
        self._station.emit(IngestFrame(key.network, frame))

    def _deliver(self, network: Network, shipment: _Shipment, now: int) -> None:
        """Send a frame to its recipients, then leave what is settled."""
        for address in shipment.recipients:
            self._credentials.make_ready(network, address, now)
            if not self._station.underlay.reachable(address, now):
                self._station.underlay.whois(address, now)
        self._gathering.expect(shipment.key, shipment.recipients, now)
        self._emit_through(network, shipment)
        self._station.emit(self._lasting(shipment.key))

    def _emit_through(self, network: Network, shipment: _Shipment) -> None:
        self._station.emit(shipment.entry(NEVER))
        self._station.emit(IngestFrame(network.id, shipment.frame, shipment.origin))

    def _lasting(self, key: GroupKey) -> InstallMulticast | InstallReplicator | RemoveMulticast:
        settled = self._state(key).settled
        return settled or RemoveMulticast(key.network, *key.group)

    def _catch_up(
        self, network: Network, config: NetworkConfig, key: GroupKey, member: int, now: int
    ) -> None:
        """Give one member the queued frames it did not get."""
        sending = self._state(key)
        if not self._station.underlay.reachable(member, now):
            self._station.underlay.whois(member, now)
            self._await(key, sending, {member})
            return
        sending.unreached.discard(member)
        missed = [
            queued
            for queued in sending.queue
            if member not in queued.sent and len(queued.sent) < config.multicast_limit
        ]
        for queued in missed:
            queued.sent.add(member)
            shipment = _Shipment(key, queued.frame, [member], 0, queued.origin)
            self._emit_through(network, shipment)
        if missed:
            self._station.emit(self._lasting(key))

    def _await(self, key: GroupKey, sending: _Sending, members: set[int]) -> None:
        sending.unreached |= members
        if sending.unreached:
            self._awaiting.add(key)

    def _settle_one(self, key: GroupKey, sending: _Sending, now: int) -> None:
        network = self._station.networks.get(key.network)
        if not self._expire_queue(sending, now) or network is None or network.config is None:
            sending.unreached.clear()
            return
        for member in sorted(sending.unreached):
            self._catch_up(network, network.config, key, member, now)

    def _resettle(self, config: NetworkConfig, key: GroupKey, sending: _Sending) -> None:
        """Members came or went: the settled entry follows, its time stays."""
        settled = sending.settled
        if not isinstance(settled, InstallMulticast):
            return
        if len(self._table.members(key)) >= config.multicast_limit:
            recipients = self._sample(config, key)
        else:
            recipients = self._everybody(config, key)
        sending.settled = _entry(key, recipients, 0, settled.refresh_at)
        self._station.emit(sending.settled)

    # State

    def _note_bridged(
        self, network: Network, group: MulticastGroup, frame: bytes, now: int
    ) -> None:
        """A frame bridged in shows a group behind us (03, 8.5)."""
        if int.from_bytes(frame[6:12], "big") == network.mac or not network.is_bridge:
            return
        is_new = group not in network.own_groups()
        if is_new and len(network.bridged) >= BRIDGED_GROUP_LIMIT:
            return
        network.bridged[group] = now
        if is_new:
            self._announcer.announce_new(network, [group], now)

    def _state(self, key: GroupKey) -> _Sending:
        sending = self._sending.get(key)
        if sending is None:
            sending = self._sending[key] = _Sending()
            if len(self._sending) > STATE_LIMIT:
                self._drop(next(iter(self._sending)))
        return sending

    def _drop(self, key: GroupKey) -> None:
        if self._sending.pop(key).settled is not None:
            self._station.emit(RemoveMulticast(key.network, *key.group))

    def _expire_queue(self, sending: _Sending, now: int) -> bool:
        """Whether any frame is left in the queue."""
        while sending.queue and sending.queue[0].until <= now:
            sending.queue.popleft()
        if not sending.queue:
            sending.unreached.clear()
        return bool(sending.queue)
