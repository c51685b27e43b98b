"""Clear HELLOs of identities we share no key with: agreement and MAC, by the host (02, 3.6).

    HELLO ──▶ gate of its prefix ──▶ waits for its turn ──▶ the host agrees on a key, checks the MAC

It is the cheap half of letting a newcomer in: forged HELLOs end here. They may name any source, so
nothing here is shared by all that one of them could use up: each prefix has a gate of its own, the
prefixes take turns, and of many that wait the oldest of the prefix that has most goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from earthline.effects import HelloReceived, HellosOpened, OpenHellos, Path
from earthline.vl1.ground.budget import WorkBudget
from earthline.vl1.ground.gates import IdentityGate, prefix_key
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.ground.turns import Regulars, Turns
from earthline.wire.identity import Identity

MAX_WAITING = 256
"""A few hand-overs: whoever is here has paid for it by many tries, and should not have to go."""
WELCOME = 128
"""While fewer wait, more may come: a hand-over that is ready, and one that gets ready meanwhile."""
AT_ONCE = 64
"""HELLOs handed to the host together: 4 ms of work, and after that its thread has to wait for ours
before it can hand over what it found, up to 5 ms if we are busy."""
SHARE = 20
"""Percent of one core for agreements: some 4,000 a second."""
CREDIT_MS = 1_000
"""After a rest work of so much time is allowed at once."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """A clear HELLO, and whose it says it is."""

    identity: Identity
    event: HelloReceived

    @property
    def key(self) -> tuple[Identity, Path]:
        """What its repeats have in common."""
        return self.identity, self.event.path

    @property
    def prefix(self) -> int:
        """Of the place it came from."""
        return prefix_key(self.event.path[1])


Authentic: TypeAlias = Callable[[Greeting, bytes, int], None]
"""(greeting, the key agreed on, now)"""


class Greetings:
    """``authentic`` is told of each HELLO whose MAC holds."""

    def __init__(
        self, local: Local, timers: Timers, regulars: Regulars, authentic: Authentic
    ) -> None:
        self._local = local
        self._timers = timers
        self._authentic = authentic
        self._budget = WorkBudget(SHARE, CREDIT_MS)
        self._waiting: Turns[Greeting] = Turns(MAX_WAITING, regulars.known)
        self._keys: set[tuple[Identity, Path]] = set()
        """Of all that wait or are with the host."""
        self._running: tuple[Greeting, ...] = ()
        self.gate = IdentityGate()

    def consider(self, greeting: Greeting, now: int) -> None:
        """Have it opened, unless it repeats one that waits, or its prefix sent too many."""
        key = greeting.key
        if key in self._keys:
            self._local.count("hello_repeated")
        elif not self.gate.passes(greeting.event.path[1], now):
            self._local.count("hello_gated")
        else:
            self._keys.add(key)
            gone = self._waiting.put(greeting.prefix, greeting)
            if gone is not None:
                self._keys.remove(gone.key)
                self._local.count("hello_evicted")
            self.work(now)

    @property
    def room(self) -> int:
        """How many more should come now."""
        return max(0, WELCOME - len(self._waiting))

    def opened(self, event: HellosOpened, now: int) -> None:
        """The host's answer."""
        greetings, self._running = self._running, ()
        self._budget.spend(event.took_us, now)
        self._keys.difference_update(greeting.key for greeting in greetings)
        for greeting, key in zip(greetings, event.keys, strict=False):
            if key is None:
                self._local.count("hello_bad_mac")
            else:
                self._authentic(greeting, key, now)
        self.work(now)

    def work(self, now: int) -> None:
        """Hand the host those whose turn it is, if it is idle; once the budget allows."""
        if self._running or not self._waiting:
            return
        ready_at = self._budget.ready_at(now)
        if ready_at > now:
            self._timers.hasten(Timer.PROOF, ready_at)
            return
        count = min(AT_ONCE, len(self._waiting))
        taken = (self._waiting.take(now) for _ in range(count))
        self._running = tuple(greeting for greeting in taken if greeting is not None)
        hellos = ((one.identity.public_key, one.event.packet) for one in self._running)
        self._local.emit(OpenHellos(tuple(hellos)))
