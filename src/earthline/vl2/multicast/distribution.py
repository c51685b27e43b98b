"""Sending to multicast groups: when a frame leaves, and when the switch may do it alone (03, 8.5).

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

from typing import TYPE_CHECKING

from earthline.bounded import FairTable
from earthline.effects import (
    IngestFrame,
    InstallMulticast,
    InstallReplicator,
    RemoveMulticast,
)
from earthline.vl2.ground.parts import Parts
from earthline.vl2.ground.underlay import HOLD_MS
from earthline.vl2.members.roster import NEVER
from earthline.vl2.multicast.groups import GroupKey, GroupTable, group_of
from earthline.vl2.multicast.recipients import Recipients
from earthline.vl2.multicast.sending import (
    QUEUE_LIMIT,
    Incoming,
    Queued,
    Sending,
    Shipment,
    entry_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from earthline.vl2.ground.network import Network
    from earthline.vl2.ground.underlay import Station
    from earthline.vl2.members.credentials import CredentialExchange
    from earthline.vl2.multicast.announce import Announcer
    from earthline.vl2.multicast.gather import Gathering
    from earthline.wire.multicast import MulticastGroup
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

LATE_LIMIT = 8_192
"""New members of groups that wait for their turn."""
LATE_AT_ONCE = 8
"""So many have theirs together."""

STATE_LIMIT = 16_384
"""Groups we send to, over all networks."""


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
        self._recipients = Recipients(station, table)
        self._announcer = announcer
        self._gathering = gathering
        self._credentials = credentials
        self._sending: FairTable[GroupKey, int, Sending] = FairTable(STATE_LIMIT)
        """By whose frames it is for: our own (0), or a member's that we replicate for."""
        self._awaiting: set[GroupKey] = set()
        """Groups with unreached recipients."""
        self._keys: dict[bytes, GroupKey] = {}
        """The same groups, as announcements have them."""
        self._late: Parts[int, tuple[GroupKey, int]] = Parts(LATE_LIMIT)
        """New members of groups that are still to be told to the switch, by who told us."""
        announcer.on_learned.append(self.on_learned)

    def on_frame(self, network: Network, frame: bytes, now: int, *, origin: int = 0) -> None:
        """A frame to a group whose recipients the switch does not know.

        It comes from the TAP, or from the member ``origin`` that asked us to replicate it.
        """
        config = network.config
        if config is None or config.multicast_limit == 0:
            self._station.underlay.count("multicast_disabled")
            return
        key = GroupKey(network.id, group_of(frame, broadcast=config.broadcast))
        if origin == 0:
            self._note_bridged(network, key.group, frame, now)
            replicator = self._recipients.replicator(network, config, now)
            if replicator is not None:
                self._hand_off(key, frame, replicator, now)
                return
        if self._recipients.suffice(config, key):
            self._send_to_sample(network, config, key, Incoming(frame, origin), now)
        else:
            self._send_to_all(network, config, key, Incoming(frame, origin), now)

    def on_learned(self, pairs: Iterable[tuple[bytes, int]], teller: int, now: int) -> None:
        """Groups have new members, as somebody says: they themselves, or who was asked.

        Who joins may announce hundreds of groups that we send to, and who is asked may name
        thousands of members: what follows from that takes longer than to note it, and is done a
        part at a time.
        """
        ours = [(self._keys[code], member) for code, member in pairs if code in self._keys]
        # Whoever waits comes first.
        at_once = 0 if len(self._late) else LATE_AT_ONCE
        for key, member in ours[:at_once]:
            self._include(key, member, now)
        for late in ours[at_once:]:
            self._late.put_off(teller, late, now)

    def go_on(self, now: int) -> None:
        """Include some more of the new members that were noted, if it is time."""
        for key, member in self._late.take(LATE_AT_ONCE, now):
            self._include(key, member, now)

    def next_timeout(self) -> int | None:
        """When to be woken for them, if there are any."""
        return self._late.next_timeout()

    def _include(self, key: GroupKey, member: int, now: int) -> None:
        """A member gets what is queued for a group, and what is settled includes it."""
        network, sending = self._station.networks.get(key.network), self._sending.get(key)
        if network is None or network.config is None or sending is None:
            return
        limit = network.config.multicast_limit
        if not sending.is_settled_for(limit):
            self._resettle(network.config, key, sending)
        if sending.expire(now) and sending.waits_for_members(limit):
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
            queued = sending.expire(now)
            idle = sending.asked_at is None or now - sending.asked_at >= GATHER_PERIOD_MS
            if not queued and idle and not self._table.count(key):
                self._drop(key)

    # Sending

    def _send_to_sample(
        self, network: Network, config: NetworkConfig, key: GroupKey, incoming: Incoming, now: int
    ) -> None:
        """At least as many members as the limit: all bridges, then members at random."""
        everybody = self._table.count(key) == config.multicast_limit
        recipients = self._recipients.choose(config, key)
        lasts_ms = GATHER_PERIOD_MS if everybody else RESHUFFLE_MS
        sending = self._state(key, incoming.origin)
        sending.settled = entry_of(key, recipients, 0, now + lasts_ms)
        self._deliver(network, Shipment(key, incoming.frame, recipients, 1, incoming.origin), now)

    def _send_to_all(
        self, network: Network, config: NetworkConfig, key: GroupKey, incoming: Incoming, now: int
    ) -> None:
        """Fewer members than the limit: everybody known, and whoever is learned soon."""
        sending = self._state(key, incoming.origin)
        recipients = self._recipients.choose(config, key)
        known = self._table.count(key)
        wanted = config.multicast_limit - known + 1
        period_ms = GATHER_PERIOD_MS if known else EMPTY_GATHER_PERIOD_MS
        if sending.asked_at is None or now - sending.asked_at >= period_ms:
            sending.asked_at = now
            self._gathering.ask(network, key.group, wanted, now)
        reached = {a for a in recipients if self._station.underlay.reachable(a, now)}
        sending.expire(now)
        frame, origin = incoming
        sending.queue.append(origin, Queued(frame, now + HOLD_MS, {origin, *reached}, origin))
        self._await(key, sending, set(recipients) - reached - {origin})
        sending.settled = self._settled(key, sending, recipients, now)
        if recipients:
            self._deliver(network, Shipment(key, frame, recipients, wanted, origin), now)
        elif sending.settled is not None:
            self._station.emit(sending.settled)

    def _settled(
        self, key: GroupKey, sending: Sending, recipients: list[int], now: int
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
        return entry_of(key, recipients, 0, refresh_at)

    # Through the switch

    def _hand_off(self, key: GroupKey, frame: bytes, replicator: int, now: int) -> None:
        """The replicator sends it on; no credentials are pushed for that (03, 4.8 and 8.5)."""
        entry = InstallReplicator(key.network, *key.group, replicator, now + REPLICATOR_MS)
        self._state(key, 0).settled = entry
        self._station.emit(entry)
        self._station.emit(IngestFrame(key.network, frame))

    def _deliver(self, network: Network, shipment: Shipment, now: int) -> None:
        """Send a frame to its recipients, then leave what is settled."""
        for address in shipment.recipients:
            self._credentials.make_ready(network, address, now)
            if not self._station.underlay.reachable(address, now):
                self._station.underlay.whois(address, now)
        self._gathering.expect(shipment.key, shipment.recipients, shipment.gather_limit, now)
        self._emit_through(network, shipment)
        self._station.emit(self._lasting(shipment.key))

    def _emit_through(self, network: Network, shipment: Shipment) -> None:
        self._station.emit(shipment.entry(NEVER))
        self._station.emit(IngestFrame(network.id, shipment.frame, shipment.origin))

    def _lasting(self, key: GroupKey) -> InstallMulticast | InstallReplicator | RemoveMulticast:
        sending = self._sending.get(key)
        settled = None if sending is None else sending.settled
        return settled or RemoveMulticast(key.network, *key.group)

    def _catch_up(
        self, network: Network, config: NetworkConfig, key: GroupKey, member: int, now: int
    ) -> None:
        """Give one member the queued frames it did not get."""
        sending = self._sending.get(key)
        if sending is None:
            return
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
            shipment = Shipment(key, queued.frame, [member], 0, queued.origin)
            self._emit_through(network, shipment)
        if missed:
            self._station.emit(self._lasting(key))

    def _await(self, key: GroupKey, sending: Sending, members: set[int]) -> None:
        sending.unreached |= members
        if sending.unreached:
            self._awaiting.add(key)

    def _settle_one(self, key: GroupKey, sending: Sending, now: int) -> None:
        network = self._station.networks.get(key.network)
        if not sending.expire(now) or network is None or network.config is None:
            sending.unreached.clear()
            return
        for member in sorted(sending.unreached):
            self._catch_up(network, network.config, key, member, now)

    def _resettle(self, config: NetworkConfig, key: GroupKey, sending: Sending) -> None:
        """Members came or went: the settled entry follows, its time stays."""
        settled = sending.settled
        if not isinstance(settled, InstallMulticast):
            return
        recipients = self._recipients.choose(config, key)
        sending.settled = entry_of(key, recipients, 0, settled.refresh_at)
        self._station.emit(sending.settled)

    # State

    def _note_bridged(
        self, network: Network, group: MulticastGroup, frame: bytes, now: int
    ) -> None:
        """A frame bridged in shows a group behind us (03, 8.5)."""
        source = int.from_bytes(frame[6:12], "big")
        if source == network.mac or not network.is_bridge:
            return
        is_new = group not in network.own_groups()
        full = network.bridged.put(group, source, now) is not None
        # While the host behind us that shows most groups only shows others, they can wait for the
        # announcement of all: else each of its frames would be one packet more to every member.
        if is_new and not full:
            self._announcer.announce_new(network, [group], now)

    def _state(self, key: GroupKey, origin: int) -> Sending:
        sending = self._sending.get(key)
        ours = origin == 0 or self._sending.holder_of(key) == 0
        evicted = self._sending.put(key, 0 if ours else origin, sending or Sending())
        self._keys[key.emit()] = key
        if evicted is not None:
            self._uninstall(*evicted)
        return self._sending[key]

    def _drop(self, key: GroupKey) -> None:
        sending = self._sending.pop(key)
        if sending is not None:
            self._uninstall(key, sending)

    def _uninstall(self, key: GroupKey, sending: Sending) -> None:
        del self._keys[key.emit()]
        if sending.settled is not None:
            self._station.emit(RemoveMulticast(key.network, *key.group))
