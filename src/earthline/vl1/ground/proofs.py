"""Which identity is put to the slow hash next: one at a time, by the host, on another thread.

The hash shows that an address belongs to a key (01, 2.4). It takes some 10 ms, and everybody can
make up identities to be checked, so:

    what waits for an identity        when                              budget
    something of ours                 at once                           none: we asked for it
    a stranger that greeted us        in turn with those of others      a share of one core
    nothing: a root named it to us    when nobody else waits            the same share

Strangers take turns by the prefix they come from. Of many that wait the oldest of the prefix that
has most goes: whoever comes is let in line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from earthline.effects import IdentityProved, ProveIdentity
from earthline.vl1.ground.budget import WorkBudget
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.ground.turns import Regulars, Turns
from earthline.wire.identity import Identity

Heard: TypeAlias = Callable[[Identity, bool, int], None]
"""(identity, whether it holds, now)"""

MAX_STRANGERS = 32
"""Waiting strangers: some 0.3 s of work, and less than a stranger waits before it repeats."""
SHARE = 10
"""Percent of one core for strangers, over time: ten new ones a second."""
CROWD = 8
"""So many waiting strangers are more than come at once by chance: some 0.1 s of work."""
CREDIT_MS = 5_000
"""Work for strangers that is done at once after a rest: some 500 that come back together."""


class Proofs:
    """Hands the host one identity after the other. ``heard`` is told of each result."""

    def __init__(self, local: Local, timers: Timers, regulars: Regulars, heard: Heard) -> None:
        self._local = local
        self._timers = timers
        self._heard = heard
        self._budget = WorkBudget(SHARE, CREDIT_MS)
        self._ours: dict[Identity, None] = {}
        """Bounded by who asks: nodes that our networks and moons rely on, claims of our roots."""
        self._strangers: Turns[Identity] = Turns(MAX_STRANGERS, regulars.known)
        self._in_line: set[Identity] = set()
        """Those of `_strangers` that were not served another way in the meantime."""
        self._later: dict[int, Identity] = {}
        """By address; bounded by the peers there are."""
        self._running: Identity | None = None

    @property
    def crowded(self) -> bool:
        """Whether a stranger would have to wait for more than a moment."""
        return len(self._in_line) >= CROWD

    def at_once(self, identity: Identity, now: int) -> None:
        """Something of ours waits for it."""
        if identity != self._running:
            self._ours[identity] = None
        self.work(now)

    def in_turn(self, identity: Identity, prefix: int, now: int) -> Identity | None:
        """A stranger from a prefix wants something; returned is who has to go for it, if any."""
        if identity == self._running or identity in self._in_line:
            return None
        self._in_line.add(identity)
        gone = self._strangers.put(prefix, identity)
        if gone is not None and gone in self._in_line:
            self._in_line.remove(gone)
            self._local.count("proof_evicted")
        else:
            gone = None
        self.work(now)
        return gone

    def later(self, identity: Identity, now: int) -> None:
        """Nothing waits for it, but it is not to be believed for ever."""
        self._later[identity.address] = identity
        self.work(now)

    def forget(self, address: int) -> None:
        """The peer is gone, so its identity need not be looked into any more."""
        self._later.pop(address, None)

    def answered(self, event: IdentityProved, now: int) -> None:
        """The host's answer."""
        identity, self._running = self._running, None
        self._budget.spend(event.took_us, now)
        if identity is None or identity != Identity(event.address, event.public_key):
            self._local.count("proof_unexpected")
        else:
            self._local.count("proof_valid" if event.valid else "proof_invalid")
            self._heard(identity, event.valid, now)
        self.work(now)

    def work(self, now: int) -> None:
        """Hand the host the next one, if it is idle; strangers once the budget allows."""
        if self._running is not None:
            return
        self._running = self._next(now)
        if self._running is not None:
            self._later.pop(self._running.address, None)
            self._local.emit(ProveIdentity(self._running.address, self._running.public_key))

    def _next(self, now: int) -> Identity | None:
        if self._ours:
            identity = next(iter(self._ours))
            del self._ours[identity]
            self._in_line.discard(identity)
            return identity
        if not (self._strangers or self._later):
            return None
        ready_at = self._budget.ready_at(now)
        if ready_at > now:
            self._timers.hasten(Timer.PROOF, ready_at)
            return None
        while (stranger := self._strangers.take(now)) is not None:
            if stranger in self._in_line:
                self._in_line.remove(stranger)
                return stranger
        return next(iter(self._later.values()), None)
