"""What kind of NAT we are behind, told from what several peers report (02, 7.1 and 7.5).

our socket ──▶ reporter A sees 192.0.2.1/40001      same port from both: endpoint-independent
           └─▶ reporter B sees 192.0.2.1/40001      another port: symmetric; by a steady step:
                                                    sequential, and the next ports can be told

A NAT may give out another port by accident. Linux without an input filter takes a packet from
outside that comes before ours for a connection of its own, and keeps the port for it: whoever sent
first sees us at another one from then on. Roots do not at the addresses that the planet lists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from earthline.bounded import FairTable
from earthline.effects import Path
from earthline.vl1.ground.local import ALL_SOCKETS, Local
from earthline.vl1.surface.surface import Sighting, Surface
from earthline.wire.inet import InetAddress, Scope

_MIN_PORT, _MAX_PORT = 1_024, 65_535

_WIDTH = {Scope.PRIVATE: 1, Scope.SHARED: 2, Scope.PSEUDO_PRIVATE: 3, Scope.GLOBAL: 4}
"""How far a scope reaches: of the addresses reported the widest is the outside one."""

MAX_STRIDE = 16
"""Ports further apart per mapping are called random."""
MAX_DESTINATIONS = 1_024
"""Those whose mapping has lapsed go first."""
MAPPING_MS = 30_000
"""A destination not sent to for this long probably needs a new mapping."""
PREDICTED = 6
"""Ports told to peers: receivers try eight per scope and family (02, 7.3)."""


class Mapping(Enum):
    """How the NAT gives outside ports to one of our sockets."""

    UNKNOWN = "unknown"
    """Fewer than two peers have said where they see us."""
    NONE = "none"
    """We are seen at our own address."""
    INDEPENDENT = "endpoint-independent"
    """Everybody sees the same port: a direct path is easy."""
    SEQUENTIAL = "symmetric, sequential"
    """Each destination gets a new port, the next one: it can be predicted."""
    RANDOM = "symmetric, random"
    """Each destination gets a new port that nobody can tell."""

    @property
    def symmetric(self) -> bool:
        """Whether each destination sees another port."""
        return self in (Mapping.SEQUENTIAL, Mapping.RANDOM)


class Filtering(Enum):
    """Whom the NAT lets in by a port that one of our sockets has outside."""

    UNKNOWN = "unknown"
    """It was not examined, or there were not roots enough to ask."""
    INDEPENDENT = "endpoint-independent"
    """Everybody."""
    ADDRESS = "address-dependent"
    """The hosts we have sent to, by any port."""
    RESTRICTED = "restricted"
    """What we have sent to, and maybe other ports of the same host; the roots had none to show."""


@dataclass(frozen=True, slots=True)
class NatReport:
    """Our NAT as it looks now."""

    mapping: Mapping
    filtering: Filtering
    hairpin: bool | None
    """Whether what we send to our own outside comes back in; None while unknown."""
    preserves_port: bool
    """Whether a reported port is the socket's own."""
    stride: int
    """Ports between two new mappings; 0 unless sequential."""
    reporters: int
    """Distinct peers that said where they see us."""
    surfaces: tuple[InetAddress, ...]


class Outlook(NamedTuple):
    """What peers are to be told besides what they see themselves, and what not."""

    predicted: tuple[InetAddress, ...]
    """Where those see us that are told, or will once we send to them; the likeliest first."""
    strays: frozenset[InetAddress]
    """Places that only the one sees who sent first: nobody else reaches us there."""


@dataclass(slots=True)
class _Sent:
    """The mapping of one destination: how many were made before it, and when it was last used."""

    number: int
    at: int


