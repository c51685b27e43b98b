"""What is remembered of another node (02, 3.1), and which of its paths is best (02, 6.4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from earthline._native import SessionKey
from earthline.effects import Path
from earthline.vl1.peers.path import EXPIRY_MS, UNKNOWN_LATENCY, PathState
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress
from earthline.wire.packet import Suite

MAX_SLOTS = 64
"""Paths per peer (02, 6.7)."""
ACTIVE_MS = 500_000
"""A peer that sent network traffic within this time is kept alive (02, 1.5)."""
TRUST_MS = 600_000
"""How long proof of common network membership lasts (02, 4.8)."""

UNANSWERING_MS = 5_000
"""A peer not heard for this long, although it was asked, does not answer."""

STRANGERS = 0
"""In place of an address: who holds what peers that proved no common membership have in a table."""

MAX_PLACES = 16
MAX_ATTEMPTS = 16
"""Places remembered of a peer, and of those that were tried: a stock peer pushes fewer."""

AES_PROTOCOL = 12
"""From this protocol version on a peer understands suite 3 (01, 3.4)."""
_ECHO_PROTOCOL = 5
"""From this protocol version on a peer answers ECHO (02, 3.10)."""


class Version(NamedTuple):
    """Software version; all zero while unknown (02, 3.11)."""

    major: int = 0
    minor: int = 0
    revision: int = 0

    @property
    def known(self) -> bool:
        return any(self)


_ECHO_BROKEN = Version(1, 1, 0)
"""The release that does not answer it (02, 3.10)."""


@dataclass(slots=True)
class Slot:
    """A path confirmed for a peer."""

    path: PathState
    received_at: int
    """Last valid direct packet of the peer by it; 0 puts it out of use until it answers."""
    reset_at: int = 0
    """When it was put out of use until it answers: our address changed (02, 7.1), or silence."""

    def expired(self, now: int) -> bool:
        return now - self.received_at >= EXPIRY_MS

    def refresh(self, received_at: int, *, confirmed: bool = False) -> None:
        """Note that the peer sent something valid by it; one out of use needs an answer to us."""
        if self.reset_at and not confirmed:
            return
        self.reset_at = 0
        self.received_at = max(self.received_at, received_at)

    def reset(self, now: int) -> None:
        self.received_at = 0
        self.reset_at = now


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where the peer was looked for: last when (ms), and how many times."""

    address: InetAddress
    at: int
    times: int


