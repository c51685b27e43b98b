"""NAT kinds, told apart as RFC 4787 does: by how they map and by whom they let in.

| kind                 | one mapping per                  | lets in                          |
|----------------------|----------------------------------|----------------------------------|
| `full-cone`          | inside endpoint                  | anybody                          |
| `address-restricted` | inside endpoint                  | hosts that were sent to          |
| `port-restricted`    | inside endpoint                  | endpoints that were sent to      |
| `symmetric`          | inside endpoint and destination  | that destination                 |
| `symmetric-by-address` | inside endpoint and host     | that host                        |
| `symmetric-sequential` | as symmetric, each the next port | that destination               |
| `masquerade`         | as port-restricted, but see its class | endpoints that were sent to |
| `udp-blocked`        | nothing leaves                   | nobody                           |
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

Endpoint: TypeAlias = tuple[bytes, int]

KINDS: dict[str, type[Nat]] = {}
"""Every NAT class by its name."""


@dataclass(slots=True)
class Mapping:
    """One outside port in use."""

    inside: Endpoint
    port: int
    used_at: int
    sent_to: set[Endpoint] = field(default_factory=set)


class Nat(ABC):
    """A translation table; subclasses say what a mapping belongs to and who may use it."""

    name: ClassVar[str] = ""
    blocks_udp: ClassVar[bool] = False
    tracks_strays: ClassVar[bool] = False
    """Whether what it refuses has an effect: see `Masquerade`."""

    def __init_subclass__(cls) -> None:
        KINDS[cls.name] = cls

    def __init__(self, *, lifetime_ms: int = 30_000, hairpin: bool = False) -> None:
        self.lifetime_ms = lifetime_ms
        self.hairpin = hairpin
        self._by_inside: dict[Hashable, Mapping] = {}
        self._by_port: dict[int, Mapping] = {}

    def outbound(
        self, inside: Endpoint, destination: Endpoint, now: int, entropy: random.Random
    ) -> int:
        """The outside port a datagram leaves by."""
        key = self.mapping_key(inside, destination)
        mapping = self._by_inside.get(key)
        if mapping is None or now - mapping.used_at > self.lifetime_ms:
            mapping = Mapping(inside, self.choose_port(inside, now, entropy), now)
            self._by_inside[key] = mapping
            self._by_port[mapping.port] = mapping
        mapping.used_at = now
        mapping.sent_to.add(destination)
        return mapping.port

    def inbound(self, port: int, source: Endpoint, now: int) -> Endpoint | None:
        """The inside endpoint a datagram is for, or None if it is refused."""
        mapping = self._by_port.get(port)
        if mapping is None or now - mapping.used_at > self.lifetime_ms:
            return None
        return mapping.inside if self.lets_in(mapping, source) else None

    def astray(self, port: int, source: Endpoint, now: int) -> None:
        """A datagram that is refused has arrived."""
        del port, source, now

    def forget(self) -> None:
        """Lose all mappings, as after a power cut."""
        self._by_inside.clear()
        self._by_port.clear()

    def choose_port(self, inside: Endpoint, now: int, entropy: random.Random) -> int:
        """Keep the inside port where it is free, else take a random one."""
        port = inside[1]
        while self._taken(port, now):
            port = entropy.randrange(1024, 65536)
        return port

    def _taken(self, port: int, now: int) -> bool:
        mapping = self._by_port.get(port)
        return mapping is not None and now - mapping.used_at <= self.lifetime_ms

    def mapping_key(self, inside: Endpoint, destination: Endpoint) -> Hashable:
        """What has a mapping of its own."""
        del destination
        return inside

    @abstractmethod
    def lets_in(self, mapping: Mapping, source: Endpoint) -> bool:
        """Whether a datagram from ``source`` may use the mapping."""


class FullCone(Nat):
    """Endpoint-independent mapping and filtering."""

    name = "full-cone"

    def lets_in(self, mapping: Mapping, source: Endpoint) -> bool:
        del mapping, source
        return True


class AddressRestricted(Nat):
    """Endpoint-independent mapping, address-dependent filtering."""

    name = "address-restricted"

    def lets_in(self, mapping: Mapping, source: Endpoint) -> bool:
        return any(ip == source[0] for ip, _port in mapping.sent_to)


class PortRestricted(Nat):
    """Endpoint-independent mapping, address- and port-dependent filtering."""

    name = "port-restricted"

    def lets_in(self, mapping: Mapping, source: Endpoint) -> bool:
        return source in mapping.sent_to


class Symmetric(PortRestricted):
    """A new random port for each destination."""

    name = "symmetric"

    def mapping_key(self, inside: Endpoint, destination: Endpoint) -> Hashable:
        return (inside, destination)

    def choose_port(self, inside: Endpoint, now: int, entropy: random.Random) -> int:
        del inside
        port = entropy.randrange(1024, 65536)
        while self._taken(port, now):
            port = entropy.randrange(1024, 65536)
        return port


class SymmetricByAddress(Symmetric):
    """A new random port for each host sent to, whatever its port; lets that host in by any port."""

    name = "symmetric-by-address"

    def mapping_key(self, inside: Endpoint, destination: Endpoint) -> Hashable:
        return (inside, destination[0])

    def lets_in(self, mapping: Mapping, source: Endpoint) -> bool:
        return any(ip == source[0] for ip, _port in mapping.sent_to)


class SymmetricSequential(Symmetric):
    """A new port for each destination, always the next one."""

    name = "symmetric-sequential"

    def __init__(self, *, lifetime_ms: int = 30_000, hairpin: bool = False) -> None:
        super().__init__(lifetime_ms=lifetime_ms, hairpin=hairpin)
        self._next = 20_000

    def choose_port(self, inside: Endpoint, now: int, entropy: random.Random) -> int:
        del inside, entropy
        while self._taken(self._next, now):
            self._next += 1
        port = self._next
        self._next += 1
        return port


class Masquerade(Nat):
    """Linux with `masquerade` and no filter on what the router itself is sent.

    It tracks flows, not ports. What comes for a port that leads nowhere goes to the router, and is
    tracked as a flow of its own, a *stray*: until that lapses, what the inside host sends to its
    sender leaves by another port. So does what it sends to anybody new from then on: a new flow
    gets the port of the newest one of the same inside endpoint, if no other has it there.
    """

    name = "masquerade"
    tracks_strays = True

    def __init__(self, *, lifetime_ms: int = 30_000, hairpin: bool = False) -> None:
        super().__init__(lifetime_ms=lifetime_ms, hairpin=hairpin)
        self._flows: dict[tuple[Endpoint, Endpoint], Mapping] = {}
        """By both endpoints as the inside has them; the one made last comes last."""
        self._by_flow: dict[tuple[int, Endpoint], Mapping] = {}
        self._strays: dict[tuple[int, Endpoint], int] = {}

    def outbound(
        self, inside: Endpoint, destination: Endpoint, now: int, entropy: random.Random
    ) -> int:
        """That of the newest flow, or the inside port, or a random one: the first that is free."""
        mapping = self._flows.get((inside, destination))
        if mapping is None or now - mapping.used_at > self.lifetime_ms:
            port = self._newest_port(inside, now)
            if self._used(port, destination, now):
                port = inside[1]
            while self._used(port, destination, now):
                port = entropy.randrange(1024, 65536)
            mapping = Mapping(inside, port, now)
            self._flows.pop((inside, destination), None)
            self._flows[inside, destination] = self._by_flow[port, destination] = mapping
        mapping.used_at = now
        return mapping.port

    def _newest_port(self, inside: Endpoint, now: int) -> int:
        """Of the flow that was made last, of those that live; its own port if there is none."""
        living = [
            mapping
            for (source, _), mapping in self._flows.items()
            if source == inside and now - mapping.used_at <= self.lifetime_ms
        ]
        return living[-1].port if living else inside[1]

    def _used(self, port: int, destination: Endpoint, now: int) -> bool:
        flow = (port, destination)
        moments = [self._strays[flow]] if flow in self._strays else []
        if flow in self._by_flow:
            moments.append(self._by_flow[flow].used_at)
        return any(now - at <= self.lifetime_ms for at in moments)

    def inbound(self, port: int, source: Endpoint, now: int) -> Endpoint | None:
        """The inside endpoint of the flow; each datagram keeps the flow alive."""
        mapping = self._by_flow.get((port, source))
        if mapping is None or now - mapping.used_at > self.lifetime_ms:
            return None
        mapping.used_at = now
        return mapping.inside

    def astray(self, port: int, source: Endpoint, now: int) -> None:
        """A datagram for no flow has arrived."""
        self._strays[port, source] = now

    def forget(self) -> None:
        """Lose all flows."""
        super().forget()
        self._flows.clear()
        self._by_flow.clear()
        self._strays.clear()

    def lets_in(self, mapping: Mapping, source: Endpoint) -> bool:
        """Whatever belongs to the flow."""
        del mapping, source
        return True


class UdpBlocked(Nat):
    """A firewall that knows the web only."""

    name = "udp-blocked"
    blocks_udp = True

    def lets_in(self, mapping: Mapping, source: Endpoint) -> bool:
        del mapping, source
        return False
