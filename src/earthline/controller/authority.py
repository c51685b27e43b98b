"""The controller's facade: requests of members in, commands for the node out (04).

It does no I/O of its own: time and entropy are handed in, records go through a `Store`. Every
change returns the commands that tell the members concerned; the host gives them to the node.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from earthline.controller.issue.issue_clock import IssueClock
from earthline.controller.issue.request import Command, Requests
from earthline.controller.issue.revocation import MAX_KEPT, Revocations
from earthline.controller.members.activity import Activity
from earthline.controller.members.member_view import (
    address_notes,
    assigned_addresses,
    extension,
    standing_notes,
)
from earthline.controller.members.strangers import FORGET_MS
from earthline.controller.objects import member_object, network_object
from earthline.controller.objects.addresses import Taken
from earthline.controller.objects.coercion import JsonObject, as_hex, as_int
from earthline.controller.objects.default_subnet import default_subnet, subnet_fields
from earthline.controller.objects.terms import NetworkTerms, read_terms
from earthline.controller.store import Store, StoreFault
from earthline.controller.store.changes import Change, Changed, What
from earthline.controller.store.records import Records
from earthline.effects import RequestConfig, SendConfigError
from earthline.wall import Wall
from earthline.wire.address import controller_of
from earthline.wire.identity import SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.packet import ErrorCode

PUSHES_AT_ONCE = 32
"""Configurations built in one go; the rest follow by `Authority.handle_timeout`, at once again."""

MAX_TOLD_UNSEEN = 512
"""Members that are told of a revocation though nobody knows whether they are there."""

_NUMBER_MASK = 0xFFFFFF
"""The low 24 bits of a network ID number the networks of a controller (03, 1.1)."""
_MAX_DRAWS = 100_000
"""Random numbers drawn before there is taken to be none free (04, 7.2)."""


class NoFreeNetwork(Exception):
    """Every network ID drawn was in use."""


class Authority:
    """Networks and members of one controller, and what it tells them.

    Objects are JSON objects in the stock shape (04, 4 and 5). What does not exist is None. Posting
    raises `coercion.UnfitObject` for what cannot be converted, anything `store.StoreFault` for a
    store that fails, except `handle_request` and `handle_timeout`, which never raise.

    ``now`` is of the node's clock; what is stored, issued or shown bears the Unix time of ``wall``.

    One thread at a time, except for `address` and `counters`. Each call waits for the store: a
    host that has other things to do calls it in a thread, several in a `group`.
    """

    def __init__(
        self,
        identity: SecretIdentity,
        store: Store,
        entropy: Callable[[int], bytes],
        *,
        forget_ms: int = FORGET_MS,
    ) -> None:
        """``entropy``: so many random bytes.

        ``forget_ms``: after which members that nobody touched and nobody saw are forgotten; 0 is
        never.
        """
        self._identity = identity
        self._store = store
        self._entropy = entropy
        self._records = Records(store)
        self.wall = Wall()
        """Unix time: the host tells it before anything else, and whenever it was set."""
        self._clock = IssueClock(store, self.wall)
        self._revocations = Revocations(identity, store, self._clock, entropy)
        self._activity = Activity()
        self._requests = Requests(
            identity,
            store,
            self._records,
            self._clock,
            self._activity,
            wall=self.wall,
            revocations=self._revocations,
            entropy=entropy,
            forget_ms=forget_ms,
        )
        self._due: OrderedDict[tuple[int, int], None] = OrderedDict()
        self._due_at = 0

    @property
    def address(self) -> int:
        """The controller's own: the upper 40 bits of the networks it serves."""
        return self._identity.address

    @property
    def counters(self) -> dict[str, int]:
        """What became of requests, and what was saved, by name."""
        return dict(Counter(self._requests.counters) + Counter(self._records.counters))

    def tell(self, changed: Changed) -> None:
        """Have every change told, before it is durable, by the thread that makes it."""
        self._records.changed = changed

    @contextmanager
    def group(self) -> Iterator[None]:
        """What is changed inside is changed in one go when this ends, or not at all.

        Nothing of what is returned inside may be told to anybody before. Raises `StoreFault`.
        """
        try:
            with self._store.group():
                yield
        except BaseException:
            self._clock.forget()
            self._revocations.forget()
            raise

    # --- what the node asks -----------------------------------------------------------------------

    def handle_request(self, request: RequestConfig, now: int) -> list[Command]:
        """Answer a member, or drop its request."""
        try:
            return self._requests.answer(request, now)
        except (StoreFault, ValueError):  # it fails, or it holds what is not ours
            return self.fail_request(request)

    def fail_request(self, request: RequestConfig) -> list[Command]:
        """The answer to a request whose group was undone."""
        self._requests.counters["store_faults"] += 1
        code = ErrorCode.OBJECT_NOT_FOUND
        return [SendConfigError(request.network, request.member, request.packet_id, code)]

    def next_timeout(self) -> int | None:
        """When `handle_timeout` wants to be called (ms), if at all."""
        times = (
            self._due_at if self._due else None,
            self._requests.next_newcomer(),
            self._next_expiry(),
            self._revocations.next_again(),
        )
        return min((time for time in times if time is not None), default=None)

    def _next_expiry(self) -> int | None:
        expires_at = self._requests.expiry.next_check()
        return None if expires_at is None else self.wall.moment(expires_at)

    def handle_timeout(self, now: int) -> list[Command]:
        """Go on with pushes and newcomers that are due; revoke whose sign-on has expired."""
        try:
            commands = self._push_some(now) + self._revoke_expired(now)
            commands += self._revocations.send_again(now)
            return commands + self._requests.admit_newcomers(now)
        except (StoreFault, ValueError):
            self._requests.counters["store_faults"] += 1
            return []

    # --- networks ---------------------------------------------------------------------------------

    def list_networks(self) -> list[int]:
        """IDs, ascending."""
        return self._store.network_ids()

    def count(self) -> tuple[int, int]:
        """How many networks, and members of all of them together."""
        return len(self._store.network_ids()), self._store.count_members()

    def get_network(self, network: int) -> JsonObject | None:
        return self._records.network(network)

    def network_listing(self) -> JsonObject:
        """Every network with its member counts, in the unstable shape (04, 7.4)."""
        data = []
        for summary in self._store.summaries():
            meta = {
                "authorizedMemberCount": summary.authorised,
                "totalMemberCount": summary.members,
            }
            data.append({**json.loads(summary.text), "meta": meta})
        return {"data": data, "meta": {"networkCount": len(data)}}

    def post_network(
        self, network: int | None, body: JsonObject, now: int, *, source: str | None = None
    ) -> tuple[JsonObject, list[Command]]:
        """Create or change a network; None draws a free ID (raises `NoFreeNetwork`).

        ``source``: the script that the posted rules were compiled from, which no body may set.
        """
        if network is None:
            network = self._draw_network()
        stored = self._records.network(network)
        changed = network_object.complete(stored or {}, network, self.wall.at(now))
        network_object.apply_post(changed, body)
        if source is not None:
            changed["rulesSource"] = source
        if not self._records.save_network(network, changed, stored):
            return changed, []
        return changed, self._push_all(network, now)

    def create_with_subnet(
        self, body: JsonObject, occupied: Iterable[InetAddress], now: int
    ) -> tuple[JsonObject, list[Command]]:
        """Create a network with a subnet that neither is ``occupied`` nor another network's here.

        Raises `NoFreeNetwork`, `default_subnet.NoFreeSubnet`.
        """
        ours = (
            target
            for summary in self._store.summaries()
            for target, _ in read_terms(summary.text).addresses.routes
        )
        network = self._draw_network()
        subnet = default_subnet(network, (*occupied, *ours))
        return self.post_network(network, body | subnet_fields(subnet), now)

    def delete_network(self, network: int, now: int) -> tuple[JsonObject | None, list[Command]]:
        """Delete a network with its members, and revoke those that are online (04, 7.5).

        The certificates of the others run out of agreement by themselves. Of a network that is
        made again under its ID they are out of agreement from the start.
        """
        found = self._records.network(network)
        if found is None:
            return None, []
        targets = self._online_members(network, now)
        commands = self._revoke(network, targets, now)
        self._store.delete_network(network)
        self._records.changed(Change(What.NETWORK_DELETED, network))
        self._revocations.leave_behind(network, now)
        return found, commands

    # --- members ----------------------------------------------------------------------------------

    def members(self, network: int) -> dict[int, int] | None:
        """Address to revision, in order of address."""
        if self._store.read_network(network) is None:
            return None
        return self._store.revisions(network)

    def get_member(self, network: int, address: int) -> JsonObject | None:
        return self._records.member(network, address)

    def member_listing(self, network: int) -> JsonObject | None:
        """Every member of a network, in the unstable shape (04, 7.4)."""
        if self._store.read_network(network) is None:
            return None
        data = self._records.members(network)
        authorised = sum(map(member_object.is_authorised, data))
        return {"data": data, "meta": {"authorizedCount": authorised, "totalCount": len(data)}}

    def describe_member(self, network: int, address: int, now: int) -> JsonObject | None:
        """The stock object, and what we have to say of it under ``earthline`` (`member_view`)."""
        found, text = self._records.member(network, address), self._store.read_network(network)
        if found is None or text is None:
            return None
        others = partial(self._store.taken, network, other_than=address)
        return self._described(network, found, read_terms(text), others, now)

    def describe_members(self, network: int, now: int) -> JsonObject | None:
        """`member_listing`, with what we have to say of each."""
        listing, text = self.member_listing(network), self._store.read_network(network)
        if listing is None or text is None:
            return None
        terms, members = read_terms(text), listing["data"]
        holders = Counter(it.ip for member in members for it in assigned_addresses(member))

        def shared(ips: Sequence[bytes]) -> set[bytes]:
            return {ip for ip in ips if holders[ip] > 1}

        data = [self._described(network, member, terms, shared, now) for member in members]
        return {**listing, "data": data}

    def holder_of(self, network: int, ip: bytes, other_than: int) -> int | None:
        """The member, if it is another than this one, that has an address."""
        if not self._store.taken(network, [ip], other_than):
            return None
        for member in self._records.members(network):
            address = as_hex(member.get("id"), 0)
            if address != other_than and ip in [it.ip for it in assigned_addresses(member)]:
                return address
        return None

    def _described(
        self, network: int, member: JsonObject, terms: NetworkTerms, others: Taken, now: int
    ) -> JsonObject:
        notes = standing_notes(member, private=terms.private)
        notes += address_notes(member, terms.addresses, others)
        sighting = self._requests.sightings.last(network, as_hex(member.get("id"), 0))
        return {**member, "earthline": extension(member, sighting, notes, now, self.wall)}

    def post_member(
        self, network: int, address: int, body: JsonObject, now: int
    ) -> tuple[JsonObject | None, list[Command]]:
        """Create or change a member. One that asked lately is sent its configuration at once."""
        if self._store.read_network(network) is None:
            return None, []
        stored = self._records.member(network, address)
        unix = self.wall.at(now)
        changed = member_object.complete(stored or {}, network, address, unix)
        member_object.apply_post(changed, body, unix)
        if not self._records.save_member(network, address, changed, stored):
            self._store.touch_member(network, address)  # who looked at it wants to keep it
            return changed, []
        commands = self._revoke_if_put_out(network, address, stored, changed, now)
        commands += self._requests.repeat(network, address, now)
        return changed, commands + self._tell_of_bridge(network, address, stored, changed, now)

    def delete_member(
        self, network: int, address: int, now: int
    ) -> tuple[JsonObject | None, list[Command]]:
        """Delete a member's record; it may ask again, and gets a fresh one then."""
        found = self._records.member(network, address)
        if found is None:
            return None, []
        self._store.delete_member(network, address)
        self._records.changed(Change(What.MEMBER_DELETED, network, address))
        commands = self._revoke_if_put_out(network, address, found, {}, now)
        return found, commands + self._tell_of_bridge(network, address, found, {}, now)

    # --- pushes -----------------------------------------------------------------------------------

    def _push_all(self, network: int, now: int, *, other_than: int | None = None) -> list[Command]:
        """Send all who are online the configuration anew (04, 10.1); some now, others later."""
        for member in self._activity.online(network, now):
            if member != other_than:
                self._due[network, member] = None
        return self._push_some(now)

    def _tell_of_bridge(
        self, network: int, address: int, before: JsonObject | None, after: JsonObject, now: int
    ) -> list[Command]:
        """Of all that a member's record says, others are told of one thing: that it is a bridge."""
        if member_object.is_bridge(before or {}) == member_object.is_bridge(after):
            return []
        return self._push_all(network, now, other_than=address)

    def _push_some(self, now: int) -> list[Command]:
        commands: list[Command] = []
        for _ in range(min(PUSHES_AT_ONCE, len(self._due))):
            (network, member), _ = self._due.popitem(last=False)
            commands += self._requests.repeat(network, member, now)
        self._due_at = now
        return commands

    def _revoke_if_put_out(
        self, network: int, address: int, before: JsonObject | None, after: JsonObject, now: int
    ) -> list[Command]:
        was_in = before is not None and member_object.is_authorised(before)
        if not was_in or member_object.is_authorised(after):
            return []
        return self._revoke(network, [address], now)

    def _online_members(self, network: int, now: int) -> list[int]:
        """Authorised members that are online, as many as one packet can revoke."""
        found: list[int] = []
        for address in self._activity.online(network, now):
            member = self._records.member(network, address)
            if member is not None and member_object.is_authorised(member):
                found.append(address)
            if len(found) == MAX_KEPT:
                break
        return found

    def _revoke(self, network: int, targets: list[int], now: int) -> list[Command]:
        """Tell every member that may be there, the targets included (04, 10.3).

        Who is not, or does not hear it, gets it with its next configuration.
        """
        if not targets or controller_of(network) != self._identity.address:
            return []
        audience = self._audience(network, targets, now)
        commands, all_anew = self._revocations.revoke(network, targets, audience, now)
        if all_anew:
            self._due.update(dict.fromkeys((network, member) for member in audience))
        return [*commands]

    def _audience(self, network: int, targets: list[int], now: int) -> list[int]:
        """Who is online; as long as that is not known, whoever may be."""
        online = self._activity.online(network, now)
        if self._activity.knows_all(now):
            return online
        members = self._store.authorised(network, MAX_TOLD_UNSEEN)
        return list(dict.fromkeys((*online, *targets, *members)))

    def _revoke_expired(self, now: int) -> list[Command]:
        commands: list[Command] = []
        unix = self.wall.at(now)
        for network, address in self._requests.expiry.expired(unix):
            member = self._records.member(network, address)
            if member is not None and as_int(member.get("authenticationExpiryTime"), 0) <= unix:
                commands += self._revoke(network, [address], now)
        return commands

    def _draw_network(self) -> int:
        for _ in range(_MAX_DRAWS):
            number = int.from_bytes(self._entropy(3), "big") & _NUMBER_MASK or 0x000001
            network = self._identity.address << 24 | number
            if self._store.read_network(network) is None:
                return network
        raise NoFreeNetwork(f"no free network ID after {_MAX_DRAWS} draws")
