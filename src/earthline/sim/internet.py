"""The virtual internet: segments of hosts, gateways with NATs between them, and faults.

host ── segment ── gateway(NAT) ── segment ── … ── the core, where public addresses live
"""

from __future__ import annotations

import ipaddress
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol, TypeAlias

from earthline.sim.clock import Clock
from earthline.sim.link import Link
from earthline.sim.nat import Endpoint, Nat

CORE_HOPS = 4
"""Routers between two gateways: what a datagram with TTL 2 never crosses."""

DEFAULT_TTL = 64


def ip_bytes(text: str) -> bytes:
    """4 or 16 bytes of an IP given as text."""
    return ipaddress.ip_address(text).packed


class Attached(Protocol):
    """Whatever can sit on a segment and take datagrams."""

    name: str
    ip: bytes
    link: Link

    def datagram_in(self, port: int, source: Endpoint, datagram: bytes) -> None:
        """A datagram for the UDP port ``port`` has arrived."""


class Verdict(Enum):
    """What a fault says of one datagram."""

    PASS = auto()
    DROP = auto()
    UNDELIVERABLE = auto()
    """No route, or a NAT let it not in; the flight's receiver is the reason."""


@dataclass(frozen=True, slots=True)
class Flight:
    """A datagram on its way, as faults and captures see it: endpoints on the receiver's segment."""

    at: int
    sender: str
    receiver: str
    source: Endpoint
    destination: Endpoint
    datagram: bytes
    written_to: Endpoint
    """The destination as its sender has it: on the other side of a NAT it may be another."""
    dont_fragment: bool = False


Fault: TypeAlias = Callable[[Flight], Verdict]
Watcher: TypeAlias = Callable[[Flight, Verdict], None]


@dataclass(slots=True)
class Gateway:
    """A router with one outside address and a NAT."""

    outside_ip: bytes
    inner: Segment
    outer: Segment
    nat: Nat


@dataclass(slots=True)
class Segment:
    """One layer-3 network: hosts, gateways whose outside is here, and maybe a gateway out of it."""

    name: str
    hosts: dict[bytes, Attached] = field(default_factory=dict)
    gateways: dict[bytes, Gateway] = field(default_factory=dict)
    exit: Gateway | None = None


@dataclass(frozen=True, slots=True)
class Early:
    """A datagram on its way to a NAT that has no flow for it yet, but may have when it arrives."""

    gateway: Gateway
    source: Endpoint
    port: int


