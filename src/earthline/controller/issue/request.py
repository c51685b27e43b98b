"""Answering configuration requests (04, 8).

A request goes through the steps of the specification in their order; numbers in comments are its
items. Nothing is stored before the requester was identified, and what a stranger can make the
controller store or remember is bounded:

    never seen before             in turn, some a second (`Newcomers`); then one row
    asks again, is not let in     looked up, refused: nothing is written
    asks again, is let in         so often in a while (`Activity`)
    waits to be let in            `MAX_WAITING` of a network; the oldest of the largest prefix goes
    was not seen for long         forgotten as newcomers come
    holds an address, is gone     gives it to whoever finds the pool of a public network empty
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeAlias

from earthline.controller.issue.build_config import Issue, build_config
from earthline.controller.issue.expiry import ExpiryList
from earthline.controller.issue.issue_clock import IssueClock
from earthline.controller.issue.revocation import REPEAT_MS, Revocations
from earthline.controller.members.activity import Activity, Requester
from earthline.controller.members.newcomers import Newcomers, source_prefix
from earthline.controller.members.sightings import Sighting, Sightings
from earthline.controller.members.strangers import FORGET_MS, Strangers, came_by_itself
from earthline.controller.objects import member_object
from earthline.controller.objects.coercion import JsonObject, as_bool, as_int, render
from earthline.controller.objects.terms import MAX_WINDOW_MS, NetworkTerms, read_terms
from earthline.controller.store import AddressTaken, Arrival, Filed, Store
from earthline.controller.store.records import Records
from earthline.effects import RequestConfig, SendConfig, SendConfigError, SendCredentials
from earthline.wall import Wall
from earthline.wire.address import controller_of
from earthline.wire.dictionary import Dictionary
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.metadata import MAX_METADATA, RequestMetadata
from earthline.wire.network_config import MAX_SPECIALISTS
from earthline.wire.packet import ErrorCode
from earthline.wire.reader import Malformed, Reader

Command: TypeAlias = SendConfig | SendConfigError | SendCredentials
"""What the controller has the node send."""

PUSH = 0
"""Packet ID of a request that the controller repeats by itself."""

MAX_UNKNOWN = 4096
"""Requests of who is not on file, remembered for the rate limit."""

_TOKEN = "token:"  # noqa: S105  (how a join token is announced, not one)


@dataclass(slots=True)
class _Case:
    """One request on its way through the steps."""

    network: int
    terms: NetworkTerms
    has_bridges: bool
    identity: Identity
    metadata: RequestMetadata
    in_re: int
    now: int
    unix: int
    """The same by the wall clock: what is stored, compared with what people set, or expires."""
    prefix: int
    text: str | None
    """The member's record as it is stored."""
    stored: JsonObject | None
    member: JsonObject

    @property
    def address(self) -> int:
        return self.identity.address


