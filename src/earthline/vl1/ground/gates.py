"""Rate gates of bounded size (02, 4.10). An excess is the caller's to drop and count.

Who fills a gate keeps nobody else out of it: what is forgotten to make room may pass once more.
Every step takes constant time. What has no effect any more is forgotten a little at each step, two
for one that is noted, so that there is never a whole table to clear up.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from itertools import islice
from typing import Generic, TypeVar

from earthline.bounded import FairTable

K = TypeVar("K", bound=Hashable)
H = TypeVar("H", bound=Hashable)

_HASH_BITS = 14
"""Bits that a source prefix is folded to (02, 4.10)."""
_HASH_MASK = (1 << _HASH_BITS) - 1

_FORGOTTEN_AT_ONCE = 2
"""Old entries forgotten for each new one: the table shrinks, and no call takes long."""


class Interval(Generic[K, H]):
    """At most one pass per key and interval; each key belongs to a holder.

    ``limit`` keys are remembered. Beyond, the oldest of who holds most is forgotten.
    """

    def __init__(self, interval_ms: int, limit: int = 4_096) -> None:
        self._interval_ms = interval_ms
        self._passed_at: FairTable[K, H, int] = FairTable(limit)

    def __len__(self) -> int:
        return len(self._passed_at)

    def passes(self, key: K, holder: H, now: int) -> bool:
        """Whether ``key`` may pass now; if so it is noted."""
        last = self._passed_at.get(key)
        if last is not None and self._is_closed(last, now):
            return False
        for oldest in list(islice(self._passed_at, _FORGOTTEN_AT_ONCE)):
            if self._is_closed(self._passed_at[oldest], now):
                break
            self._passed_at.pop(oldest)
        self._passed_at.put(key, holder, now)
        return True

    def _is_closed(self, passed_at: int, now: int) -> bool:
        return now - passed_at < self._interval_ms


def drawn(full_at: int, burst: int, refill_ms: int, now: int, tokens: int = 1) -> int | None:
    """Tokens of a bucket that holds ``burst`` and gets one per ``refill_ms``, full at a time.

    When it is full again after that; None if it has not so many left.
    """
    full_at = max(full_at, now) + tokens * refill_ms
    return full_at if full_at - now <= burst * refill_ms else None


class Buckets(Generic[K]):
    """A token bucket per key: ``burst`` passes at once, then one per ``refill_ms``.

    ``limit`` keys are remembered. Beyond, the bucket that was not drawn from for longest is
    forgotten: it is the next to be full again, or nearly so.
    """

    def __init__(self, burst: int, refill_ms: int, limit: int = 4_096) -> None:
        self._burst = burst
        self._refill_ms = refill_ms
        self._limit = limit
        self._full_at: OrderedDict[K, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def passes(self, key: K, now: int) -> bool:
        """Take a token, if one is left."""
        full_at = drawn(self._full_at.get(key, now), self._burst, self._refill_ms, now)
        if full_at is None:
            return False
        for oldest in list(islice(self._full_at, _FORGOTTEN_AT_ONCE)):
            if self._full_at[oldest] > now:
                break
            del self._full_at[oldest]
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._limit:
            self._full_at.popitem(last=False)
        return True


class IdentityGate:
    """Limits the checks of new identities per source prefix (02, 4.10).

    Stock nodes let one per prefix pass every 2 s. A bucket, too, bounds the cost over time, but
    lets the honest hosts behind one prefix come together. There is none for all prefixes: HELLOs
    with forged sources would empty it, and the work they cause is bounded where it is done.
    """

    def __init__(self) -> None:
        self._per_prefix: Buckets[int] = Buckets(burst=16, refill_ms=500, limit=1 << _HASH_BITS)

    def passes(self, ip: bytes, now: int) -> bool:
        """Whether one more identity from this source may be checked now."""
        return self._per_prefix.passes(prefix_key(ip), now)


def prefix_key(ip: bytes) -> int:
    """14 bits of an IPv4 /24 or IPv6 /48 (02, 4.10)."""
    if len(ip) == 4:
        prefix = int.from_bytes(ip, "big") >> 8
        return (prefix ^ prefix >> _HASH_BITS) & _HASH_MASK
    key = 0
    for byte in ip[:6]:
        key = 2 * key + byte
    return key & _HASH_MASK
