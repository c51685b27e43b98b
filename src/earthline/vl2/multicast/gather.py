"""Asking who listens to a group, and answering: MULTICAST_GATHER (03, 8.4 and 8.6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from earthline.bounded import FairTable
from earthline.effects import PacketReceived
from earthline.vl1.ground.gates import Buckets
from earthline.vl2.ground.parts import Parts
from earthline.vl2.multicast.groups import GroupKey
from earthline.wire.messages.multicast import MulticastGather
from earthline.wire.messages.ok import Gathered, Ok, OkMulticastFrame, OkMulticastGather
from earthline.wire.multicast import MulticastGroup
from earthline.wire.packet import Verb

if TYPE_CHECKING:
    from earthline.effects import GatherRequested
    from earthline.vl2.ground.network import Network
    from earthline.vl2.ground.underlay import Station
    from earthline.vl2.members.credentials import CredentialExchange
    from earthline.vl2.multicast.announce import Announcer
    from earthline.vl2.multicast.groups import GroupTable

ASKED_LIMIT = 16
"""Nodes asked in one explicit gather."""

ANSWER_MS = 5_000
"""How long an answer to a gather that rode on a frame is taken."""

EXPECTED_LIMIT = 8_192
"""Such questions that are remembered, over all groups."""

NAMED_AT_ONCE = 32
"""Of the members that an answer names so many are noted at once, which takes up to half a
millisecond. The others follow, as many at a time."""
NAMED_LIMIT = 64
"""Answers of which some are still to be noted: as many as come of our own questions for the groups
that a host sends to when it starts."""

_RESULT_LIMIT = 300
"""Addresses in one answer: a seventh of a packet, since they are drawn while others wait. Who
may send to more than that asks again after a minute, and gets others."""

_NAMED_PER_TOKEN = 27
"""Members that take as long to name as a packet by itself: 50 µs."""

UNKNOWN_BURST = 64
UNKNOWN_REFILL_MS = 1_000
UNKNOWN_LIMIT = 4_096
"""Gathers of a node that did not announce itself: one for each of some ten groups on each network,
at the start, before they are repeated."""

_NOBODY = Gathered(0, ())


class _Question(NamedTuple):
    """What a node was asked for in a frame."""

    limit: int
    until: int
    """How long its answers are taken, ms."""


class _Named(NamedTuple):
    """Members that an answer names, which are still to be noted."""

    key: GroupKey
    members: tuple[int, ...]
    teller: int


class Gathering:
    """Both directions of MULTICAST_GATHER, and of the gathering that rides on MULTICAST_FRAME."""

    def __init__(
        self,
        station: Station,
        announcer: Announcer,
        table: GroupTable,
        credentials: CredentialExchange,
    ) -> None:
        self._station = station
        self._announcer = announcer
        self._table = table
        self._credentials = credentials
        self._asked: FairTable[tuple[GroupKey, int], GroupKey, _Question] = FairTable(
            EXPECTED_LIMIT
        )
        """The gathers that rode on frames, by group and node asked."""
        self._unknown: Buckets[int] = Buckets(UNKNOWN_BURST, UNKNOWN_REFILL_MS, UNKNOWN_LIMIT)
        """Of nodes that did not announce themselves."""
        self._named: Parts[int, _Named] = Parts(NAMED_LIMIT)
        """By who names them."""
        underlay = station.underlay
        underlay.register(Verb.MULTICAST_GATHER, self.on_gather)
        underlay.register_ok(Verb.MULTICAST_GATHER, self.on_gathered)
        underlay.register_ok(Verb.MULTICAST_FRAME, self.on_gathered_by_frame, self._asked_by_frame)

    def ask(self, network: Network, group: MulticastGroup, limit: int, now: int) -> None:
        """Ask the best root, the controller, and the contacts for members of a group."""
        underlay = self._station.underlay
        wanted = (
            underlay.best_upstream(now),
            network.controller,
            *self._station.sample(list(network.contacts), ASKED_LIMIT),
        )
        asked = [a for a in dict.fromkeys(wanted) if a not in (None, self._station.address)]
        payload = MulticastGather(network.id, group, limit, network.com).emit()
        for address in asked[:ASKED_LIMIT]:
            if address is not None:
                underlay.send(address, Verb.MULTICAST_GATHER, payload, now)

    def expect(self, key: GroupKey, recipients: Iterable[int], limit: int, now: int) -> None:
        """The switch is about to ask these for up to ``limit`` members of a group, in a frame."""
        for address in recipients:
            before = self._asked.get((key, address))
            # An answer to an earlier frame, which asked for more, may be on its way.
            open_limit = before.limit if before is not None and now < before.until else 0
            question = _Question(max(limit, open_limit), now + ANSWER_MS)
            self._asked.put((key, address), key, question, old=lambda kept: kept.until <= now)

    def on_gather(self, packet: PacketReceived, now: int) -> None:
        """Answer an explicit gather, if the asker may ask."""
        message = MulticastGather.parse(packet.payload)
        if message.certificate is not None:
            self._credentials.file(message.certificate, packet, now)
        if message.limit == 0 or not self._announcer.may_speak(message.network, packet.source, now):
            self._station.underlay.count("multicast_gather_not_permitted")
            return
        key = GroupKey(message.network, message.group)
        gathered = self._gathered(key, packet.source, message.limit, now)
        if gathered.members:
            answer = OkMulticastGather(message.network, message.group, gathered)
            self._station.underlay.reply_ok(packet, answer.emit(), now)

    def on_requested(self, event: GatherRequested, now: int) -> None:
        """Answer a gather that rode on an admitted MULTICAST_FRAME."""
        self._station.underlay.came_in(event.source, event.path, event.size, now)
        # A gather by itself has cost this much when it comes here.
        if not self._station.underlay.affords(event.source, Verb.MULTICAST_GATHER, 1, now):
            return
        group = MulticastGroup(event.mac, event.adi)
        gathered = self._gathered(GroupKey(event.network, group), event.source, event.limit, now)
        if gathered.members:
            request = PacketReceived(
                event.path, event.source, event.packet_id, event.hops, 0, Verb.MULTICAST_FRAME, b""
            )
            answer = OkMulticastFrame(event.network, group, gathered=gathered)
            self._station.underlay.reply_ok(request, answer.emit(), now)

    def on_gathered(self, packet: PacketReceived, ok: Ok, now: int) -> None:
        """Members came back from an explicit gather."""
        answer = OkMulticastGather.parse(ok.payload)
        key = GroupKey(answer.network, answer.group)
        self._learn(key, answer.gathered.members, packet.source, now)

    def on_gathered_by_frame(self, packet: PacketReceived, ok: Ok, now: int) -> None:
        """Members came back from the recipient of a MULTICAST_FRAME."""
        answer = OkMulticastFrame.parse(ok.payload)
        if answer.certificate is not None:
            self._credentials.file(answer.certificate, packet, now)
        if answer.gathered is not None:
            key = GroupKey(answer.network, answer.group)
            question = self._asked.get((key, packet.source))
            # It was asked for so many. Who names more would have our frames go to whom it likes.
            wanted = 0 if question is None else question.limit
            self._learn(key, answer.gathered.members[:wanted], packet.source, now)

    def _asked_by_frame(self, sender: int, ok: Ok, now: int) -> bool:
        """Whether the switch asked this node for this group lately (02, 4.7)."""
        answer = OkMulticastFrame.parse(ok.payload)
        question = self._asked.get((GroupKey(answer.network, answer.group), sender))
        return question is not None and now < question.until

    def _learn(self, key: GroupKey, members: Iterable[int], teller: int, now: int) -> None:
        self._note(_Named(key, tuple(dict.fromkeys(members)), teller), now)

    def _note(self, named: _Named, now: int) -> None:
        """Note as many as there is time for, and put off the others."""
        key, members, teller = named
        if key.network not in self._station.networks:
            return
        self._announcer.hear(key, members[:NAMED_AT_ONCE], teller, now)
        left = members[NAMED_AT_ONCE:]
        if left and self._named.put_off(teller, _Named(key, left, teller), now) is not None:
            self._station.underlay.count("gathered_members_overflow")

    def go_on(self, now: int) -> None:
        """Note some more of the members that were named, if it is time."""
        for named in self._named.take(1, now):
            self._note(named, now)

    def next_timeout(self) -> int | None:
        """When to be woken for them, if there are any."""
        return self._named.next_timeout()

    def _gathered(self, key: GroupKey, asker: int, limit: int, now: int) -> Gathered:
        """Ourselves first if we listen, then others at random, never the asker.

        Nobody is named to who did not name itself before, or too often. Stock members announce
        themselves to roots and controllers when they join, before they are configured and so
        before they have anything to ask. But announcements may be lost, and a root forgets them
        when it starts again, until they are repeated after a minute: so a little is answered.
        """
        if not (
            self._announcer.is_known(key.network, asker, now) or self._unknown.passes(asker, now)
        ):
            self._station.underlay.count("multicast_gather_unannounced")
            return _NOBODY
        named = min(limit, _RESULT_LIMIT, self._table.count(key))
        if not self._affords(asker, named, now):
            return _NOBODY
        network = self._station.networks.get(key.network)
        listening = network is not None and key.group in network.own_groups()
        own = [self._station.address] if listening else []
        wanted = min(limit, _RESULT_LIMIT) - len(own)
        # One more than wanted, since the asker may be among them.
        drawn = self._table.sample(key, wanted + 1, self._station.entropy)
        members = own + [member for member in drawn if member != asker][:wanted]
        return Gathered(self._table.count(key) + len(own), tuple(members))

    def _affords(self, asker: int, named: int, now: int) -> bool:
        tokens = named // _NAMED_PER_TOKEN
        underlay = self._station.underlay
        return not tokens or underlay.affords(asker, Verb.MULTICAST_GATHER, tokens, now)
