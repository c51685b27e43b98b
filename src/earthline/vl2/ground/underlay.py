"""What the Ethernet engine needs of the peer engine below it, and what its parts share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from earthline.vl2.ground.crowd import Crowd

if TYPE_CHECKING:
    from earthline.effects import Command, PacketReceived
    from earthline.vl2.ground.network import Network
    from earthline.wall import Wall
    from earthline.wire.identity import Identity, SecretIdentity
    from earthline.wire.messages.error import Error
    from earthline.wire.messages.ok import Ok
    from earthline.wire.packet import ErrorCode, Verb

TICK_MS = 5_000
"""Period of the member tick: requests and announcements (03, 2.4)."""

HOUSEKEEPING_MS = 30_000
"""Period of expiry (03, 11)."""

HOLD_MS = 5_000
"""How long a frame or packet waits for what it lacks (03, 5.3)."""


class Underlay(Protocol):
    """The peer engine, as far as the Ethernet engine sees it."""

    @property
    def acting_as_upstream(self) -> bool:
        """Whether we are a root of the planet or of a moon."""

    @property
    def upstreams(self) -> tuple[int, ...]:
        """The roots, without ourselves."""

    def best_upstream(self, now: int) -> int | None:
        """The root with the best path (02, 2.8)."""

    def send(
        self, destination: int, verb: Verb, payload: bytes, now: int, *, compress: bool = False
    ) -> int | None:
        """Send by address; the packet ID on the wire, or None while the packet waits for a path."""

    def reply_ok(self, packet: PacketReceived, payload: bytes, now: int) -> None:
        """OK, back the way the packet came."""

    def reply_error(
        self, packet: PacketReceived, code: ErrorCode, payload: bytes, now: int
    ) -> None:
        """ERROR, back the way the packet came."""

    def register(self, verb: Verb, handler: Callable[[PacketReceived, int], None]) -> None:
        """Have packets of a verb handled."""

    def register_ok(
        self,
        in_re_verb: Verb,
        handler: Callable[[PacketReceived, Ok, int], None],
        asked: Callable[[int, Ok, int], bool] | None = None,
    ) -> None:
        """Have OKs to what we sent with a verb handled.

        ``asked`` (sender, OK, now) says so of those that answer the switch.
        """

    def register_error(
        self, code: ErrorCode, handler: Callable[[PacketReceived, Error, int], None]
    ) -> None:
        """Have ERRORs of a code handled."""

    def came_in(self, source: int, path: tuple[int, bytes, int], size: int, now: int) -> None:
        """Of a peer so many authentic bytes came by a path: it may have some sent back there."""

    def assured(self, packet: PacketReceived, now: int) -> bool:
        """Whether its sender has shown that it is where the packet came from.

        Else it is asked to, and the packet is dispatched again when it does.
        """

    def defer(self, packet: PacketReceived, now: int) -> None:
        """Keep an opened packet and dispatch it again when an identity arrives."""

    def identity_of(self, address: int) -> Identity | None:
        """The identity of a known node, ourselves included."""

    def proven(
        self, address: int, now: int, path: tuple[int, bytes, int] | None = None
    ) -> Identity | None:
        """The identity of a node whose address is proved to be its own; else it is looked into.

        ``path``: by which a stranger sent what it is wanted for.
        """

    def reachable(self, address: int, now: int) -> bool:
        """Whether a frame to the node would leave now: a session and a route are installed."""

    def direct_latency(self, address: int, now: int) -> int | None:
        """Round trip by the node's own path, ms; None without such a path, or while unknown."""

    def whois(self, address: int, now: int) -> None:
        """Ask for an identity."""

    def affords(self, address: int, verb: Verb, tokens: int, now: int) -> bool:
        """Whether what a peer asks for with a verb may cost so many tokens more; else counted.

        A token is 50 µs; each packet of the verb has cost one when it comes here.
        """

    def trusted(self, address: int, path: tuple[int, bytes, int], now: int) -> None:
        """The peer proved common membership (02, 4.8)."""

    def count(self, reason: str) -> None:
        """Count a drop or an event by its name."""


@dataclass(slots=True)
class Station:
    """What all parts of the Ethernet engine share: who we are, what is below, what is joined."""

    identity: SecretIdentity
    underlay: Underlay
    emit: Callable[[Command], None]
    entropy: Callable[[int], bytes]
    networks: dict[int, Network]
    """Joined networks by ID."""
    wall: Wall
    """Unix time, for configurations that we make up and for people."""
    low_bandwidth: bool = False
    """Ask and tell as seldom as can be (02, 1.7)."""

    @property
    def address(self) -> int:
        return self.identity.address

    def below(self, limit: int) -> int:
        """A random number from 0 up to, but without, ``limit``."""
        return int.from_bytes(self.entropy(8), "big") % limit

    def sample(self, addresses: list[int], count: int) -> list[int]:
        """Up to ``count`` of the addresses, in random order."""
        return Crowd(addresses).sample(count, self.entropy)
