"""What is remembered of another node (02, 3.1), and which of its paths is best (02, 6.4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from earthline._native import SessionKey
from earthline.effects import Path
from earthline.vl1.path import EXPIRY_MS, UNKNOWN_LATENCY, PathState
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress
from earthline.wire.packet import Suite

MAX_SLOTS = 64
"""Paths per peer (6.7)."""
ACTIVE_MS = 500_000
"""A peer that sent network traffic within this time is kept alive (1.5)."""
TRUST_MS = 600_000
"""How long proof of common network membership lasts (4.8)."""

AES_PROTOCOL = 12
"""From this protocol version on a peer understands suite 3 (01, 3.4)."""
_ECHO_PROTOCOL = 5


class Version(NamedTuple):
    """Software version; all zero while unknown (3.11)."""

    major: int = 0
    minor: int = 0
    revision: int = 0

    @property
    def known(self) -> bool:
        return any(self)


_ECHO_BROKEN = Version(1, 1, 0)


@dataclass(slots=True)
class Slot:
    """A path confirmed (or redirected to) for a peer."""

    path: PathState
    received_at: int
    """Last valid direct packet of the peer by it; 0 puts it out of use until it answers."""
    priority: int = 1
    reset_at: int = 0
    """When a changed surface put it out of use; traffic up to then proves nothing (7.1)."""

    def expired(self, now: int) -> bool:
        return now - self.received_at >= EXPIRY_MS

    def refresh(self, received_at: int) -> None:
        """Note that the peer sent something valid by it."""
        if received_at > self.reset_at:
            self.received_at = max(self.received_at, received_at)

    def reset(self, now: int) -> None:
        self.received_at = 0
        self.reset_at = now


@dataclass(slots=True, eq=False)
class Peer:
    """Another node. Stamps are milliseconds, 0 is never."""

    identity: Identity
    key: bytes = field(repr=False)
    created_at: int
    session: SessionKey = field(init=False, repr=False)
    protocol: int = 0
    version: Version = field(default_factory=Version)
    slots: list[Slot] = field(default_factory=list)
    cached_addresses: tuple[InetAddress, ...] = ()
    """Where it was reached in an earlier run; tried once, when it is first wanted (3.3)."""
    stored: bytes = field(default=b"", repr=False)
    """Its record as the host last got it to store."""

    last_receive: int = 0
    last_relayed_receive: int = 0
    last_sent: int = 0
    nontrivial_at: int = 0
    trusted_at: int = 0
    full_hello_at: int = 0
    push_sent_at: int = 0
    push_received_at: int = 0
    push_count: int = 0
    whois_answered_at: int = 0
    credentials_received_at: int = 0
    hint_tried_at: int = 0
    confirmations: dict[Path, int] = field(default_factory=dict)
    """When each unknown path was last answered with HELLO (6.3)."""

    def __post_init__(self) -> None:
        self.session = SessionKey(self.key)

    @property
    def address(self) -> int:
        return self.identity.address

    @property
    def suite(self) -> int:
        """The suite we seal with (01, 3.4)."""
        aes = self.protocol >= AES_PROTOCOL
        return Suite.AES_GMAC_SIV if aes else Suite.SALSA20_POLY1305

    @property
    def understands_echo(self) -> bool:
        """Whether an ECHO may stand in for a HELLO (3.10)."""
        return self.protocol >= _ECHO_PROTOCOL and self.version != _ECHO_BROKEN

    @property
    def last_heard(self) -> int:
        """Last receive, or when we first knew it."""
        return max(self.last_receive, self.created_at)

    def active(self, now: int) -> bool:
        return self.nontrivial_at > 0 and now - self.nontrivial_at < ACTIVE_MS

    def trusted(self, now: int) -> bool:
        return self.trusted_at > 0 and now - self.trusted_at < TRUST_MS

    def slot_of(self, path: Path) -> Slot | None:
        return next((slot for slot in self.slots if slot.path.key == path), None)

    def best(self, now: int, *, expired: bool = False) -> Slot | None:
        """The slot to send by; with ``expired`` any slot counts (6.4)."""
        usable = self.slots if expired else [s for s in self.slots if not s.expired(now)]
        return best_of(usable, now)

    @property
    def latency(self) -> int:
        """Lowest known latency of its paths in ms; -1 while unknown."""
        known = [s.path.latency for s in self.slots if s.received_at]
        lowest = min(known, default=UNKNOWN_LATENCY)
        return -1 if lowest >= UNKNOWN_LATENCY else lowest


def best_of(slots: Iterable[Slot], now: int) -> Slot | None:
    """The slot of lowest quality over priority; the later one of equals (6.4)."""
    best: Slot | None = None
    lowest = 0
    for slot in slots:
        value = slot.path.quality(now) // slot.priority
        if best is None or value <= lowest:
            best, lowest = slot, value
    return best