class Requests:
    """Decides on requests, builds what is granted, and keeps the record of who asked."""

    def __init__(
        self,
        controller: SecretIdentity,
        store: Store,
        records: Records,
        clock: IssueClock,
        activity: Activity,
        *,
        wall: Wall,
        revocations: Revocations,
        entropy: Callable[[int], bytes],
        forget_ms: int = FORGET_MS,
    ) -> None:
        """``forget_ms`` is as `Strangers` has it."""
        self._controller = controller
        self._store = store
        self._records = records
        self._clock = clock
        self._activity = activity
        self._wall = wall
        self._revocations = revocations
        self._unknown = Activity(MAX_UNKNOWN)
        self._entropy = entropy
        self.expiry = ExpiryList()
        self.sightings = Sightings()
        self.counters: Counter[str] = Counter()
        self._newcomers = Newcomers(self.counters)
        self._strangers = Strangers(store, self.counters, forget_ms)

    def answer(self, request: RequestConfig, now: int) -> list[Command]:
        """The answer to a member's request, if it gets one."""
        if controller_of(request.network) != self._controller.address:  # 1
            return self._dropped("foreign_network")
        requester = _read_requester(request)
        if requester is None:
            return self._dropped("malformed_request")
        key = (request.network, request.member)
        if self._activity.too_soon(*key, now) or self._unknown.too_soon(*key, now):  # 2
            return self._dropped("too_soon")
        filed = self._store.look_up(*key)
        seen = self._activity if filed is not None and filed.member is not None else self._unknown
        seen.note(*key, requester, now, source_prefix(request.path))  # 3
        if filed is not None and filed.member is None and not self._admits(request, now):
            return []
        return self._decide(request, filed, requester, now)

    def _admits(self, request: RequestConfig, now: int) -> bool:
        """Whether one never seen before may be put on file now; we ourselves need no budget."""
        if request.member == self._controller.address:
            return True
        return self._newcomers.is_next(request, now)

    def next_newcomer(self) -> int | None:
        """When `admit_newcomers` has something to do."""
        return self._newcomers.ready_at()

    def admit_newcomers(self, now: int) -> list[Command]:
        """Answer those whose turn it is by now."""
        commands: list[Command] = []
        while (request := self._newcomers.take(now)) is not None:
            requester = _read_requester(request)
            if requester is not None:
                filed = self._store.look_up(request.network, request.member)
                commands += self._decide(request, filed, requester, now)
        return commands

    def repeat(self, network: int, member: int, now: int) -> list[Command]:
        """Push its configuration to a member that is online (section 10)."""
        requester = self._activity.requester(network, member, now)
        filed = None if requester is None else self._store.look_up(network, member)
        if requester is None or filed is None or filed.member is None:
            return []  # one that was deleted comes back by asking
        push = RequestConfig(network, member, b"", PUSH, b"", None)
        return self._decide(push, filed, requester, now)

    def _decide(
        self, request: RequestConfig, filed: Filed | None, requester: Requester, now: int
    ) -> list[Command]:
        network, address, in_re = request.network, request.member, request.packet_id
        if filed is None:  # 4
            return self._refuse(network, address, in_re, ErrorCode.OBJECT_NOT_FOUND)
        stored = None if filed.member is None else json.loads(filed.member)
        unix = self._wall.at(now)
        case = _Case(
            network=network,
            terms=read_terms(filed.network),
            has_bridges=filed.has_bridges,
            identity=requester.identity,
            metadata=_read_metadata(requester.metadata),
            in_re=in_re,
            now=now,
            unix=unix,
            prefix=source_prefix(request.path),
            text=filed.member,
            stored=stored,
            member=member_object.complete(stored or {}, network, address, unix),
        )
        if case.member.setdefault("identity", str(case.identity)) != str(case.identity):  # 5
            self.counters["identity_mismatch"] += 1
            return self._refuse(network, address, in_re, ErrorCode.NETWORK_ACCESS_DENIED)
        if in_re != PUSH:
            self._strangers.note_seen(network, address, filed.seen_at, unix)
            told = case.metadata
            version = told.major, told.minor, told.revision
            sighting = Sighting(now, request.path, version)
            self.sightings.note(network, address, sighting, case.prefix)
        if stored is None:
            self._activity.note(network, address, requester, now, case.prefix)
            self._strangers.forget_unseen(unix)
        return self._judge(case)

    def _judge(self, case: _Case) -> list[Command]:
        authorised = _authorise(case)  # 7
        if _needs_sign_on(case):  # 8
            self._save_waiting(case)
            return self._refuse_unsigned(case)
        if not authorised:  # 9
            self._save_waiting(case)
            return self._refuse(
                case.network, case.address, case.in_re, ErrorCode.NETWORK_ACCESS_DENIED
            )
        _note_version(case)  # 10
        if case.in_re != PUSH:
            self._note_expiry(case)
        return self._grant(case)

    def _grant(self, case: _Case) -> list[Command]:
        """Build, save, send (11 to 13); once more if a picked address was taken meanwhile."""
        issue = Issue(
            controller=self._controller,
            network=case.network,
            terms=case.terms,
            to=case.identity,
            at=self._clock.stamp(case.network, case.now),
            knows_rules=case.metadata.rules_engine != 0,
            new_member=case.stored is None,
        )
        bridges = (
            self._store.active_bridges(case.network, MAX_SPECIALISTS) if case.has_bridges else []
        )
        # In a private network all have their addresses from a person's will.
        reclaim = None if case.terms.private else partial(self._reclaim, case)
        while True:
            member = dict(case.member)
            config, picked = build_config(
                issue,
                member,
                bridges=bridges,
                taken=lambda ips: self._store.taken(case.network, ips, case.address),
                entropy=self._entropy,
                picked_before=lambda: self._store.picked(case.network, case.address),
                reclaim=reclaim,
            )
            try:
                self._save(case, member, picked)
            except AddressTaken:
                continue
            self.counters["granted"] += 1
            command = SendConfig(case.network, case.address, config.emit(), case.in_re)
            return [command, *self._hand_out_revocations(case)]

    def _hand_out_revocations(self, case: _Case) -> list[SendCredentials]:
        """What a member that asks may not have heard: it was away, or a packet was lost."""
        if case.in_re == PUSH:
            return []
        network, address, now = case.network, case.address, case.now
        newcomer = self._activity.came_within(network, address, REPEAT_MS, now)
        return self._revocations.hand_out(
            network, address, case.terms.window_ms, now, newcomer=newcomer
        )

    def _reclaim(self, case: _Case, ips: Sequence[bytes]) -> bytes | None:
        return self._strangers.reclaim(case.network, ips, case.unix)

    def _save_waiting(self, case: _Case) -> None:
        if case.stored is None:
            self._strangers.make_room(case.network)
        self._save(case, case.member)

    def _save(self, case: _Case, member: JsonObject, picked: Sequence[bytes] = ()) -> None:
        if case.text is not None and render(member) == case.text:
            return  # as nearly always
        arrival = Arrival(case.prefix, case.unix) if came_by_itself(member) else None
        self._records.save_member(
            case.network, case.address, member, case.stored, picked, arrival=arrival
        )

    def _refuse(self, network: int, member: int, in_re: int, code: ErrorCode) -> list[Command]:
        self.counters[f"refused_{code.name.lower()}"] += 1
        return [] if in_re == PUSH else [SendConfigError(network, member, in_re, code)]

    def _refuse_unsigned(self, case: _Case) -> list[Command]:
        """Authentication required, by flow version 0 and an empty URL: no provider (04, 11)."""
        code = ErrorCode.NETWORK_AUTHENTICATION_REQUIRED
        refusals = self._refuse(case.network, case.address, case.in_re, code)
        if not refusals:
            return []
        self._note_missed_expiry(case)
        data = Dictionary()
        data.set_int("aV", 0)
        data.set_text("aU", "")
        return [SendConfigError(case.network, case.address, case.in_re, code, data.emit())]

    def _note_expiry(self, case: _Case) -> None:
        expires_at = as_int(case.member.get("authenticationExpiryTime"), 0)
        if case.terms.sso and expires_at > 0:
            self.expiry.note(case.network, case.address, expires_at)

    def _note_missed_expiry(self, case: _Case) -> None:
        """Have a sign-on revoked that expired while we were away, or whose revocation failed."""
        expires_at = as_int(case.member.get("authenticationExpiryTime"), 0)
        ago_ms = case.unix - expires_at
        if expires_at <= 0 or ago_ms > MAX_WINDOW_MS:
            return
        if not self._revocations.made_within(case.network, case.address, ago_ms, case.now):
            self.expiry.note(case.network, case.address, expires_at)

    def _dropped(self, reason: str) -> list[Command]:
        self.counters[f"dropped_{reason}"] += 1
        return []


