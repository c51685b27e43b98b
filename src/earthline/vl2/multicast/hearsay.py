"""Members of groups as others name them: roots, controllers, and who got a frame (03, 8.4).

Anybody we ask may answer with nodes that do not exist. So what each one says is kept apart: it
holds a record of its own for every member it names, and pushes out no more than those.
"""

from __future__ import annotations

from typing import NamedTuple

from earthline.bounded import FairTable
from earthline.vl2.ground.crowd import Crowd

HEARD_LIMIT = 65_536
"""Records in all, over the networks that we have joined."""

HEARD_PER_TELLER = 32_768
"""Records of one that tells: half of all, since there may be one root that tells everything."""

_NOBODY = Crowd()


class Heard(NamedTuple):
    """That somebody named a member of a group."""

    code: bytes
    """The group, as `GroupKey.emit` gives it."""
    member: int
    teller: int


class Hearsay:
    """When each teller last named each member."""

    def __init__(self) -> None:
        self._heard: FairTable[Heard, int, int] = FairTable(HEARD_LIMIT, HEARD_PER_TELLER)
        self._tellers: dict[bytes, dict[int, set[int]]] = {}
        """Who names each member of each group."""
        self._members: dict[bytes, Crowd] = {}
        """The same members, to be drawn from."""

    def __len__(self) -> int:
        return len(self._heard)

    def record(self, code: bytes, member: int, teller: int, now: int) -> None:
        """Note what somebody says."""
        heard = Heard(code, member, teller)
        members = self._tellers.get(code)
        if members is None:
            members = self._tellers[code] = {}
            self._members[code] = Crowd()
        if member not in members:
            members[member] = set()
            self._members[code].add(member)
        members[member].add(teller)
        evicted = self._heard.put(heard, teller, now)
        if evicted is not None:
            self._forget(evicted.key)

    def members(self, code: bytes) -> Crowd:
        """Whom anybody named; not to be changed."""
        return self._members.get(code, _NOBODY)

    def forget(self, code: bytes, member: int) -> bool:
        """Drop whatever was said of a member; whether that was anything."""
        tellers = sorted(self._tellers.get(code, {}).get(member, ()))
        for teller in tellers:
            heard = Heard(code, member, teller)
            self._heard.pop(heard)
            self._forget(heard)
        return bool(tellers)

    def expire(self, before: int) -> list[bytes]:
        """Drop what was last said at ``before`` or earlier; the groups that lost a member."""
        gone = self._heard.expire(lambda at: at <= before)
        for heard in gone:
            self._forget(heard)
        return [heard.code for heard in gone]

    def _forget(self, heard: Heard) -> None:
        members = self._tellers[heard.code]
        tellers = members[heard.member]
        tellers.discard(heard.teller)
        if not tellers:
            del members[heard.member]
            self._members[heard.code].remove(heard.member)
        if not members:
            del self._tellers[heard.code], self._members[heard.code]
