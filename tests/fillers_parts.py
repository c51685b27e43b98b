"""What fills the tables of work that the Ethernet engine does a part at a time."""

from __future__ import annotations

import itertools

from group_bench import CONTROLLER, MDNS, NETWORK, like, multicast
from vl2_bench import Bench

from earthline import effects
from earthline.vl2.members import credentials, spreading
from earthline.vl2.multicast import distribution, gather
from earthline.wire.credentials.common import CredentialType
from earthline.wire.credentials.revocation import Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.identity import SecretIdentity
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.messages.multicast import MulticastGather
from earthline.wire.messages.ok import Gathered, OkMulticastGather
from earthline.wire.packet import Verb
from member_node import FEW, HONEST, STRANGER, bounded, group, joined, member
from tables import fill_alone, fills, overfill


def _names(bench: Bench, teller: SecretIdentity, *members: int) -> int:
    answer = OkMulticastGather(NETWORK, MDNS, Gathered(len(members), members))
    bench.give_ok(teller.address, Verb.MULTICAST_GATHER, answer.emit())
    return members[0]


@fills("Answers that name more members than are noted at once", gather.NAMED_LIMIT)
def named() -> None:
    bench = member()
    waiting = bench.engine._gathering._named
    numbers = itertools.count(0x20_0000_0000, 2 * gather.NAMED_AT_ONCE)

    def enter(teller: SecretIdentity) -> int:
        first = next(numbers)
        _names(bench, teller, *range(first, first + gather.NAMED_AT_ONCE + 1))
        return first + gather.NAMED_AT_ONCE

    overfill(
        lambda _: enter(HONEST),
        lambda _: enter(STRANGER),
        lambda last: any(kept.members == (last,) for kept in waiting._waiting),
        lambda: len(waiting),
        gather.NAMED_LIMIT,
    )


@fills("New members of groups that wait for their frames", distribution.LATE_LIMIT)
def late() -> None:
    """Of a group that our host has just sent a frame to; whom else we ask names nobody new."""
    with bounded(distribution, LATE_LIMIT=FEW, LATE_AT_ONCE=0):
        bench = member()
        multicast(bench)
        waiting = bench.engine._distribution._late
        overfill(
            lambda n: _names(bench, HONEST, 0x20_0000_0000 + n),
            lambda n: _names(bench, STRANGER, 0x30_0000_0000 + n),
            lambda named: any(late == named for _, late in waiting._waiting),
            lambda: len(waiting),
            FEW,
        )


@fills("Gathers of nodes that did not announce themselves", gather.UNKNOWN_LIMIT)
def unknown() -> None:
    bench = member()
    bench.underlay.acting_as_upstream = True
    like(bench, HONEST, group(1))
    buckets = bench.engine._gathering._unknown

    def enter(number: int) -> int:
        question = MulticastGather(NETWORK, group(1), 1)
        bench.give(0x20_0000_0000 + number, Verb.MULTICAST_GATHER, question.emit())
        return 0x20_0000_0000 + number

    fill_alone(
        enter,
        lambda asker: asker in buckets._full_at,
        lambda: len(buckets),
        gather.UNKNOWN_LIMIT,
    )


@fills("Credentials that are filed in parts", credentials.ARRIVALS_LIMIT)
def arrivals() -> None:
    """The first of each packet is filed at once; anybody may pass on what is a member's."""
    bench = member(private=True)
    waiting = bench.engine._credentials._arrivals
    numbers = itertools.count(1)

    def tag() -> Tag:
        number = next(numbers)
        return Tag(NETWORK, 1_000 + number, number, 7, HONEST.address).sign(CONTROLLER)

    def enter(sender: SecretIdentity) -> Tag:
        tags = (tag(), tag())
        bench.give(sender.address, Verb.NETWORK_CREDENTIALS, NetworkCredentials(tags=tags).emit())
        return tags[-1]

    with bounded(credentials, SIGNATURES_AT_ONCE=1):
        overfill(
            lambda _: enter(HONEST),
            lambda _: enter(STRANGER),
            lambda last: any(kept.credentials[-1] == last for kept in waiting._waiting),
            lambda: len(waiting),
            credentials.ARRIVALS_LIMIT,
        )


@fills("Revocations that are still to be passed on", spreading.WAITING_LIMIT)
def news() -> None:
    """Of a network with more members than are told at once, and of another one."""
    bench = member(private=True)
    bench.command(effects.Join(NETWORK + 1))
    networks = bench.engine._station.networks
    networks[NETWORK + 1].config = joined(bench).config
    for each in (NETWORK, NETWORK + 1):
        for number in range(2 * spreading.TOLD_AT_ONCE):
            bench.engine._roster.record(networks[each], 0x20_0000_0000 + number, chosen=True)
    passing = bench.engine._credentials._spreading

    def enter(network: int, number: int) -> bytes:
        made = Revocation(
            network,
            revocation_id=number,
            credential_id=number,
            threshold=1_000 + number,
            target=HONEST.address,
            credential_type=CredentialType.TAG,
        ).sign(CONTROLLER)
        passing.pass_on(networks[network], [made], HONEST.address, bench.now)
        return NetworkCredentials(revocations=(made,)).emit()

    overfill(
        lambda n: enter(NETWORK, n),
        lambda n: enter(NETWORK + 1, n),
        lambda payload: any(kept.payload == payload for kept in passing._waiting._waiting),
        lambda: len(passing._waiting),
        spreading.WAITING_LIMIT,
    )