class Internet:
    """Carries datagrams between attached hosts in virtual time."""

    def __init__(self, clock: Clock, entropy: random.Random) -> None:
        self.clock = clock
        self.core = Segment("core")
        self.faults: list[Fault] = []
        self.watchers: list[Watcher] = []
        self.lost: Counter[str] = Counter()
        """Datagrams that did not arrive, by reason."""
        self._entropy = entropy

    def site(self, name: str, outside_ip: bytes, nat: Nat, outer: Segment | None = None) -> Segment:
        """A new segment behind a NAT."""
        inner = Segment(name)
        gateway = Gateway(outside_ip, inner, outer or self.core, nat)
        inner.exit = gateway
        gateway.outer.gateways[outside_ip] = gateway
        return inner

    def send(
        self,
        sender: Attached,
        segment: Segment,
        source: Endpoint,
        destination: Endpoint,
        datagram: bytes,
        *,
        ttl: int = 0,
        dont_fragment: bool = False,
    ) -> None:
        """Route one datagram of ``sender``; NAT state changes now, delivery comes later."""
        route = self._route(segment, source, destination, ttl or DEFAULT_TTL)
        now = self.clock.now
        if isinstance(route, Early):
            self._fly_early(sender.link, route, datagram)
            route = "nat refused"
        if isinstance(route, str):
            self.lost[route] += 1
            flight = Flight(now, sender.name, route, source, destination, datagram, destination)
            self._show(flight, Verdict.UNDELIVERABLE)
            return
        receiver, seen_source, seen_destination = route
        flight = Flight(
            now,
            sender.name,
            receiver.name,
            seen_source,
            seen_destination,
            datagram,
            destination,
            dont_fragment=dont_fragment,
        )
        fits = receiver.link.carries(datagram) or not dont_fragment
        verdict = self._judge(flight) if fits else Verdict.DROP
        self._show(flight, verdict)
        if verdict is Verdict.DROP:
            self.lost["fault" if fits else "too large"] += 1
            return
        self._fly(sender.link, receiver, seen_source, seen_destination, datagram)

    def _show(self, flight: Flight, verdict: Verdict) -> None:
        for watch in self.watchers:
            watch(flight, verdict)

    def _judge(self, flight: Flight) -> Verdict:
        dropped = any(fault(flight) is Verdict.DROP for fault in self.faults)
        return Verdict.DROP if dropped else Verdict.PASS

    def _fly(
        self,
        link: Link,
        receiver: Attached,
        source: Endpoint,
        destination: Endpoint,
        datagram: bytes,
    ) -> None:
        arrivals = [
            first + second
            for first in link.arrivals(self._entropy)
            for second in receiver.link.arrivals(self._entropy)
        ]
        if not arrivals:
            self.lost["loss"] += 1
        for delay in arrivals:
            self.clock.after(delay, lambda: receiver.datagram_in(destination[1], source, datagram))

    def _fly_early(self, link: Link, early: Early, datagram: bytes) -> None:
        """Such a NAT is asked again on arrival, and remembers what it refuses.

        The access of the host behind it is on the NAT's other side, as most are.
        """
        behind = next(iter(early.gateway.inner.hosts.values()), None)
        if behind is None:
            return
        for first in link.arrivals(self._entropy):
            for second in behind.link.arrivals(self._entropy):
                self.clock.after(first + second, lambda: self._arrive_early(early, datagram))

    def _arrive_early(self, early: Early, datagram: bytes) -> None:
        nat, now = early.gateway.nat, self.clock.now
        inside = nat.inbound(early.port, early.source, now)
        if inside is None:
            nat.astray(early.port, early.source, now)
        elif inside[0] in early.gateway.inner.hosts:
            early.gateway.inner.hosts[inside[0]].datagram_in(inside[1], early.source, datagram)

    def _route(
        self, segment: Segment, source: Endpoint, destination: Endpoint, ttl: int
    ) -> tuple[Attached, Endpoint, Endpoint] | Early | str:
        """(receiver, source as it sees it, its own endpoint), or the reason for the loss."""
        here = segment
        came_through: Gateway | None = None
        while True:
            if destination[0] in here.hosts:
                return here.hosts[destination[0]], source, destination
            if destination[0] in here.gateways:
                return self._descend(here, came_through, source, destination, ttl)
            if here.exit is None:
                return "no such address"
            ttl -= 1
            if ttl <= 0:
                return "ttl"
            came_through = here.exit
            if came_through.nat.blocks_udp:
                return "udp blocked"
            port = came_through.nat.outbound(source, destination, self.clock.now, self._entropy)
            source = (came_through.outside_ip, port)
            here = came_through.outer
            if here is self.core:
                ttl -= CORE_HOPS

    def _descend(
        self,
        here: Segment,
        came_through: Gateway | None,
        source: Endpoint,
        destination: Endpoint,
        ttl: int,
    ) -> tuple[Attached, Endpoint, Endpoint] | Early | str:
        while destination[0] in here.gateways:
            gateway = here.gateways[destination[0]]
            if gateway is came_through and not gateway.nat.hairpin:
                return "no hairpin"
            if ttl <= 0:
                return "ttl"
            inside = gateway.nat.inbound(destination[1], source, self.clock.now)
            if inside is None and gateway.nat.tracks_strays:
                return Early(gateway, source, destination[1])
            if inside is None:
                return "nat refused"
            destination, here = inside, gateway.inner
        if destination[0] not in here.hosts:
            return "no such address"
        return here.hosts[destination[0]], source, destination
