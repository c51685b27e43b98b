"""Rate gates of bounded size (02, 4.10). An excess is the caller's to drop and count."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_HASH_BITS = 14
_HASH_MASK = (1 << _HASH_BITS) - 1


class Interval(Generic[K]):
    """At most one pass per key and interval. At most ``limit`` keys are remembered: then none pass."""

    def __init__(self, interval_ms: int, limit: int = 4_096) -> None:
        self._interval_ms = interval_ms
        self._limit = limit
        self._passed_at: dict[K, int] = {}

    def passes(self, key: K, now: int) -> bool:
        """Whether ``key`` may pass now; if so it is noted."""
        last = self._passed_at.get(key)
        if last is not None and now - last < self._interval_ms:
            return False
        if last is None and len(self._passed_at) >= self._limit:
            self.expire(now)
            if len(self._passed_at) >= self._limit:
                return False
        self._passed_at[key] = now
        return True

    def clear(self, key: K) -> None:
        """Let the key pass again at once."""
        self._passed_at.pop(key, None)

    def expire(self, now: int) -> None:
        """Forget keys that would pass anyway."""
        self._passed_at = {
            key: at for key, at in self._passed_at.items() if now - at < self._interval_ms
        }


class IdentityGate:
    """Limits the validation of new identities per source prefix: a token bucket for each (4.10).

    Stock nodes let one per prefix pass every 2 s. The bucket keeps that cost over time, give or take,
    but lets the honest hosts behind one prefix come together.
    """

    BURST = 16
    REFILL_MS = 500
    """One more per prefix and this time: about 1 % of a core."""

    def __init__(self) -> None:
        self._full_at: dict[int, int] = {}

    def passes(self, ip: bytes, now: int) -> bool:
        """Whether one more identity from this source may be checked now."""
        key = prefix_key(ip)
        full_at = max(self._full_at.get(key, now), now) + self.REFILL_MS
        if full_at - now > self.BURST * self.REFILL_MS:
            return False
        self._full_at[key] = full_at
        return True

    def expire(self, now: int) -> None:
        """Forget buckets that are full again."""
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}


def prefix_key(ip: bytes) -> int:
    """14 bits of an IPv4 /24 or IPv6 /48 (4.10)."""
    if len(ip) == 4:
        prefix = int.from_bytes(ip, "big") >> 8
        return (prefix ^ prefix >> _HASH_BITS) & _HASH_MASK
    key = 0
    for byte in ip[:6]:
        key = 2 * key + byte
    return key & _HASH_MASK
