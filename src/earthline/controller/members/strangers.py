"""Which members are forgotten again: strangers, whom no person had a hand in.

Nothing is forgotten by a clock, but when somebody else needs the room: where nobody comes, nothing
grows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from earthline.controller.objects.coercion import JsonObject
from earthline.controller.objects.member_object import is_authorised
from earthline.controller.objects.terms import read_terms
from earthline.controller.store import Filed, Store

MAX_WAITING = 16_384
"""Strangers of a network that wait to be authorised."""

FORGET_MS = 30 * 86_400_000
"""A stranger that was not seen for so long is forgotten, unless the settings say otherwise."""

GONE_MS = 86_400_000
"""A stranger that was not seen for so long is gone: its certificates ran out hours ago."""

_NOTE_SEEN_MS = 6 * 3_600_000
"""How far behind the store may be about when a stranger was seen."""

_FORGET_AT_ONCE = 8
"""Strangers that a newcomer has us look at: more than one, so that they do get fewer."""


class Strangers:
    """Notes when strangers are seen, and lets those go that make room."""

    def __init__(self, store: Store, counters: Counter[str], forget_ms: int) -> None:
        """``forget_ms``: of a stranger that was not seen for so long; 0 is never."""
        self._store = store
        self._counters = counters
        self._forget_ms = forget_ms

    def note_seen(self, network: int, address: int, seen_at: int | None, now: int) -> None:
        """A member asks; ``seen_at`` is what the store says. It is written now and then."""
        if seen_at is not None and abs(now - seen_at) >= _NOTE_SEEN_MS:
            self._store.note_seen(network, address, now)

    def make_room(self, network: int) -> None:
        """One more is going to wait to be authorised."""
        if self._store.count_waiting(network) >= MAX_WAITING:
            self._store.evict_waiting(network)
            self._counters["waiting_evicted"] += 1

    def forget_unseen(self, now: int) -> None:
        """Make room for a newcomer of whatever network."""
        if not self._forget_ms:
            return
        before = now - self._forget_ms
        for network, address in self._store.unseen_strangers(before, _FORGET_AT_ONCE):
            filed = self._store.look_up(network, address)
            if filed is not None and _is_kept(filed):
                self._store.touch_member(network, address)
                continue
            self._store.delete_member(network, address)
            self._counters["strangers_forgotten"] += 1

    def reclaim(self, network: int, ips: Sequence[bytes], now: int) -> bytes | None:
        """Forget somebody who is gone and has one of these addresses; the address, if any."""
        found = self._store.unseen_holder(network, ips, now - GONE_MS)
        if found is None:
            return None
        ip, holder = found
        self._store.delete_member(network, holder)
        self._counters["addresses_reclaimed"] += 1
        return ip


def came_by_itself(member: JsonObject) -> bool:
    """Whether neither a person nor a token of one let it in."""
    return not is_authorised(member) or member.get("lastAuthorizedCredentialType") == "public"


def _is_kept(filed: Filed) -> bool:
    """Whether a network that was closed has it from before: whoever closed it wants it in."""
    member = json.loads(filed.member or "{}")
    return read_terms(filed.network).private and is_authorised(member)