class NatWatch:
    """Classifies, and predicts the ports of the next mappings."""

    def __init__(
        self,
        local: Local,
        surface: Surface,
        endpoints: Callable[[int], Collection[InetAddress]] = lambda _root: (),
    ) -> None:
        """``endpoints``: where the planet or a moon says that a root is."""
        self._local = local
        self._surface = surface
        self._endpoints = endpoints
        self._sent: FairTable[Path, bytes, _Sent] = FairTable(MAX_DESTINATIONS)
        """By their IPs: whoever has us answer to ever new ports loses those of its own."""
        self._made: Counter[Scope] = Counter()
        """Mappings per scope: what stays on the LAN needs none of those that the outside sees."""
        self._filtering = Filtering.UNKNOWN
        self._hairpin: bool | None = None

    def sent(self, path: Path, now: int) -> None:
        """A datagram leaves by the path: the NAT makes a mapping, unless it has one."""
        address = InetAddress(path[1], path[2])
        if not address.is_ipv4:
            return
        for socket in self._local.sockets if path[0] == ALL_SOCKETS else (path[0],):
            self._count((socket, path[1], path[2]), address.scope, now)

    def _count(self, path: Path, scope: Scope, now: int) -> None:
        sent = self._sent.get(path)
        if sent is None or now - sent.at > MAPPING_MS:
            sent = _Sent(self._made[scope], now)
            self._made[scope] += 1
        sent.at = now
        self._sent.put(path, path[1], sent, old=lambda kept: now - kept.at > MAPPING_MS)

    # Judgement

    @property
    def counts(self) -> bool:
        """Whether our next ports can be told."""
        return self.report().mapping is Mapping.SEQUENTIAL

    def report(self) -> NatReport:
        """What is known of our NAT, for IPv4."""
        sightings = self._from_outside()
        mapping, stride = self._classify(sightings)
        strays = self._strays(sightings)
        return NatReport(
            mapping,
            self._filtering,
            self._hairpin,
            any(s.surface.port == self._port(s) for s in sightings),
            stride,
            len({s.reporter for s in sightings}),
            tuple(dict.fromkeys(s.surface for s in sightings if s.surface not in strays)),
        )

    def examined(self, filtering: Filtering, hairpin: bool | None) -> None:
        """What an examination has shown."""
        self._filtering, self._hairpin = filtering, hairpin

    def best_socket(self) -> int | None:
        """The ordinary socket that most peers have seen by IPv4."""
        ordinary = self._local.sockets
        sightings = [s for s in self._sightings() if s.path[0] in ordinary]
        seen = self._best_seen(_weighed(sightings))
        return seen[-1].path[0] if seen else None

    def socket_seen_as(self, place: InetAddress) -> int | None:
        """The ordinary socket that somebody sees at the place; else the one seen by most."""
        sightings = (s for s in self._surface.sightings() if s.surface == place)
        ordinary = (s.path[0] for s in sightings if s.path[0] in self._local.sockets)
        return next(ordinary, self.best_socket())

    def seen_at(self, socket: int) -> InetAddress | None:
        """Where a socket was seen last, by IPv4."""
        seen = _vouched([s for s in self._sightings() if s.path[0] == socket])
        return seen[-1].surface if seen else None

    def _sightings(self) -> list[Sighting]:
        return [s for s in self._surface.sightings() if s.surface.is_ipv4]

    def _from_outside(self) -> list[Sighting]:
        """By IPv4, of the widest scope only: on its own LAN every node is seen as it is."""
        seen = self._sightings()
        widest = max((_WIDTH.get(s.scope, 0) for s in seen), default=0)
        return _weighed([s for s in seen if _WIDTH.get(s.scope, 0) == widest])

    def _port(self, sighting: Sighting) -> int:
        bound = self._local.sockets.get(sighting.path[0])
        return 0 if bound is None else bound.port

    def _classify(self, sightings: list[Sighting]) -> tuple[Mapping, int]:
        """By the socket that most peers have seen; its NAT's step, if there is one."""
        bound = self._local.sockets
        if any(s.surface == bound.get(s.path[0]) for s in _vouched(sightings)):
            return Mapping.NONE, 0
        seen = self._unspoilt(self._best_seen(sightings))
        if len({s.path[1:] for s in seen}) < 2:
            return Mapping.UNKNOWN, 0
        if len({s.surface for s in seen}) == 1:
            return Mapping.INDEPENDENT, 0
        stride = self._stride(seen)
        return (Mapping.SEQUENTIAL, stride) if stride else (Mapping.RANDOM, 0)

    @staticmethod
    def _best_seen(sightings: list[Sighting]) -> list[Sighting]:
        groups = _by_socket(sightings)
        return max(groups, key=lambda s: (sum(x.vouched for x in s), len(s)), default=[])

    def _strays(self, sightings: list[Sighting]) -> frozenset[InetAddress]:
        strays: set[InetAddress] = set()
        for group in _by_socket(sightings):
            own = {s.surface for s in self._unspoilt(group)}
            if len(own) == 1:
                strays |= {s.surface for s in group} - own
        return frozenset(strays)

    def _unspoilt(self, seen: list[Sighting]) -> list[Sighting]:
        """What one socket's NAT does by itself, without reports that an accident may explain.

        No accident makes two destinations agree, nor a NAT keep a port that it never keeps.
        """
        listed = [s for s in seen if self._is_listed(s)]
        if len({s.path[1:] for s in listed}) > 1:
            return listed
        several_hosts = len({s.path[1] for s in seen}) > 1
        seen_by: dict[InetAddress, set[bytes | int]] = {}
        for s in seen:
            seen_by.setdefault(s.surface, set()).add(s.path[1] if several_hosts else s.path[2])
        for surface, places in seen_by.items():
            if len(places) > 1:
                return [s for s in seen if s.surface == surface]
        return [s for s in seen if s.surface.port == self._port(s)] or seen

    def _is_listed(self, sighting: Sighting) -> bool:
        """Whether it is a root's, at an address that is known before the root knows us."""
        _, ip, port = sighting.path
        return sighting.upstream and InetAddress(ip, port) in self._endpoints(sighting.reporter)

    def _numbered(self, sightings: Iterable[Sighting]) -> list[tuple[int, int]]:
        """(number of the mapping, its port), as far as both are known."""
        pairs = {}
        for sighting in sightings:
            sent = self._sent.get(sighting.path)
            if sent is not None:
                pairs[sent.number] = sighting.surface.port
        return sorted(pairs.items())

    def _stride(self, sightings: list[Sighting]) -> int:
        """Ports per mapping; 0 if that is not one small number."""
        pairs = self._numbered(sightings)
        if len(pairs) < 2:
            return 0
        (first, low), (last, high) = pairs[0], pairs[-1]
        stride = round((high - low) / (last - first))
        small = 0 < abs(stride) <= MAX_STRIDE
        # Others behind the NAT make mappings, too: ports may run ahead of our count.
        tolerance = MAX_STRIDE * abs(stride)
        steady = all(abs(port - low - stride * (n - first)) <= tolerance for n, port in pairs)
        return stride if small and steady else 0

    def outlook(self, targets: Iterable[InetAddress]) -> Outlook:
        """What there is to say to the targets of where we are seen."""
        sightings = self._from_outside()
        return Outlook(self._predicted(sightings, targets), self._strays(sightings))

    def _predicted(
        self, sightings: list[Sighting], targets: Iterable[InetAddress]
    ) -> tuple[InetAddress, ...]:
        mapping, stride = self._classify(sightings)
        if mapping is not Mapping.SEQUENTIAL:
            return ()
        seen = self._best_seen(sightings)
        number, port = self._numbered(seen)[-1]
        socket, surface = seen[-1].path[0], seen[-1].surface
        told = [self._sent.get((socket, target.ip, target.port)) for target in targets]
        # In the order they were made: a peer whose NAT counts, too, then meets each with its own.
        made = sorted(sent.number for sent in told if sent is not None)[-PREDICTED:]
        following = range(self._made[surface.scope], self._made[surface.scope] + PREDICTED)
        numbers = dict.fromkeys((*made, *following))
        ports = [port + stride * (n - number) for n in numbers][:PREDICTED]
        return tuple(InetAddress(surface.ip, p) for p in ports if _MIN_PORT <= p <= _MAX_PORT)


def _by_socket(sightings: Iterable[Sighting]) -> list[list[Sighting]]:
    """Together what was seen of one socket under one outside IP."""
    groups: dict[tuple[int, bytes], list[Sighting]] = {}
    for sighting in sightings:
        place = (sighting.path[0], sighting.surface.ip)
        groups.setdefault(place, []).append(sighting)
    return list(groups.values())


def _vouched(sightings: list[Sighting]) -> list[Sighting]:
    """Those of upstreams and members if there are any, or else all."""
    return [s for s in sightings if s.vouched] or sightings


def _weighed(sightings: list[Sighting]) -> list[Sighting]:
    """All of upstreams, and of others the newest of each reporter and socket.

    Those of strangers only if there are too few: anybody can report anything, and from as many
    ports as it likes. An upstream's ports are different destinations to a NAT, like any others.
    """
    newest: dict[tuple[int, int | Path], Sighting] = {}
    for sighting in sightings:
        who = (sighting.reporter, sighting.path if sighting.upstream else sighting.path[0])
        newest.pop(who, None)
        newest[who] = sighting
    single = list(newest.values())
    vouched = _vouched(single)
    return vouched if len({s.reporter for s in vouched}) > 1 else single
