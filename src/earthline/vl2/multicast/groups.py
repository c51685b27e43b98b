"""Who listens to which multicast group, as announced or gathered (03, 8.3 and 8.4).

A root keeps the groups of networks that it knows nothing else of, as anybody announces them. So
that nobody can fill the table at the cost of others, each record has a holder:

    announced, nothing proved     the member, for all networks together     256 records
    announced, certificate agrees the member, for that network alone        8,192
    heard from somebody else      whoever said so                           `vl2.multicast.hearsay`

When the table is full, the oldest record of who holds most goes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice, takewhile
from typing import NamedTuple

from earthline.bounded import Weights
from earthline.vl2.ground.crowd import Crowd
from earthline.vl2.multicast.hearsay import Hearsay
from earthline.wire.mac import BROADCAST
from earthline.wire.multicast import MulticastGroup

LIFETIME_MS = 600_000
"""A record that is not refreshed is dropped after this."""

RECORD_LIMIT = 1_000_000
"""Records in all: what a root for a large network may need. One takes 200 to 400 bytes."""

RECORDS_UNPROVED = 256
"""Records of a node that proved no membership.

A stock member announces some 10 groups on each network, and one for each IP: so many suffice on 20
networks. What is behind a bridge may be more; bridges get every frame, announced or not.
"""

RECORDS_PROVED = 8_192
"""Records on one network of a member whose certificate agrees with ours there."""

SWEEP_PART = 120
SWEEP_LEAST = 2_048
"""A call of `expire` goes through a 120th of the records, but no fewer than 2,048: some 25 ms at
most, and in ten minutes through a full table."""

_PROVED_WEIGHS = RECORDS_PROVED // RECORDS_UNPROVED
"""So many records of a proved member weigh as much as one of a stranger."""

_ADDRESS_BITS = 40
_ADDRESS = (1 << _ADDRESS_BITS) - 1
"""A node address is the low 40 bits of an entry."""

_ETHERTYPE_ARP = 0x0806
_ARP_LENGTH = 14 + 28
"""An Ethernet header, and ARP for IPv4."""


def group_of(frame: bytes, *, broadcast: bool) -> MulticastGroup:
    """The group of an Ethernet frame to a multicast MAC (03, 8.5); ARP requests ask one per IP.

    One that asks for its sender's own IP tells everybody where that is from now on. It goes to
    all, where there are broadcasts: in the IP's own group is at most who had it before.
    """
    destination = int.from_bytes(frame[:6], "big")
    if destination == BROADCAST and _is_arp_request(frame):
        sender, target = frame[28:32], frame[38:42]
        if sender != target or not broadcast:
            return MulticastGroup(BROADCAST, int.from_bytes(target, "big"))
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

    def emit(self) -> bytes:
        """As a MULTICAST_LIKE has it: 18 bytes.

        Tables are keyed by these. Nobody can tell how Python hashes bytes, but everybody how it
        hashes numbers, and so choose groups that all meet in one place of a table.
        """
        return self.network.to_bytes(8, "big") + self.group.emit()

    @classmethod
    def parse(cls, data: bytes) -> GroupKey:
        mac, adi = int.from_bytes(data[8:14], "big"), int.from_bytes(data[14:], "big")
        return cls(int.from_bytes(data[:8], "big"), MulticastGroup(mac, adi))


class GroupTable:
    """Bounded table of group members: those that announced themselves, and those heard of."""

    def __init__(self) -> None:
        self._groups: dict[bytes, int | Crowd] = {}
        """Who announced each group. Most groups are those of one IP, and have one member."""
        self._held: OrderedDict[int, dict[bytes, int]] = OrderedDict()
        """When each record of each holder was refreshed, the oldest first; of the holders the one
        that was longest not looked at comes first.

        A plain dict finds its oldest key slowly after many were removed, but these are small.
        """
        self._weights: Weights[int] = Weights()
        self._total = 0
        self._hearsay = Hearsay()

    def __len__(self) -> int:
        return self._total + len(self._hearsay)

    # What is learned

    def record(self, key: GroupKey, member: int, now: int, *, proved: bool = False) -> bool:
        """A member announced that it listens; whether it was not known to."""
        return bool(self.record_all(key.network, [key.emit()], member, now, proved=proved))

    def record_all(
        self, network: int, codes: Sequence[bytes], member: int, now: int, *, proved: bool = False
    ) -> list[bytes]:
        """A member announced that it listens to groups of a network; those it was not known to.

        ``codes``: distinct ones, as `GroupKey.emit` has them. ``proved``: it showed a certificate
        that agrees with ours there.
        """
        limit = RECORDS_PROVED if proved else RECORDS_UNPROVED
        # Whatever comes before so many would be the first to go.
        codes = codes[-limit:]
        new = [code for code in codes if not self._knows(code, member)]
        self._drop_all(_holder(network, member, proved=not proved), codes)
        holder = _holder(network, member, proved=proved)
        held = self._held.setdefault(holder, {})
        for code in codes:
            if held.pop(code, None) is None:
                self._total += 1
                self._enter(code, member)
            held[code] = now
        for code in list(islice(held, max(0, len(held) - limit))):
            del held[code]
            self._total -= 1
            self._leave(code, member)
        self._weigh(holder, held)
        while self._total > RECORD_LIMIT:
            self._drop_oldest(self._weights.heaviest())
        return new

    def hear(self, key: GroupKey, members: Iterable[int], teller: int, now: int) -> list[int]:
        """Somebody says that members listen; those who were not known to."""
        code = key.emit()
        new = [member for member in members if not self._knows(code, member)]
        for member in members:
            self._hearsay.record(code, member, teller, now)
        return new

    def forget(self, key: GroupKey, member: int) -> bool:
        """Drop what is known of a member of a group; whether there was anything."""
        code = key.emit()
        holders = [_holder(key.network, member, proved=proved) for proved in (True, False)]
        gone = [self._drop(holder, code) for holder in holders]
        return self._hearsay.forget(code, member) or any(gone)

    # What is asked

    def has_announced(self, network: int, member: int) -> bool:
        """Whether a node announced any group of a network lately."""
        of_network = network.to_bytes(8, "big")
        # At most `RECORDS_UNPROVED`, the newest first.
        held = reversed(self._held.get(member, {}))
        proved = _holder(network, member, proved=True) in self._held
        return proved or any(code.startswith(of_network) for code in held)

    def members(self, key: GroupKey) -> list[int]:
        """The known members of a group."""
        code = key.emit()
        announced = self._announced(code)
        heard = self._hearsay.members(code)
        return [*dict.fromkeys((*announced, *heard))] if heard else announced

    def count(self, key: GroupKey) -> int:
        """How many members a group has, as far as is known."""
        code = key.emit()
        heard = self._hearsay.members(code)
        if not heard:
            return self._announced_by(code)
        announced = self._crowd(code)
        few, many = sorted((announced, heard), key=len)
        return len(announced) + len(heard) - sum(member in many for member in few)

    def suffices(self, key: GroupKey, count: int) -> bool:
        """Whether at least so many members are known, without looking at more."""
        code = key.emit()
        announced, heard = self._announced_by(code), len(self._hearsay.members(code))
        if announced + heard < count:
            return False
        return max(announced, heard) >= count or self.count(key) >= count

    def sample(self, key: GroupKey, count: int, entropy: Callable[[int], bytes]) -> list[int]:
        """So many members at random, without looking at all; ``entropy(n)``: n random bytes."""
        code = key.emit()
        return self._crowd(code).sample_with(self._hearsay.members(code), count, entropy)

    # Time

    def expire(self, now: int) -> list[GroupKey]:
        """Drop records older than their lifetime; the groups that lost one.

        Each call goes through some of the records, so that none takes long.
        """
        changed = dict.fromkeys(self._hearsay.expire(now - LIFETIME_MS))
        left = max(SWEEP_LEAST, self._total // SWEEP_PART)
        for _ in range(len(self._held)):
            holder = next(iter(self._held))
            old = self._old(holder, now, left)
            for code in old:
                self._drop(holder, code)
            changed.update(dict.fromkeys(old))
            left -= 1 + len(old)
            if left <= 0:
                break
            if holder in self._held:
                self._held.move_to_end(holder)
        return [GroupKey.parse(code) for code in changed]

    def _old(self, holder: int, now: int, limit: int) -> list[bytes]:
        """The oldest records of a holder, as far as they have outlived their time."""
        held = islice(self._held[holder].items(), limit)
        return [code for code, _ in takewhile(lambda kept: now - kept[1] >= LIFETIME_MS, held)]

    # Records

    def _knows(self, code: bytes, member: int) -> bool:
        members = self._groups.get(code, 0)
        announced = members == member if isinstance(members, int) else member in members
        return announced or member in self._hearsay.members(code)

    def _crowd(self, code: bytes) -> Crowd:
        """Who announced a group."""
        members = self._groups.get(code, ())
        return members if isinstance(members, Crowd) else Crowd(self._announced(code))

    def _announced_by(self, code: bytes) -> int:
        """How many announced a group."""
        members = self._groups.get(code, ())
        return 1 if isinstance(members, int) else len(members)

    def _announced(self, code: bytes) -> list[int]:
        members = self._groups.get(code, ())
        return [members] if isinstance(members, int) else list(members)

    def _enter(self, code: bytes, member: int) -> None:
        members = self._groups.get(code)
        if members is None:
            self._groups[code] = member
        elif isinstance(members, int):
            self._groups[code] = Crowd((members, member))
        else:
            members.add(member)

    def _leave(self, code: bytes, member: int) -> None:
        members = self._groups[code]
        if isinstance(members, int) or len(members) == 1:
            del self._groups[code]
        else:
            members.remove(member)

    def _drop_oldest(self, holder: int) -> None:
        self._drop(holder, next(iter(self._held[holder])))

    def _drop_all(self, holder: int, codes: Iterable[bytes]) -> None:
        for code in codes if holder in self._held else ():
            self._drop(holder, code)

    def _drop(self, holder: int, code: bytes) -> bool:
        held = self._held.get(holder)
        if held is None or held.pop(code, None) is None:
            return False
        self._total -= 1
        self._leave(code, holder & _ADDRESS)
        self._weigh(holder, held)
        if not held:
            del self._held[holder]
        return True

    def _weigh(self, holder: int, held: dict[bytes, int]) -> None:
        """Strangers weigh more than who proved itself, so that they give way first."""
        is_proved = holder > _ADDRESS
        weight = -(-len(held) // _PROVED_WEIGHS) if is_proved else len(held)
        self._weights.set(holder, weight)


def _holder(network: int, member: int, *, proved: bool) -> int:
    """A member for all networks; one that proved itself is another one on each."""
    return network << _ADDRESS_BITS | member if proved else member
