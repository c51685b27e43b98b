"""Whether another host uses our identity, such as one made from a copy of our disk.

Nothing that we hear in ordinary life tells: whoever has our key is we. But a packet to our own
address, sent through a root, goes where the root thinks that we are. So each diagnosis sends some,
and who gets more of them than it has sent knows that there is another who sends them. They are not
sealed, so that a forger can send them, too.
"""

from __future__ import annotations

from collections.abc import Callable


class TwinWatch:
    """Counts packets under our own address against those that our diagnoses send."""

    def __init__(self, count: Callable[[], int]) -> None:
        """``count``: of packets that came in under our own address, since the start."""
        self._count = count
        self._sent = 0

    @property
    def strange(self) -> int:
        """Packets that another must have sent."""
        return max(0, self._count() - self._sent)

    def sent(self, packets: int) -> None:
        """A diagnosis has sent some, of which any number may come back, and however late."""
        self._sent += packets
