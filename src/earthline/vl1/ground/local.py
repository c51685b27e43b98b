"""The node itself: its identity, entropy and sockets, the way out to the host, and the counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeAlias

from earthline.effects import Command, Path, Report
from earthline.wall import Wall
from earthline.wire.identity import SecretIdentity
from earthline.wire.inet import InetAddress, Subnets

Emit: TypeAlias = Callable[[Command], None]

ALL_SOCKETS = -1
"""Socket number of a path: send by every bound socket of the IP's family (02, 5.5)."""


def _nothing() -> Iterable[InetAddress]:
    return ()


def _anything(_address: int, _endpoint: InetAddress) -> bool:
    return True


class Local:
    """What every part of the engine needs to know of ourselves."""

    def __init__(
        self, identity: SecretIdentity, entropy: Callable[[int], bytes], emit: Emit
    ) -> None:
        self.identity = identity
        self.address = identity.address
        self.entropy = entropy
        self.emit = emit
        self.counters: Counter[str] = Counter()
        self.wall = Wall()
        """Unix time, for the wire and for people; all else goes by ``now``."""
        self.sockets: dict[int, InetAddress] = {}
        self.extra: dict[int, InetAddress] = {}
        """Sockets opened for one purpose each (`vl1.traversal.extra_sockets`); nothing else
        leaves by them.
        """
        self.tunnel = False
        """Whether a TCP tunnel stands in for UDP (02, 8.3)."""
        self.low_bandwidth = False
        """Whether our own traffic is to be as little as can be (02, 1.7)."""
        self.mapped: tuple[InetAddress, ...] = ()
        """Addresses a gateway maps to us (02, 7.7)."""
        self.assigned_networks: Callable[[], Iterable[InetAddress]] = _nothing
        """Subnets of our virtual addresses: never a physical path (02, 6.2)."""
        self.on_link = Subnets(())
        """Those of our cables, which may be parts of the former."""
        self.path_allowed: Callable[[int, InetAddress], bool] = _anything
        """The host's veto on a physical address of a peer (02, 7.8)."""

    def holds(self, socket: int) -> bool:
        """Whether something leaves by a path's socket; the tunnel, which has none, counts."""
        if socket == ALL_SOCKETS:
            return self.tunnel
        return socket in self.sockets or socket in self.extra

    def fan_out(self, path: Path) -> int:
        """How many datagrams one by a path makes: by every socket, if it names none."""
        if path[0] != ALL_SOCKETS:
            return 1
        is_ipv4 = len(path[1]) == 4
        return max(1, sum(bound.is_ipv4 == is_ipv4 for bound in self.sockets.values()))

    @property
    def families(self) -> set[bool]:
        """The IP families that we can send to: True is IPv4, which a tunnel is for."""
        bound = {address.is_ipv4 for address in self.sockets.values()}
        return bound | {True} if self.tunnel else bound

    def count(self, reason: str) -> None:
        """Count one dropped packet or other event by its reason."""
        self.counters[reason] += 1

    def report(self, event: str, **fields: object) -> None:
        """Tell the host something a user or operator may want to know."""
        self.emit(Report(event, fields))

    def packet_id(self) -> int:
        """A fresh random packet ID (01, 3.3)."""
        return int.from_bytes(self.entropy(8), "big")
