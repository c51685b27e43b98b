"""Asking peers to show that they are where their packets come from, and what waits for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from earthline.bounded import FairQueue
from earthline.effects import Path
from earthline.vl1.ground.local import Local
from earthline.vl1.ground.timers import Timer, Timers
from earthline.vl1.peers.path import ip_prefix
from earthline.vl1.peers.peer import Peer
from earthline.vl1.sending.contact import Contact

INTERVAL_MS = 1_000
"""A peer is asked by a path that it is not known by at most this often (02, 4.10)."""
MAX_ASKED = 64
"""Paths of a peer for which that is remembered."""

LIFETIME_MS = 5_000
"""How long an answer is held: as long as any packet that waits (02, 4.6)."""
MAX_HELD = 512
"""Of more, the oldest goes of the network that most came from."""
MAX_HELD_PER_PATH = 16
"""Answers held for one peer and path: some round trips of what one peer asks."""

Action: TypeAlias = Callable[[int], None]
"""What is done then; it takes the time."""


@dataclass(frozen=True, slots=True)
class Held:
    """What waits for an answer of a peer by a path."""

    peer: Peer
    path: Path
    direct: bool
    """The path leads to the peer itself; else to its relay."""
    action: Action
    at: int


class Challenges:
    """HELLOs or ECHOs to paths that are not proven, within what their credit allows."""

    def __init__(self, local: Local, timers: Timers, contact: Contact) -> None:
        self._local = local
        self._timers = timers
        self._contact = contact
        self._held: FairQueue[bytes, Held] = FairQueue(MAX_HELD)

    def __len__(self) -> int:
        return len(self._held)

    def ask(self, peer: Peer, path: Path, now: int, *, direct: bool) -> bool:
        """Ask for an answer by a path, unless that was done just now; whether it was asked.

        By a direct one with HELLO and by all sockets at once, so that each of them is learned as a
        path (02, 6.3), if the credit covers that; else with less.
        """
        if now - peer.confirmations.get(path, -INTERVAL_MS) < INTERVAL_MS:
            return False
        if not self._contact.challenge(peer, path, now, direct=direct):
            self._local.count("challenge_unpaid")
            return False
        peer.confirmations.pop(path, None)
        if len(peer.confirmations) >= MAX_ASKED:
            del peer.confirmations[next(iter(peer.confirmations))]
        peer.confirmations[path] = now
        return True

    def hold(self, peer: Peer, path: Path, action: Action, now: int, *, direct: bool) -> None:
        """Do something once the peer has answered by the path, which it is asked to do."""
        self._timers.begin(Timer.QUEUE, now)
        prefix = ip_prefix(path[1])
        same = [held for held in self._held.of(prefix) if _of(held, peer, path)]
        if len(same) >= MAX_HELD_PER_PATH:
            oldest = same[0]
            self._held.take(lambda held: held is oldest)
            self._local.count("held_overflow")
        if self._held.append(prefix, Held(peer, path, direct, action, now)) is not None:
            self._local.count("held_overflow")
        self._local.count("held_for_proof")
        self.ask(peer, path, now, direct=direct)

    def answered(self, peer: Peer, path: Path, now: int) -> None:
        """The peer is proven there: do what waited for it."""
        peer.credit.pop(path[1:], None)
        if not len(self._held):
            return
        for held in self._held.take(lambda held: _of(held, peer, path)):
            held.action(now)

    def retry(self, now: int) -> None:
        """Drop what waited too long, and ask again for the rest: a question may have been lost."""
        for _ in self._held.take(lambda held: now - held.at >= LIFETIME_MS):
            self._local.count("held_too_long")
        for held in list(self._held):
            self.ask(held.peer, held.path, now, direct=held.direct)


def _of(held: Held, peer: Peer, path: Path) -> bool:
    """By whichever of our sockets."""
    return held.peer is peer and held.path[1:] == path[1:]
