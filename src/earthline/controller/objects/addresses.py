"""Which addresses a member gets: computed, assigned, and picked from pools (04, 9.7 to 9.10).

A pick is derived from the member's address where that is free, and once made it is written into the
member's ``ipAssignments``, so that the same node has the same address for ever.

An address has the prefix length of its *subnet*: the longest route without a gateway that holds it.
So it is the same in the first configuration, which picks it, and in all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter

from earthline.wire.computed_ip import rfc4193, six_plane
from earthline.wire.inet import InetAddress
from earthline.wire.network_config import MAX_STATIC_IPS

_MAX_TRIALS = 1000
"""Addresses looked at in one pool (04, 9.8 and 9.9)."""
_FIRST_BATCH = 8
"""Candidates looked up at first, all others together then: nearly always the very first is free."""

_U32 = 0xFFFFFFFF
_U64 = 0xFFFFFFFFFFFFFFFF
_LAST_OCTET_AVOIDED = 255
"""Stock never gives it: some hosts take it for a broadcast, whatever the prefix."""

Pool = tuple[InetAddress, InetAddress]
Taken = Callable[[Sequence[bytes]], set[bytes]]
"""Which of these IPs other members of the network have."""
Reclaim = Callable[[Sequence[bytes]], bytes | None]
"""Take one of these IPs from a member that is gone; None where there is no such member."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """How a network hands out addresses."""

    routes: tuple[tuple[InetAddress, InetAddress | None], ...] = ()
    """(target with prefix length, via)"""
    pools: tuple[Pool, ...] = ()
    pick_ipv4: bool = False
    pick_ipv6: bool = False
    rfc4193: bool = False
    six_plane: bool = False

    def subnet(self, address: InetAddress) -> InetAddress | None:
        """The smallest route over the address that needs no gateway, host bits cleared, if any."""
        found = [target for target, via in self.routes if not via and target.contains(address)]
        return _smallest(found) if found else None

    def routed(self, address: InetAddress) -> InetAddress | None:
        """The subnet, or else the smallest route over the address by way of a gateway (04, 9.7)."""
        found = [target for target, _ in self.routes if target.contains(address)]
        return self.subnet(address) or (_smallest(found) if found else None)


def is_reserved(address: InetAddress, subnet: InetAddress) -> bool:
    """Whether no host may have the address: it is that of the subnet itself, or its broadcast."""
    if subnet.port >= subnet.bits - 1:
        return False  # RFC 3021, RFC 6164: both addresses of such a link are hosts
    last = subnet.broadcast
    return address.ip == subnet.ip or (last is not None and address.ip == last.ip)


def _smallest(networks: Sequence[InetAddress]) -> InetAddress:
    return max(networks, key=attrgetter("port")).network


@dataclass(slots=True)
class Addresses:
    """What one member gets."""

    static_ips: list[InetAddress] = field(default_factory=list)
    """With prefix lengths, as the configuration carries them."""
    picked: list[InetAddress] = field(default_factory=list)
    """Picked from pools just now: to be remembered as the member's."""
    unrouted: list[InetAddress] = field(default_factory=list)
    """Assigned, and in no route, though the member has another address of their family."""
    emulate_neighbours: bool = False


def give_addresses(
    policy: AddressPolicy,
    network: int,
    member: int,
    assigned: Sequence[InetAddress],
    *,
    automatic: bool,
    taken: Taken,
    entropy: Callable[[int], bytes],
    reclaim: Reclaim | None = None,
) -> Addresses:
    """All addresses of a member, in their order (04, 9.7). ``automatic``: not ``noAutoAssignIps``.

    ``reclaim`` is asked when no address of the pools is free.
    """
    given = Addresses()
    if automatic:
        _give_computed(policy, network, member, given)
    families = _give_assigned(policy, assigned, given)
    held = {address.ip for address in assigned}
    search = _Search(policy, member, held, taken=taken, entropy=entropy, reclaim=reclaim)
    if automatic and policy.pick_ipv6 and 16 not in families:
        _give_pick(search.pick_ipv6, given)
    if automatic and policy.pick_ipv4 and 4 not in families:
        _give_pick(search.pick_ipv4, given)
    families.update(len(pick.ip) for pick in given.picked)
    given.unrouted = [
        address
        for address in assigned
        if len(address.ip) in families and policy.routed(address) is None
    ]
    del given.static_ips[MAX_STATIC_IPS:]
    return given


def _give_computed(policy: AddressPolicy, network: int, member: int, given: Addresses) -> None:
    if policy.rfc4193:
        given.static_ips.append(rfc4193(network, member))
    if policy.six_plane:
        given.static_ips.append(six_plane(network, member))
    given.emulate_neighbours = policy.rfc4193 or policy.six_plane


