"""Who listens to which multicast group, as announced or gathered (03, 8.3 and 8.4)."""

from __future__ import annotations

from typing import NamedTuple

from earthline.wire.mac import BROADCAST
from earthline.wire.multicast import MulticastGroup

LIFETIME_MS = 600_000
"""A record that is not refreshed is dropped after this."""

GROUP_LIMIT = 65_536
"""Members of one group; a network's multicast limit is far below."""

RECORD_LIMIT = 1_000_000
"""Records in all: what a root for a large network may need."""

RECORDS_PER_MEMBER = 8_192
"""Records of one node, so that none can fill the table by itself."""

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


class GroupKey(NamedTuple):
    """A multicast group of a network."""

    network: int
    group: MulticastGroup


class GroupTable:
    """Bounded table of group members. Members of a group are kept oldest refresh first."""

    def __init__(self) -> None:
        self._groups: dict[GroupKey, dict[int, int]] = {}
        self._records_of: dict[int, int] = {}
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def record(self, key: GroupKey, member: int, now: int) -> bool:
        """Note that ``member`` listens now. True if that is new, and there was room for it."""
        members = self._groups.get(key)
        if members is not None and members.pop(member, None) is not None:
            members[member] = now
            return False
        if not self._has_room(members, member):
            return False
        self._groups.setdefault(key, {})[member] = now
        self._records_of[member] = self._records_of.get(member, 0) + 1
        self._total += 1
        return True

    def members(self, key: GroupKey) -> list[int]:
        """The known members of a group."""
        return list(self._groups.get(key, ()))

    def forget(self, key: GroupKey, member: int) -> bool:
        """Drop one record; whether there was one."""
        members = self._groups.get(key)
        if members is None or members.pop(member, None) is None:
            return False
        self._drop(member)
        if not members:
            del self._groups[key]
        return True

    def expire(self, now: int) -> list[GroupKey]:
        """Drop records older than their lifetime; the groups that lost one."""
        changed = []
        for key in list(self._groups):
            old = self._old(key, now)
            for member in old:
                self.forget(key, member)
            if old:
                changed.append(key)
        return changed

    def _old(self, key: GroupKey, now: int) -> list[int]:
        old = []
        for member, at in self._groups[key].items():
            if now - at < LIFETIME_MS:
                break
            old.append(member)
        return old

    def _has_room(self, members: dict[int, int] | None, member: int) -> bool:
        return (
            self._total < RECORD_LIMIT
            and (members is None or len(members) < GROUP_LIMIT)
            and self._records_of.get(member, 0) < RECORDS_PER_MEMBER
        )

    def _drop(self, member: int) -> None:
        self._total -= 1
        left = self._records_of[member] - 1
        if left:
            self._records_of[member] = left
        else:
            del self._records_of[member]
