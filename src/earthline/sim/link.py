"""What happens to a datagram on its way: delay, loss, reordering, duplication, each from a seed.

And how large it may be.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """A host's access to its network. Delays in ms one way; the others are probabilities."""

    delay_ms: int = 5
    jitter_ms: int = 0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    """Share of datagrams held back by another `reorder_ms`, so that later ones overtake them."""
    reorder_ms: int = 20
    mtu: int = 0
    """UDP payload bytes of a datagram that passes whole; larger ones pass in fragments. 0: any."""

    def carries(self, datagram: bytes) -> bool:
        """Whether it passes whole."""
        return not self.mtu or len(datagram) <= self.mtu

    def arrivals(self, entropy: random.Random) -> tuple[int, ...]:
        """The delay of each copy that gets through: none, one, or two."""
        if self.loss and entropy.random() < self.loss:
            return ()
        copies = 2 if self.duplicate and entropy.random() < self.duplicate else 1
        return tuple(self._delay(entropy) for _ in range(copies))

    def _delay(self, entropy: random.Random) -> int:
        delay = self.delay_ms
        if self.jitter_ms:
            delay += entropy.randrange(self.jitter_ms + 1)
        if self.reorder and entropy.random() < self.reorder:
            delay += self.reorder_ms
        return delay