def _give_assigned(
    policy: AddressPolicy, assigned: Sequence[InetAddress], given: Addresses
) -> set[int]:
    """Give each assigned address that is routed; returns the IP lengths of the families given."""
    families = set()
    for ip in dict.fromkeys(address.ip for address in assigned):
        if (network := policy.routed(InetAddress(ip, 0))) is not None:
            given.static_ips.append(InetAddress(ip, network.port))
            families.add(len(ip))
    return families


def _give_pick(search: Callable[[], InetAddress | None], given: Addresses) -> None:
    if len(given.static_ips) < MAX_STATIC_IPS and (pick := search()):
        given.static_ips.append(pick)
        given.picked.append(pick)


class _Search:
    """The search of a network's pools for one member's free address (04, 9.8, 9.9)."""

    def __init__(
        self,
        policy: AddressPolicy,
        member: int,
        held: set[bytes],
        *,
        taken: Taken,
        entropy: Callable[[int], bytes],
        reclaim: Reclaim | None,
    ) -> None:
        self._policy = policy
        self._member = member
        self._held = held
        self._taken = taken
        self._entropy = entropy
        self._reclaim = reclaim

    def pick_ipv4(self) -> InetAddress | None:
        pools = (pool for pool in self._policy.pools if pool[0].is_ipv4)
        return self._pick(self._ipv4_candidates(*pool) for pool in pools)

    def pick_ipv6(self) -> InetAddress | None:
        if all(via or target.is_ipv4 for target, via in self._policy.routes):
            return None  # a thousand trials could not help
        pools = (pool for pool in self._policy.pools if not pool[0].is_ipv4)
        return self._pick(self._ipv6_candidates(*pool) for pool in pools)

    def _pick(self, pools: Iterator[Iterator[InetAddress]]) -> InetAddress | None:
        tried: list[InetAddress] = []
        for candidates in pools:
            if found := self._first_free(candidates, tried):
                return found
        return self._reclaimed(tried)

    def _first_free(
        self, candidates: Iterator[InetAddress], tried: list[InetAddress]
    ) -> InetAddress | None:
        for limit in (_FIRST_BATCH, _MAX_TRIALS):
            if not (batch := list(islice(candidates, limit))):
                break
            taken = self._taken([candidate.ip for candidate in batch]) | self._held
            for candidate in batch:
                if candidate.ip not in taken:
                    return candidate
            tried += batch
        return None

    def _reclaimed(self, tried: list[InetAddress]) -> InetAddress | None:
        """One that a member which is gone had; looked for among as many as are tried in a pool."""
        if self._reclaim is None or not tried:
            return None
        wanted = {address.ip: address for address in tried if address.ip not in self._held}
        ip = self._reclaim(list(wanted)[:_MAX_TRIALS])
        return None if ip is None else wanted[ip]

    def _ipv4_candidates(self, start: InetAddress, end: InetAddress) -> Iterator[InetAddress]:
        for number in self._ipv4_numbers(_number(start), _number(end)):
            if candidate := self._in_subnet(InetAddress(number.to_bytes(4, "big"), 0)):
                yield candidate

    def _ipv4_numbers(self, first: int, last: int) -> Iterator[int]:
        """In the order of stock (04, 9.9), and then those that it never draws."""
        if last < first or first == 0:
            return
        length = last - first
        offset = self._member & _U32
        never_drawn = [last]
        for trial in range(min(length, _MAX_TRIALS)):
            number = first + (offset + trial) % length
            if number & 0xFF == _LAST_OCTET_AVOIDED:
                never_drawn.append(number)
            else:
                yield number
        yield from never_drawn

    def _in_subnet(self, address: InetAddress) -> InetAddress | None:
        """The address with its prefix length, if it is one for a host of some subnet."""
        subnet = self._policy.subnet(address)
        if subnet is None or subnet.port == 0 or is_reserved(address, subnet):
            return None
        return InetAddress(address.ip, subnet.port)

    def _ipv6_candidates(self, start: InetAddress, end: InetAddress) -> Iterator[InetAddress]:
        for trial in range(_MAX_TRIALS):
            if candidate := self._in_subnet(self._ipv6_trial(start, end, trial)):
                yield candidate

    def _ipv6_trial(self, start: InetAddress, end: InetAddress, trial: int) -> InetAddress:
        (start_high, start_low), (end_high, end_low) = _halves(start), _halves(end)
        if trial == 0 and end_low - start_low >= 0xFFFFFFFFFF:
            high, low = start_high, start_low + self._member
        else:
            high = self._between(start_high, end_high)
            low = self._between(start_low, end_low)
        return InetAddress((high << 64 | low).to_bytes(16, "big"), 0)

    def _between(self, low: int, high: int) -> int:
        """A random number from ``low`` to ``high``; ``low`` where there is none."""
        if high <= low:
            return low
        return low + int.from_bytes(self._entropy(8), "big") % (high - low + 1)


def _number(address: InetAddress) -> int:
    return int.from_bytes(address.ip, "big")


def _halves(address: InetAddress) -> tuple[int, int]:
    number = _number(address)
    return number >> 64, number & _U64