@dataclass(slots=True, eq=False)
class Peer:
    """Another node. Stamps are milliseconds, 0 is never."""

    identity: Identity
    key: bytes = field(repr=False)
    created_at: int
    address: int = field(init=False)
    session: SessionKey = field(init=False, repr=False)
    genuine: bool = False
    """Its address was found to belong to its key by the slow hash (01, 2.4)."""
    named_by: int = 0
    """The root whose word it is that the identity is this one; 0: it came by itself, or is old."""
    forged: bool = False
    """It was found not to; such a peer is kept only where a signed world lists it."""
    protocol: int = 0
    version: Version = field(default_factory=Version)
    slots: list[Slot] = field(default_factory=list)
    cached_addresses: tuple[InetAddress, ...] = ()
    """Where it was reached in an earlier run, or by sockets that are gone; tried once (02, 3.3)."""
    stored: bytes = field(default=b"", repr=False)
    """Its record as the host last got it to store."""
    stored_heard_at: int = 0
    """When it had last been heard then; 0 for the record of an earlier run."""

    last_receive: int = 0
    last_relayed_receive: int = 0
    last_sent: int = 0
    received_bytes: int = 0
    """Bytes of packets with frames since the peer was learned; the same of what was sent to it."""
    sent_bytes: int = 0
    nontrivial_at: int = 0
    trusted_at: int = 0
    full_hello_at: int = 0
    push_sent_at: int = 0
    push_received_at: int = 0
    push_count: int = 0
    whois_answered_at: int = 0
    hint_tried_at: int = 0
    passed_over_at: int = 0
    """When a peer had to go to make room and this one was last spared, since it had been heard."""
    evicted: bool = False
    """Dropped to make room: its record is not stored."""
    full_at: dict[int, int] = field(default_factory=dict)
    """When each of its allowances is full again (see `allowance`)."""
    confirmations: dict[Path, int] = field(default_factory=dict)
    """When each unknown path was last answered with HELLO (02, 6.3)."""

    flow_at: int = 0
    """When the last packet was sent to it that makes an answer likely."""
    doubted_at: int = 0
    """Since when its ways are in doubt and have to be confirmed by an answer; 0: none is."""
    beside: Path | None = None
    """The path it last came by while another of the same IP was in use..."""
    beside_at: int = 0
    """...and when that was."""
    proved: dict[Path, int] = field(default_factory=dict)
    """When each way to it, relays included, last brought an answer."""
    credit: dict[tuple[bytes, int], int] = field(default_factory=dict)
    """Bytes we may still send to each endpoint that it never answered from, by IP and port."""
    places_full_at: int = 0
    """When the allowance for sending to places that it names is full again."""
    clock_offset: int | None = None
    """Its wall clock less our ``now`` in ms, by its last HELLO: too low by the time that took."""
    asked_since: int = 0
    """When it was first asked for proof after it was last heard."""
    silent_at: int = 0
    """Upstreams: when it was found not to answer while another one did; 0 once it is heard."""
    relay: int = 0
    """The upstream that was found to reach it when the best one did not..."""
    relay_until: int = 0
    """...and until when that is preferred."""
    places: deque[InetAddress] = field(default_factory=lambda: deque(maxlen=MAX_PLACES))
    """Places to look for it at: named by it or by a root, or used before; newest last."""
    hard_nat: bool = False
    """Behind a symmetric NAT, since it named more outside ports than it has sockets."""
    relayed_since: int = 0
    punches: int = 0
    punched_at: int = 0
    attempts: dict[InetAddress, Attempt] = field(default_factory=dict)
    """Where it was looked for, other than by its slots; the oldest first."""

    def __post_init__(self) -> None:
        self.address = self.identity.address
        self.session = SessionKey(self.key)

    @property
    def suite(self) -> int:
        """The suite we seal with (01, 3.4)."""
        aes = self.protocol >= AES_PROTOCOL
        return Suite.AES_GMAC_SIV if aes else Suite.SALSA20_POLY1305

    @property
    def understands_echo(self) -> bool:
        """Whether an ECHO may stand in for a HELLO (02, 3.10)."""
        return self.protocol >= _ECHO_PROTOCOL and self.version != _ECHO_BROKEN

    @property
    def last_heard(self) -> int:
        """Last receive, or when we first knew it."""
        return max(self.last_receive, self.created_at)

    def active(self, now: int) -> bool:
        return self.nontrivial_at > 0 and now - self.nontrivial_at < ACTIVE_MS

    def unanswering(self, now: int) -> bool:
        """Whether it was asked again and again, and is not heard."""
        return self.asked_since > self.last_receive and now - self.asked_since >= UNANSWERING_MS

    def trusted(self, now: int) -> bool:
        return self.trusted_at > 0 and now - self.trusted_at < TRUST_MS

    def holder(self, now: int) -> int:
        """Who holds what is kept of it where room is scarce: itself, or all strangers together."""
        return self.address if self.trusted(now) else STRANGERS

    def remember_place(self, endpoint: InetAddress) -> None:
        """Note where it may be found; the newest is tried first."""
        if endpoint in self.places:
            self.places.remove(endpoint)
        self.places.append(endpoint)

    def tried(self, path: Path, now: int) -> None:
        """Note that it was looked for at the path's address, unless that is a slot in use."""
        if any(slot.path.key[1:] == path[1:] for slot in self.slots):
            return
        address = InetAddress(path[1], path[2])
        before = self.attempts.pop(address, None)
        self.attempts[address] = Attempt(address, now, 1 if before is None else before.times + 1)
        if len(self.attempts) > MAX_ATTEMPTS:
            del self.attempts[next(iter(self.attempts))]

    def slot_of(self, path: Path) -> Slot | None:
        return next((slot for slot in self.slots if slot.path.key == path), None)

    def best(self, now: int, *, expired: bool = False) -> Slot | None:
        """The slot to send by; with ``expired`` any slot counts (02, 6.4).

        While ways are in doubt, those that it was heard by since come first.
        """
        usable = self.slots if expired else [s for s in self.slots if not s.expired(now)]
        heard = [s for s in usable if s.received_at >= self.doubted_at] if self.doubted_at else []
        return best_of(heard or usable, now)

    @property
    def latency(self) -> int:
        """Lowest known latency of its paths in ms; -1 while unknown."""
        known = [s.path.latency for s in self.slots if s.received_at]
        lowest = min(known, default=UNKNOWN_LATENCY)
        return -1 if lowest >= UNKNOWN_LATENCY else lowest


def best_of(slots: Iterable[Slot], now: int) -> Slot | None:
    """The slot of lowest quality; the later one of equals (02, 6.4)."""
    best: Slot | None = None
    lowest = 0
    for slot in slots:
        value = slot.path.quality(now)
        if best is None or value <= lowest:
            best, lowest = slot, value
    return best
