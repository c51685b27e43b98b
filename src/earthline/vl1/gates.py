"""Rate gates of bounded size (02, 4.10). An excess is the caller's to drop and count."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_HASH_BITS = 14
_HASH_MASK = (1 << _HASH_BITS) - 1


class Interval(Generic[K]):
    """At most one pass per key and interval. ``limit`` keys are remembered; beyond, none pass."""

    def __init__(self, interval_ms: int, limit: int = 4_096) -> None:
        self._interval_ms = interval_ms
        self._limit = limit
        self._passed_at: dict[K, int] = {}

    def passes(self, key: K, now: int) -> bool:
        """Whether ``key`` may pass now; if so it is noted."""
        last = self._passed_at.get(key)
        if last is not None and 0 <= now - last < self._interval_ms:
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
            key: at for key, at in self._passed_at.items() if 0 <= now - at < self._interval_ms
        }


def drawn(full_at: int, burst: int, refill_ms: int, now: int) -> int | None:
    """One token of a bucket that holds ``burst`` and gets one per ``refill_ms``, full at a time.

    When it is full again after that; None if it has no token left.
    """
    depth_ms = burst * refill_ms
    full_at = max(full_at, now)
    if full_at - now > depth_ms:
        full_at = now  # The clock was set back.
    full_at += refill_ms
    return full_at if full_at - now <= depth_ms else None


class Buckets(Generic[K]):
    """A token bucket per key: ``burst`` passes at once, then one per ``refill_ms``."""

    def __init__(self, burst: int, refill_ms: int) -> None:
        self._burst = burst
        self._refill_ms = refill_ms
        self._full_at: dict[K, int] = {}

    def passes(self, key: K, now: int) -> bool:
        """Take a token, if one is left."""
        full_at = drawn(self._full_at.get(key, now), self._burst, self._refill_ms, now)
        if full_at is not None:
            self._full_at[key] = full_at
        return full_at is not None

    def expire(self, now: int) -> None:
        """Forget buckets that are full again."""
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}


class IdentityGate:
    """Limits the checks of new identities per source prefix (4.10).

    Stock nodes let one per prefix pass every 2 s. A bucket, too, bounds the cost over time, but
    lets the honest hosts behind one prefix come together. There is none for all prefixes: HELLOs
    with forged sources would empty it, and the work they cause is bounded where it is done.
    """

    def __init__(self) -> None:
        self._per_prefix: Buckets[int] = Buckets(burst=16, refill_ms=500)

    def passes(self, ip: bytes, now: int) -> bool:
        """Whether one more identity from this source may be checked now."""
        return self._per_prefix.passes(prefix_key(ip), now)

    def expire(self, now: int) -> None:
        """Forget prefixes that may come in full strength again."""
        self._per_prefix.expire(now)


def prefix_key(ip: bytes) -> int:
    """14 bits of an IPv4 /24 or IPv6 /48 (4.10)."""
    if len(ip) == 4:
        prefix = int.from_bytes(ip, "big") >> 8
        return (prefix ^ prefix >> _HASH_BITS) & _HASH_MASK
    key = 0
    for byte in ip[:6]:
        key = 2 * key + byte
    return key & _HASH_MASK
