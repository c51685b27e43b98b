"""Refused frames: credentials are asked for, the frame is held meanwhile (03, 5.2 and 5.3).

Frames overtake the credentials that were sent before them, since those come up here first. So the
gate may judge too early, and so may rules that ask for tags, capabilities or ownership.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earthline.bounded import FairQueue, FairTable
from earthline.effects import DeliverPacket, GateRefused, RulesRefused
from earthline.vl2.ground.underlay import HOLD_MS
from earthline.wire.packet import ErrorCode

if TYPE_CHECKING:
    from earthline.effects import PacketReceived
    from earthline.vl2.ground.membership import Membership
    from earthline.vl2.ground.network import Network
    from earthline.vl2.ground.underlay import Station
    from earthline.vl2.members.roster import Roster

ASK_PERIOD_MS = 1_000
"""One ERROR per (peer, network) and this time; a peer answers no more often than that anyway."""

HELD_LIMIT = 64
"""Frames that wait for credentials."""
ASKED_LIMIT = 4_096
"""Pairs of a network and a sender; one that is forgotten may be asked sooner."""


@dataclass(frozen=True, slots=True)
class _Held:
    network: int
    packet: PacketReceived
    judged: bool
    """It passed the gate; the rules refused it."""
    until: int


class Gate:
    """What happens to frames whose sender is not admitted."""

    def __init__(self, station: Station, roster: Roster) -> None:
        self._station = station
        self._roster = roster
        self._held: FairQueue[int, _Held] = FairQueue(HELD_LIMIT)
        """By their senders: a stranger's flood pushes out none but its own."""
        self._asked_at: FairTable[tuple[int, int], int, int] = FairTable(ASKED_LIMIT)
        """When each sender was last asked on each network."""
        roster.on_admitted.append(self._release)
        roster.on_credentials.append(self._release)

    def on_refused(self, event: GateRefused, now: int) -> None:
        """A frame packet was punted by the switch's gate."""
        network = self._station.networks.get(event.network)
        if network is None or network.config is None:
            self._station.underlay.count("frame_for_unknown_network")
            return
        if self._roster.admits(network, event.packet.source):
            record = self._roster.record(network, event.packet.source)
            if record is not None:
                self._roster.install(network, record, now)
                self._station.emit(DeliverPacket(event.packet))
            return
        self._hold(event.network, event.packet, now, judged=False)

    def on_refused_by_rules(self, event: RulesRefused, now: int) -> None:
        """A frame packet was refused by rules while the switch had no credentials of its sender."""
        network = self._station.networks.get(event.network)
        if network is None or network.config is None:
            return
        record = network.members.get(event.packet.source)
        if record is None or record.com is None:
            self._hold(event.network, event.packet, now, judged=True)
        elif record.installed_credentials is not None:
            # They came between the frame and this event. Who showed a certificate showed all.
            self._station.emit(DeliverPacket(event.packet, judged=True))

    def _hold(self, network: int, packet: PacketReceived, now: int, *, judged: bool) -> None:
        held = _Held(network, packet, judged, now + HOLD_MS)
        if self._held.append(packet.source, held) is not None:
            self._station.underlay.count("frame_held_overflow")
        self._ask(network, packet, now)

    def next_timeout(self) -> int | None:
        """When a held frame is due to be asked for again, or dropped."""
        return min((self._due(held) for held in self._held), default=None)

    def handle_timeout(self, now: int) -> None:
        """Drop what waited too long; ask again for the rest, since the last ERROR may be lost."""
        for _ in self._held.take(lambda held: held.until <= now):
            self._station.underlay.count("frame_held_too_long")
        for held in list(self._held):
            self._ask(held.network, held.packet, now)

    def forget(self, network_id: int) -> None:
        """The network was left."""
        self._held.take(lambda held: held.network == network_id)

    def _due(self, held: _Held) -> int:
        asked_at = self._asked_at.get((held.network, held.packet.source)) or 0
        return min(held.until, asked_at + ASK_PERIOD_MS)

    def _ask(self, network_id: int, packet: PacketReceived, now: int) -> None:
        key = (network_id, packet.source)
        asked_at = self._asked_at.get(key)
        if asked_at is not None and now - asked_at < ASK_PERIOD_MS:
            return
        self._asked_at.put(key, packet.source, now, old=lambda at: now - at >= ASK_PERIOD_MS)
        self._station.underlay.reply_error(
            packet, ErrorCode.NEED_MEMBERSHIP_CERTIFICATE, network_id.to_bytes(8, "big"), now
        )

    def _release(self, network: Network, record: Membership, now: int) -> None:
        """A member became known: what it sent too early is delivered now."""
        if not self._held.of(record.address):
            return
        ripe = self._held.take(
            lambda held: held.network == network.id and held.packet.source == record.address
        )
        for held in ripe:
            if held.until > now:
                self._station.emit(DeliverPacket(held.packet, held.judged))
