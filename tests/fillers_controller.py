"""What fills the tables of the controller: members that ask it, from one prefix and another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from controller_lab import CONTROLLER, LAB, Lab, secret_identity

from earthline.controller.authority import Authority
from earthline.controller.issue import expiry, revocation
from earthline.controller.issue.request import MAX_UNKNOWN
from earthline.controller.members import strangers
from earthline.controller.members.activity import MAX_ENTRIES, Activity
from earthline.controller.members.newcomers import BURST, MAX_IN_LINE
from earthline.controller.members.sightings import MAX_SIGHTINGS, Sightings
from earthline.controller.objects.coercion import render
from earthline.controller.store.sqlite import IN_MEMORY, SqliteStore
from earthline.effects import RequestConfig
from earthline.runtime.node.authority_thread import MAX_REQUESTS, AuthorityThread
from earthline.wire.metadata import RequestMetadata
from tables import MORE, fills, overfill

FEW = 40
"""In place of bounds that take long to reach, or more newcomers than are let in at once."""
OTHER = LAB + 1
HONEST, STRANGE = 1, 2
"""Source prefixes."""
STRANGERS = 10_000
"""Their first address."""


@contextmanager
def controller() -> Iterator[Lab]:
    store = SqliteStore(IN_MEMORY)
    try:
        yield Lab(store)
    finally:
        store.close()


def _asks(lab: Lab, member: int, prefix: int, network: int = LAB) -> int:
    lab.now += 1
    lab.ask(member, prefix=prefix, network=network)
    return member


@fills("Strangers of one network that wait to be let in", strangers.MAX_WAITING)
def waiting() -> None:
    with controller() as lab, patch.object(strangers, "MAX_WAITING", FEW):
        lab.create()
        overfill(
            lambda n: _asks(lab, 1 + n, HONEST),
            lambda n: _asks(lab, STRANGERS + n, STRANGE),
            lambda member: lab.authority.get_member(LAB, member) is not None,
            lambda: len(lab.authority.members(LAB) or ()),
            FEW,
        )


@fills("Newcomers of our controller that wait for their turn", MAX_IN_LINE)
def newcomers() -> None:
    """After as many as are let in at once."""
    with controller() as lab:
        lab.create()
        for number in range(BURST):
            lab.ask(20_000 + number, prefix=3)
        line = lab.authority._requests._newcomers
        overfill(
            lambda n: _asks(lab, 1 + n, HONEST),
            lambda n: _asks(lab, STRANGERS + n, STRANGE),
            lambda member: (LAB, member) in line._requests,
            lambda: len(line),
            MAX_IN_LINE,
        )


@fills("Members that asked our controller lately", MAX_ENTRIES)
def members() -> None:
    with controller() as lab:
        lab.create(private=False)
        lately = lab.authority._activity = lab.authority._requests._activity = Activity(FEW)
        overfill(
            lambda n: _asks(lab, 1 + n, HONEST),
            lambda n: _asks(lab, STRANGERS + n, STRANGE),
            lambda member: lately.requester(LAB, member, lab.now) is not None,
            lambda: len(lately.online(LAB, lab.now)),
            FEW,
        )


@fills("Members that our controller's owner is shown as seen", MAX_SIGHTINGS)
def sightings() -> None:
    with controller() as lab:
        lab.create(private=False)
        seen = lab.authority._requests.sightings = Sightings(FEW)
        overfill(
            lambda n: _asks(lab, 1 + n, HONEST),
            lambda n: _asks(lab, STRANGERS + n, STRANGE),
            lambda member: seen.last(LAB, member) is not None,
            lambda: len(seen),
            FEW,
        )


@fills("Others that asked our controller lately", MAX_UNKNOWN)
def others() -> None:
    """They ask for a network that is none."""
    with controller() as lab:
        lately = lab.authority._requests._unknown
        overfill(
            lambda n: _asks(lab, 1 + n, HONEST, OTHER),
            lambda n: _asks(lab, STRANGERS + n, STRANGE, OTHER),
            lambda member: lately.requester(OTHER, member, lab.now) is not None,
            lambda: len(lately.online(OTHER, lab.now)),
            MAX_UNKNOWN,
        )


@fills("Sign-ons that will expire", expiry.MAX_ENTRIES)
def sign_ons() -> None:
    """Of members of two networks."""
    with patch.object(expiry, "MAX_ENTRIES", FEW), controller() as lab:
        found = lab.authority._requests.expiry
        for network in (LAB, OTHER):
            lab.create(network)
            stored = lab.authority.get_network(network) or {}
            lab.store.write_network(network, render({**stored, "ssoEnabled": True}))

        def signs_on(network: int, member: int) -> tuple[int, int]:
            expires_at = lab.now + 3_600_000
            lab.post_member(member, network, authorized=True, authenticationExpiryTime=expires_at)
            _asks(lab, member, HONEST, network)
            return network, member

        overfill(
            lambda n: signs_on(LAB, 1 + n),
            lambda n: signs_on(OTHER, STRANGERS + n),
            lambda key: key in found,
            lambda: len(found),
            FEW,
        )


@fills("Revocations that our controller will send once more", revocation.MAX_AGAIN)
def revocations() -> None:
    """To members who ask for their configuration again and again."""
    with patch.object(revocation, "MAX_AGAIN", FEW), controller() as lab:
        lab.create()
        made = lab.authority._revocations
        made.revoke(LAB, [99], [], lab.now)

        def enter(member: int, number: int) -> tuple[int, int]:
            age_ms = 1_000_000 + number
            assert made.hand_out(LAB, member, age_ms, lab.now, newcomer=True)
            return member, age_ms

        overfill(
            lambda n: enter(1, n),
            lambda n: enter(2, n),
            lambda key: any((again.member, again.age_ms) == key for again in made._again),
            lambda: len(made._again),
            FEW,
        )


class _HeldStore(SqliteStore):
    """One whose commits wait until they may."""

    def __init__(self) -> None:
        super().__init__(IN_MEMORY)
        self.groups = 0
        self.may_commit = threading.Event()

    @contextmanager
    def group(self) -> Iterator[None]:
        with super().group():
            yield
            self.groups += 1
            assert self.may_commit.wait(20)


@fills("Requests that wait for our controller", MAX_REQUESTS)
def requests() -> None:
    asyncio.run(_requests())


async def _requests() -> None:
    """While it waits for its disk; each is told then that there is no such network."""
    store, told = _HeldStore(), []
    authority = Authority(secret_identity(CONTROLLER), store, bytes)
    thread = AuthorityThread(authority, lambda *commands: told.extend(commands))
    identity, metadata = secret_identity(1).public, RequestMetadata(1, 14, 1, "linux").emit()

    def ask(member: int, prefix: int) -> int:
        text = member.to_bytes(5, "big") + identity.emit()[5:]
        path = (1, bytes((81, prefix, 0, 1)), 9993)
        thread.ask(RequestConfig(LAB, member, text, member, metadata, path))
        return member

    async def until(condition) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - of another thread
                await asyncio.sleep(0.001)

    try:
        ask(99, HONEST)
        await until(lambda: store.groups == 1)
        early = [ask(1 + n, HONEST) for n in range(3)]
        flood = [ask(STRANGERS + n, STRANGE) for n in range(MAX_REQUESTS + MORE)]
        late = ask(4, HONEST)
        assert thread.waiting == MAX_REQUESTS
        store.may_commit.set()
        await until(lambda: len(told) == 1 + MAX_REQUESTS)
    finally:
        store.may_commit.set()
        thread.close()
        store.close()
    answered = {command.member for command in told}
    assert answered == {99, *early, late, *flood[4 + MORE :]}
