"""Announcing our multicast groups, and recording those of others: MULTICAST_LIKE (03, 8.3)."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from earthline.vl2.multicast.groups import GroupKey, GroupTable
from earthline.wire.address import is_reserved
from earthline.wire.messages.multicast import MulticastLike, split_likes
from earthline.wire.packet import Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from earthline.effects import PacketReceived
    from earthline.vl2.ground.membership import Membership
    from earthline.vl2.ground.network import Network
    from earthline.vl2.ground.underlay import Station
    from earthline.vl2.members.roster import Roster
    from earthline.wire.multicast import MulticastGroup

ANNOUNCE_PERIOD_MS = 60_000
"""Groups are announced again this often (03, 8.3); others forget them after 600 s."""

REPEAT_MS = 5_000
"""A first announcement is unacknowledged and may be lost, so it is repeated after this once."""

MAX_NETWORKS = 32
"""Of one packet whose groups are recorded: stock nodes and ours name one."""

_ID_LENGTH = 8
"""Bytes of a network ID."""

_GROUPS_PER_PACKET = 540
"""18 bytes each, below the packet limit with room for the header."""


class Announcer:
    """Both directions of MULTICAST_LIKE."""

    def __init__(
        self,
        station: Station,
        roster: Roster,
        table: GroupTable,
        configured: Callable[[int, int, int], bool],
    ) -> None:
        """``configured(network, member, now)``: our controller configured the member lately."""
        self._station = station
        self._roster = roster
        self._table = table
        self._configured = configured
        self.on_learned: list[Callable[[list[tuple[bytes, int]], int, int], None]] = []
        """Called with pairs of a group of a joined network (`GroupKey.emit`) and a new member of
        it, with who said so, and the time."""
        station.underlay.register(Verb.MULTICAST_LIKE, self.on_like)
        roster.on_admitted.append(self._on_admitted)

    # Ours to them

    def on_tick(self, network: Network, now: int) -> None:
        """Announce all groups to whoever was not told for a minute."""
        if network.config is None:
            return
        upstream = self.upstream_set(network)
        self._forget_strangers(network, upstream)
        for address in upstream:
            due_at = network.announced.get(address)
            if due_at is None:
                self._announce(network, address, network.groups(), now)
                network.announced[address] = now + REPEAT_MS
            elif now >= due_at:
                self._announce(network, address, network.groups(), now)
                network.announced[address] = now + ANNOUNCE_PERIOD_MS
        for record in self._admitted(network, upstream):
            self._announce_to_member(network, record, now)

    def _on_admitted(self, network: Network, record: Membership, now: int) -> None:
        """A member passes the gate: tell it our groups unless it knows them (03, 5.1)."""
        # On a public network everybody passes; whom we only send to waits for the tick.
        if network.config is None or network.config.public:
            return
        # The upstream set is told anyway, at times of its own.
        if record.address not in self.upstream_set(network):
            self._announce_to_member(network, record, now)

    def _announce_to_member(self, network: Network, record: Membership, now: int) -> None:
        if now - record.announced_at >= ANNOUNCE_PERIOD_MS:
            record.announced_at = now
            self._announce(network, record.address, network.groups(), now)

    def announce_new(self, network: Network, groups: Iterable[MulticastGroup], now: int) -> None:
        """Newly subscribed groups are announced at once, alone, to everybody."""
        fresh = sorted(groups)
        if network.config is None or not fresh:
            return
        upstream = self.upstream_set(network)
        for address in upstream:
            self._announce(network, address, fresh, now)
        for record in self._admitted(network, upstream):
            self._announce(network, record.address, fresh, now)

    def upstream_set(self, network: Network) -> list[int]:
        """Who keeps groups for others: contacts, the controller, the roots (03, 8.3)."""
        controller = network.controller
        wanted = (
            *network.contacts,
            *(() if controller is None else (controller,)),
            *self._station.underlay.upstreams,
        )
        return [a for a in dict.fromkeys(wanted) if a != self._station.address]

    def _admitted(self, network: Network, told: list[int]) -> list[Membership]:
        known = set(told)
        return [
            record
            for record in list(network.members.values())
            if record.address not in known
            and record.installed is not None
            and record.installed.admitted
        ]

    def _forget_strangers(self, network: Network, upstream: list[int]) -> None:
        for address in set(network.announced).difference(upstream):
            del network.announced[address]

    def _announce(
        self, network: Network, address: int, groups: list[MulticastGroup], now: int
    ) -> None:
        for at in range(0, len(groups), _GROUPS_PER_PACKET):
            part = groups[at : at + _GROUPS_PER_PACKET]
            message = MulticastLike(tuple((network.id, group) for group in part))
            self._station.underlay.send(
                address, Verb.MULTICAST_LIKE, message.emit(), now, compress=True
            )

    # Theirs to us

    def on_like(self, packet: PacketReceived, now: int) -> None:
        """Record the sender under each group it may announce to us."""
        by_network: dict[bytes, list[bytes]] = {}
        for code in split_likes(packet.payload):
            by_network.setdefault(code[:_ID_LENGTH], []).append(code)
        if len(by_network) > MAX_NETWORKS:
            self._station.underlay.count("multicast_like_too_long")
        for network, codes in islice(by_network.items(), MAX_NETWORKS):
            self._record(int.from_bytes(network, "big"), codes, packet.source, now)

    def _record(self, network_id: int, codes: list[bytes], member: int, now: int) -> None:
        if not self.may_speak(network_id, member, now):
            self._station.underlay.count("multicast_like_not_permitted")
            return
        proved = self._proved(network_id, member)
        new = self._table.record_all(network_id, codes, member, now, proved=proved)
        if new and network_id in self._station.networks:
            self._learned([(code, member) for code in new], member, now)

    def may_speak(self, network_id: int, address: int, now: int) -> bool:
        """Whether a node may announce or gather here: member, or we are its root or controller."""
        network = self._station.networks.get(network_id)
        return (
            self._station.underlay.acting_as_upstream
            or (network is not None and self._roster.admits(network, address))
            or self._configured(network_id, address, now)
        )

    def is_known(self, network_id: int, address: int, now: int) -> bool:
        """Whether a node announced itself on a network, or is known to be a member of it."""
        return (
            self._table.has_announced(network_id, address)
            or self._proved(network_id, address)
            or self._configured(network_id, address, now)
        )

    def hear(self, key: GroupKey, members: Iterable[int], teller: int, now: int) -> None:
        """Somebody that we asked names members of a group: tell those who wait for some."""
        own = self._station.address
        others = [one for one in members if one != own and not is_reserved(one)]
        new, code = self._table.hear(key, others, teller, now), key.emit()
        self._learned([(code, member) for member in new], teller, now)

    def _proved(self, network_id: int, address: int) -> bool:
        """Whether a node showed a certificate that agrees with ours."""
        network = self._station.networks.get(network_id)
        return network is not None and self._roster.agrees(network, address)

    def _learned(self, pairs: list[tuple[bytes, int]], teller: int, now: int) -> None:
        for learned in self.on_learned:
            learned(pairs, teller, now)
