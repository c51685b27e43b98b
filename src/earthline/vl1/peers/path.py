"""Physical paths: what is known of each (socket, remote IP, port), whoever uses it (02, 6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from earthline.bounded import FairTable
from earthline.effects import Path
from earthline.wire.inet import InetAddress, Scope

ALIVE_MS = 19_000
"""A path is alive while something came in by it within this time (02, 6.1)."""
HEARTBEAT_MS = 14_000
"""A path needs a heartbeat when nothing was sent by it for this long (02, 6.1)."""
EXPIRY_MS = 243_000
"""A peer's slot expires when the peer sent nothing valid by it for this long (02, 6.1)."""
UNKNOWN_LATENCY = 65_535
"""ms; what a path without a measurement is ranked by (02, 3.12)."""
RECENT_LIMIT = 16_384
"""Paths remembered that no peer has among its slots; of more, one of the network goes that most
lead to: source ports cost whoever plays with them nothing."""

_AGE_CAP_MS = 140_000
"""Silence beyond this makes a path no worse (02, 6.4)."""
_SCOPE_BASE = 8
"""Latency is weighed by this less the number of the scope, so that near scopes win (02, 6.4)."""


@dataclass(slots=True, weakref_slot=True)
class PathState:
    """One path, shared by all peers that are reached by it."""

    key: Path
    address: InetAddress = field(init=False)
    scope: Scope = field(init=False)
    last_in: int = 0
    last_out: int = 0
    latency: int = UNKNOWN_LATENCY
    echo_answered_at: int = 0
    echo_sent_at: int = 0
    trust_installed_at: int = 0

    def __post_init__(self) -> None:
        self.address = InetAddress(self.key[1], self.key[2])
        self.scope = self.address.scope

    @property
    def socket(self) -> int:
        return self.key[0]

    @property
    def reported_latency(self) -> int:
        """Milliseconds; -1 while unknown."""
        return -1 if self.latency >= UNKNOWN_LATENCY else self.latency

    def alive(self, now: int) -> bool:
        return now - self.last_in < ALIVE_MS

    def needs_heartbeat(self, now: int) -> bool:
        return now - self.last_out >= HEARTBEAT_MS

    def sample_latency(self, round_trip_ms: int) -> None:
        """Fold in one measured round trip: the first as it is, later ones halfway (02, 3.12)."""
        known = self.latency < UNKNOWN_LATENCY
        sample = (self.latency + round_trip_ms) // 2 if known else round_trip_ms
        self.latency = max(0, min(sample, UNKNOWN_LATENCY))

    def quality(self, now: int) -> int:
        """Lower is better: latency, by scope, with a penalty for silence (02, 6.4)."""
        age = min(now - self.last_in, _AGE_CAP_MS)
        base = self.latency if self.alive(now) else self.latency + UNKNOWN_LATENCY + age
        return base * (_SCOPE_BASE - self.scope)


class PathTable:
    """Every path that a peer uses or that an authenticated packet came by lately.

    Those in use are kept by the slots of the peers, whatever else there is.
    """

    def __init__(self) -> None:
        self._paths: WeakValueDictionary[Path, PathState] = WeakValueDictionary()
        self._recent: FairTable[Path, bytes, PathState] = FairTable(RECENT_LIMIT)

    def get(self, key: Path) -> PathState:
        """The path, made if it is new. Call it for authenticated packets only."""
        path = self._paths.get(key)
        if path is None:
            path = self._paths[key] = PathState(key)
            self._recent.put(key, ip_prefix(key[1]), path)
        return path

    def find(self, key: Path) -> PathState | None:
        return self._paths.get(key)

    def forget_unused(self) -> None:
        """Forget paths that no peer references (02, 6.1)."""
        self._recent.clear()

    def __len__(self) -> int:
        return len(self._paths)


def ip_prefix(ip: bytes) -> bytes:
    """What somebody who sends without forging can choose from: an IPv4 /24, an IPv6 /48."""
    return ip[:3] if len(ip) == 4 else ip[:6]