def _read_requester(request: RequestConfig) -> Requester | None:
    try:
        identity = Identity.read(Reader(request.identity))
    except Malformed:
        return None
    if identity.address != request.member:
        return None
    return Requester(identity, request.metadata[:MAX_METADATA])


@lru_cache(maxsize=1024)
def _read_metadata(metadata: bytes) -> RequestMetadata:
    """Members of one release say the same, over and over."""
    return RequestMetadata.parse(metadata)


def _authorise(case: _Case) -> bool:
    """Whether the member is in, and why; a first admission is written into its record."""
    member = case.member
    if member_object.is_authorised(member):
        return True
    if not case.terms.private:
        member_object.admit(member, "public", None, case.unix)
        return True
    token = case.metadata.token.removeprefix(_TOKEN)
    if case.metadata.token.startswith(_TOKEN) and token in case.terms.tokens:
        expires_at = case.terms.tokens[token]
        if expires_at == 0 or expires_at > case.unix:
            member_object.admit(member, "token", token, case.unix)
            return True
    return False


def _needs_sign_on(case: _Case) -> bool:
    if not case.terms.sso or as_bool(case.member.get("ssoExempt"), False):
        return False
    return as_int(case.member.get("authenticationExpiryTime"), 0) <= case.unix


def _note_version(case: _Case) -> None:
    metadata = case.metadata
    case.member["vMajor"] = metadata.major
    case.member["vMinor"] = metadata.minor
    case.member["vRev"] = metadata.revision
    case.member["vProto"] = metadata.protocol
