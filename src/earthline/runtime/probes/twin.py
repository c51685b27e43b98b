"""Whether another host uses our identity, such as one made from a copy of our disk.

Nothing that we hear in ordinary life tells: whoever has our key is we. But a packet to our own
address, sent through a root, goes where the root thinks that we are. So each diagnosis sends some,
and who gets some that it has not sent knows that there is another who sends them. They are not
sealed, so that a forger can send them, too.
"""

from __future__ import annotations

from collections.abc import Callable


class TwinWatch:
    """Counts packets under our own address against those that our diagnoses send.

    Those of one diagnosis may be lost, or go to the other host: then so many of the other's pass
    for ours that come later, but none that were there before.
    """

    def __init__(self, count: Callable[[], int]) -> None:
        """``count``: of packets that came in under our own address, since the start."""
        self._count = count
        self._seen = 0
        self._awaited = 0
        self._strange = 0

    @property
    def strange(self) -> int:
        """Packets that another must have sent."""
        self.take_stock()
        return self._strange

    def take_stock(self) -> None:
        """Tell ours from others'; to be done before each diagnosis sends."""
        came = self._count() - self._seen
        ours = min(came, self._awaited)
        self._seen += came
        self._awaited -= ours
        self._strange += came - ours

    def sent(self, packets: int) -> None:
        """A diagnosis has sent some, of which any number may come back, be it during the next."""
        self._awaited = min(self._awaited, packets) + packets
