"""One try of a packet that is priced: who says it, to whom, and what it may be made of."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from earthline.sim.host import SimHost
from earthline.wire.inet import InetAddress
from earthline.wire.packet import Verb
from hostile.stage import Speaking, Stage
from hostile.wire import Speaker

LONGEST = 9_880
"""Payload bytes of the longest packet that is delivered in seven pieces."""


@dataclass
class Call:
    """One try: who says it, to whom, and everything else there is."""

    stage: Stage
    wire: Speaking
    host: SimHost

    @property
    def entropy(self) -> random.Random:
        return self.stage.entropy

    @property
    def speaker(self) -> Speaker:
        return self.wire.speaker

    @property
    def now(self) -> int:
        return self.stage.sim.clock.now

    def address(self) -> int:
        return self.entropy.randrange(1 << 36, 0xFE << 32)

    def place(self) -> InetAddress:
        return InetAddress(bytes((77, *self.entropy.randbytes(3))), 1_024)

    def asked(self, verb: Verb) -> int:
        """The ID of a question that the target asked the speaker."""
        return self.wire.asked.get((self.host.address, verb), 1)


Say = Callable[[Call], bytes]


def some(count: int, make: Callable[[], object]) -> tuple:
    return tuple(make() for _ in range(count))
