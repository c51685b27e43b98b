"""Newcomers of whom an answer is awaited: who they say they are, and where we asked (02, 3.6).

Anybody can claim the address of somebody else by a key of its own, and from anywhere. So an address
holds nothing here. A newcomer is held by the prefix that its first HELLO came from, and an answer
counts only from an IP that a question went to:

    newcomers    by identity            held by source prefix     2,048
    questions    by identity and IP     held by address and IP    4 of each, to be answered

Who claims the address of another from another place pushes out nothing but what is its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from earthline.bounded import FairTable

if TYPE_CHECKING:
    from earthline.effects import Path
    from earthline.vl1.identities.newcomers import Newcomer
    from earthline.wire.identity import Identity

MAX_ASKED = 2_048
"""Newcomers of whom an answer is awaited: a second of the most that come."""
MAX_PATHS = 4
"""Paths of a newcomer by which it is asked, and answered once it is let in."""
MAX_CLAIMS = 4
"""Keys that claim one address at one IP. Whose question is forgotten is asked at its next HELLO."""


class Asked:
    """The newcomers, and the questions that they may answer."""

    def __init__(self) -> None:
        self._newcomers: FairTable[Identity, int, Newcomer] = FairTable(MAX_ASKED)
        self._questions: FairTable[tuple[Identity, bytes], tuple[int, bytes], None] = FairTable(
            MAX_ASKED * MAX_PATHS, MAX_CLAIMS
        )

    def __len__(self) -> int:
        return len(self._newcomers)

    def __contains__(self, identity: object) -> bool:
        return identity in self._newcomers

    def __getitem__(self, identity: Identity) -> Newcomer:
        return self._newcomers[identity]

    def put(self, newcomer: Newcomer) -> None:
        """Have one wait that was not there; in a full table somebody has to go for it."""
        evicted = self._newcomers.put(newcomer.identity, newcomer.prefix, newcomer)
        if evicted is not None:
            self._forget_questions(evicted.value)

    def note(self, newcomer: Newcomer, path: Path) -> None:
        """One of these is asked by one of its paths."""
        identity, (_, ip, _) = newcomer.identity, path
        self._questions.put((identity, ip), (identity.address, ip), None)

    def claimants(self, address: int, path: Path) -> Iterator[Newcomer]:
        """Who claims an address and was asked at the IP of a path: at most `MAX_CLAIMS`."""
        for identity, _ in self._questions.held_by((address, path[1])):
            yield self._newcomers[identity]

    def pop(self, identity: Identity) -> Newcomer | None:
        """Take one out, if it is there."""
        newcomer = self._newcomers.pop(identity)
        if newcomer is not None:
            self._forget_questions(newcomer)
        return newcomer

    def _forget_questions(self, newcomer: Newcomer) -> None:
        for _, ip, _ in newcomer.hellos:
            self._questions.pop((newcomer.identity, ip))
