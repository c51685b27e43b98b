"""Revocations: what members are told when another one is put out (04, 10.3).

They are sent at once to who is known to be there, and pass from member to member. That reaches
neither who is away nor who is cut off from the others just then, and a controller that was
restarted knows of nobody. So they are kept in the store for as long as a certificate of before
could agree with one of now, and handed to members with their configurations.

Whatever is sent is sent once more a little later: a member takes one packet of credentials a second
from each peer, and a controller that is a member itself has others for it, too.

Of one network `MAX_KEPT` are kept. The next one forgets them all instead, and has the network's
clock step over the window: everybody is issued anew, out of agreement with all of before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from earthline.bounded import FairQueue
from earthline.controller.issue.issue_clock import IssueClock
from earthline.controller.objects.terms import MAX_WINDOW_MS
from earthline.controller.store import Store
from earthline.effects import SendCredentials
from earthline.wire.credentials.common import CredentialType
from earthline.wire.credentials.revocation import FLAG_FAST_PROPAGATE, Revocation
from earthline.wire.identity import SecretIdentity
from earthline.wire.messages.credentials import NetworkCredentials

MAX_KEPT = 60
"""Revocations that fit one packet; a member takes no second packet of credentials within 1 s."""

REPEAT_MS = 180_000
"""So long a member gets the same with each configuration it asks for, as packets may be lost:

since a revocation was made, and since the member came.
"""

AGAIN_MS = 1_100
"""After which it is sent once more."""

MAX_AGAIN = 8_192
"""Of such packets that wait for that."""

_MAX_NETWORKS = 1_024
"""Whose revocations are held in memory, signed."""


class _Again(NamedTuple):
    """What is to be sent once more: when, and as `Revocations._send` has it."""

    at: int
    network: int
    member: int
    age_ms: int


class Revocations:
    """Makes revocations, and knows those that still matter."""

    def __init__(
        self,
        controller: SecretIdentity,
        store: Store,
        clock: IssueClock,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._controller = controller
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._kept: OrderedDict[int, dict[int, Revocation]] = OrderedDict()
        """By network and member put out, in order of threshold."""
        self._again: FairQueue[int, _Again] = FairQueue(MAX_AGAIN)
        """By member: who asks again and again crowds out nobody else."""

    def revoke(
        self, network: int, targets: Iterable[int], audience: Iterable[int], now: int
    ) -> tuple[list[SendCredentials], bool]:
        """What to send at once, and whether everybody has to be issued anew."""
        threshold = self._clock.revoke(network, now)
        made = [self._sign(network, target, threshold) for target in targets]
        self._store.forget_revoked(network, threshold - MAX_WINDOW_MS)
        self._kept.pop(network, None)
        held = self._of(network)
        overflows = len({*held, *(revocation.target for revocation in made)}) > MAX_KEPT
        if overflows:
            self.leave_behind(network, now)
        else:
            for revocation in made:
                self._store.note_revoked(network, revocation.target, threshold)
                held.pop(revocation.target, None)
                held[revocation.target] = revocation
        payload = _payload(made)
        for member in audience:
            self._again.append(member, _Again(now + AGAIN_MS, network, member, REPEAT_MS))
        return [SendCredentials(member, payload) for member in audience], overflows

    def leave_behind(self, network: int, now: int) -> None:
        """Revoke all there is of a network, without a word to anybody."""
        self._clock.leave_behind(network, now)
        self._store.forget_revoked(network, self._clock.stamp(network, now))
        self._kept.pop(network, None)

    def hand_out(
        self, network: int, member: int, window_ms: int, now: int, *, newcomer: bool
    ) -> list[SendCredentials]:
        """What a member needs to hear with its configuration.

        ``newcomer``: it has not been there for long, so it may not have heard of any.
        """
        age_ms = window_ms if newcomer else min(window_ms, REPEAT_MS)
        commands = self._send(network, member, age_ms, now)
        if commands:
            self._again.append(member, _Again(now + AGAIN_MS, network, member, age_ms))
        return commands

    def next_again(self) -> int | None:
        """When `send_again` has something to do."""
        first = next(iter(self._again), None)
        return None if first is None else first.at

    def send_again(self, now: int) -> list[SendCredentials]:
        """What is due to be sent once more."""
        commands: list[SendCredentials] = []
        while (at := self.next_again()) is not None and at <= now:
            for again in self._again.take_first(1):
                commands += self._send(again.network, again.member, again.age_ms, now)
        return commands

    def made_within(self, network: int, target: int, ms: int, now: int) -> bool:
        """Whether a member was revoked since then."""
        held = self._of(network).get(target)
        return held is not None and held.threshold >= self._clock.stamp(network, now) - ms

    def forget(self) -> None:
        """What was noted lately was undone: read what the store says again."""
        self._kept.clear()

    def _send(self, network: int, member: int, age_ms: int, now: int) -> list[SendCredentials]:
        """All of a network that are not older, in one packet."""
        held = self._of(network)
        if not held:
            return []
        after = self._clock.stamp(network, now) - age_ms
        matters = [revocation for revocation in held.values() if revocation.threshold > after]
        return [SendCredentials(member, _payload(matters))] if matters else []

    def _of(self, network: int) -> dict[int, Revocation]:
        if network not in self._kept:
            self._kept[network] = {
                target: self._sign(network, target, threshold)
                for target, threshold in self._store.revoked(network).items()
            }
        self._kept.move_to_end(network)
        while len(self._kept) > _MAX_NETWORKS:
            self._kept.popitem(last=False)
        return self._kept[network]

    def _sign(self, network: int, target: int, threshold: int) -> Revocation:
        return Revocation(
            revocation_id=int.from_bytes(self._entropy(4), "big"),
            network=network,
            credential_id=0,
            threshold=threshold,
            target=target,
            credential_type=CredentialType.CERTIFICATE_OF_MEMBERSHIP,
            flags=FLAG_FAST_PROPAGATE,
        ).sign(self._controller)


def _payload(revocations: Iterable[Revocation]) -> bytes:
    """NETWORK_CREDENTIALS that end these members' membership."""
    return NetworkCredentials(revocations=tuple(revocations)).emit()
