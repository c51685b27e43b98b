"""What fills the tables of the Ethernet engine: members, what waits for them, configurations."""

from __future__ import annotations

import itertools

from group_bench import CONTROLLER, MDNS, NETWORK, OWN
from vl2_bench import Bench

from earthline import effects
from earthline.vl2.config import delegate
from earthline.vl2.frames.waiting import WAITING_LIMIT
from earthline.vl2.ground import network
from earthline.vl2.ground.assembly import SLOTS, Assembly, Chunk
from earthline.vl2.ground.membership import HELD_LIMIT as CREDENTIALS_LIMIT
from earthline.vl2.ground.membership import THRESHOLD_LIMIT, Acceptance, Membership
from earthline.vl2.members.gate import ASKED_LIMIT, HELD_LIMIT
from earthline.vl2.multicast import distribution
from earthline.vl2.multicast.gather import EXPECTED_LIMIT
from earthline.vl2.multicast.groups import GroupKey
from earthline.vl2.multicast.sending import QUEUE_LIMIT
from earthline.wire.credentials.common import CredentialType
from earthline.wire.credentials.revocation import Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.messages.config import ConfigChunk, split_config
from earthline.wire.multicast import MulticastGroup
from earthline.wire.network_config import ROLE_ACTIVE_BRIDGE
from earthline.wire.packet import Verb
from member_node import FEW, HONEST, STRANGER, bounded, frame, group, joined, member, numbered
from tables import MORE, fill_alone, fills, overfill


@fills("Members of one network", network.MEMBER_LIMIT)
def members() -> None:
    """Our own host and the controller name members, others do, too."""
    with bounded(network, MEMBER_LIMIT=FEW):
        bench = member()
    table = joined(bench).members

    def named(number: int, *, chosen: bool) -> int:
        address = 0x20_0000_0000 + number
        bench.engine._credentials.make_ready(joined(bench), address, bench.now, chosen=chosen)
        bench.settle()
        return address

    overfill(
        lambda n: named(n, chosen=True),
        lambda n: named(0x1000_0000 + n, chosen=False),
        lambda address: address in table,
        lambda: len(table),
        FEW,
    )


def _tag(number: int) -> Tag:
    return Tag(NETWORK, 1_000 + number, number, 7, HONEST.address).sign(CONTROLLER)


@fills("Credentials of one kind of one member", CREDENTIALS_LIMIT)
def credentials() -> None:
    """Only its controller can make them."""
    record = Membership(HONEST.address)

    def find(_signer: int):
        return CONTROLLER.public

    def enter(number: int) -> int:
        assert record.add(_tag(number), find) is Acceptance.ACCEPTED_NEW
        return number

    forged = Tag(NETWORK, 10_000, 9_999, 7, HONEST.address).sign(STRANGER)
    assert record.add(forged, find) is Acceptance.FORGED
    fill_alone(enter, lambda n: n in record.tags, lambda: len(record.tags), CREDENTIALS_LIMIT)


@fills("Revocations for one member", THRESHOLD_LIMIT)
def thresholds() -> None:
    """Only its controller can make them; what there is no room for stays revoked all the same."""
    record = Membership(HONEST.address)

    def enter(number: int) -> tuple[CredentialType, int]:
        revocation = Revocation(
            NETWORK,
            revocation_id=number,
            credential_id=number,
            threshold=1_000 + number,
            target=HONEST.address,
            credential_type=CredentialType.TAG,
        )
        signed = revocation.sign(CONTROLLER)
        assert record.add(signed, lambda _: CONTROLLER.public) is Acceptance.ACCEPTED_NEW
        return CredentialType.TAG, number

    fill_alone(
        enter,
        lambda key: key in record.thresholds,
        lambda: len(record.thresholds),
        THRESHOLD_LIMIT,
    )
    assert record.add(_tag(0), lambda _: CONTROLLER.public) is Acceptance.REJECTED


# Frames and questions that wait


def _refused(bench: Bench, source: int) -> effects.PacketReceived:
    refused = bench.packet(source, Verb.FRAME, NETWORK.to_bytes(8, "big") + numbered(0))
    bench.tell(effects.GateRefused(refused, NETWORK))
    return refused


@fills("Frames that wait for credentials", HELD_LIMIT)
def held() -> None:
    bench = member(private=True)
    gate = bench.engine._gate
    overfill(
        lambda _: _refused(bench, HONEST.address),
        lambda _: _refused(bench, STRANGER.address),
        lambda packet: any(kept.packet is packet for kept in gate._held),
        lambda: len(gate._held),
        HELD_LIMIT,
    )


@fills("Senders that were asked for credentials", ASKED_LIMIT)
def asked() -> None:
    bench = member(private=True)
    table = bench.engine._gate._asked_at

    def enter(number: int) -> tuple[int, int]:
        bench.engine._gate.on_refused(
            effects.GateRefused(bench.packet(0x20_0000_0000 + number, Verb.FRAME, b""), NETWORK),
            bench.now,
        )
        return NETWORK, 0x20_0000_0000 + number

    fill_alone(enter, lambda key: key in table, lambda: len(table), ASKED_LIMIT)


@fills("Gathers that ride on frames", EXPECTED_LIMIT)
def expected() -> None:
    """By group: there may be any number of members in one."""
    bench = member()
    gathering = bench.engine._gathering

    def enter(number: int, asked: MulticastGroup) -> tuple[GroupKey, int]:
        key = GroupKey(NETWORK, asked)
        gathering.expect(key, [number], 8, bench.now)
        return key, number

    overfill(
        lambda n: enter(n, group(1)),
        lambda n: enter(n, group(2)),
        lambda key: key in gathering._asked,
        lambda: len(gathering._asked),
        EXPECTED_LIMIT,
    )


@fills("Groups that frames are sent to", distribution.STATE_LIMIT)
def sending() -> None:
    """Our own host's frames, and those of a member that has us replicate for it."""
    with bounded(distribution, STATE_LIMIT=FEW):
        bench = member()
    table = bench.engine._distribution._sending

    def enter(number: int, origin: int) -> GroupKey:
        bench.engine._distribution.on_frame(
            joined(bench), frame(group(number)), bench.now, origin=origin
        )
        return GroupKey(NETWORK, group(number))

    overfill(
        lambda n: enter(n, 0),
        lambda n: enter(1_000 + n, STRANGER.address),
        lambda key: key in table,
        lambda: len(table),
        FEW,
    )


@fills("Frames for late members of a group", QUEUE_LIMIT)
def late_frames() -> None:
    bench = member()
    numbers = itertools.count()

    def enter(origin: int) -> bytes:
        sent = frame(MDNS, number=next(numbers))
        bench.engine._distribution.on_frame(joined(bench), sent, bench.now, origin=origin)
        return sent

    def queue() -> list[bytes]:
        state = bench.engine._distribution._sending.get(GroupKey(NETWORK, MDNS))
        return [] if state is None else [queued.frame for queued in state.queue]

    overfill(
        lambda _: enter(0),
        lambda _: enter(STRANGER.address),
        lambda sent: sent in queue(),
        lambda: len(queue()),
        QUEUE_LIMIT,
    )


@fills("Frames that wait for a way", WAITING_LIMIT)
def waiting() -> None:
    bench = member()
    table = bench.engine._waiting
    numbers = itertools.count()

    def enter(destination: int) -> bytes:
        kept = frame(MDNS, number=next(numbers))
        table.hold(NETWORK, kept, destination, bench.now)
        return kept

    overfill(
        lambda _: enter(1),
        lambda _: enter(2),
        lambda kept: any(each.frame == kept for each in table._frames),
        lambda: len(table._frames),
        WAITING_LIMIT,
    )


@fills("Groups behind our bridge", network.BRIDGED_GROUP_LIMIT)
def bridged_groups() -> None:
    bench = member()
    config = bench.member_config(
        NETWORK, CONTROLLER, public=True, com=None, specialists=(OWN.address | ROLE_ACTIVE_BRIDGE,)
    )
    bench.command(effects.SendConfig(NETWORK, OWN.address, config.emit(), 1))
    assert joined(bench).is_bridge

    def enter(mac: int, number: int) -> MulticastGroup:
        bench.tap(NETWORK, frame(group(number), source=mac))
        return group(number)

    overfill(
        lambda n: enter(0x02_00_00_00_00_01, n),
        lambda n: enter(0x02_00_00_00_00_02, 10_000 + n),
        lambda seen: seen in joined(bench).bridged,
        lambda: len(joined(bench).bridged),
        network.BRIDGED_GROUP_LIMIT,
    )


# Configurations


@fills("Configurations under assembly", SLOTS)
def assembly() -> None:
    """Only what the controller signed takes a place; the newest is always put together."""
    table = Assembly()
    text = bytes(range(256)) * 60

    def chunks(update: int, signer=CONTROLLER) -> list[ConfigChunk]:
        return split_config(NETWORK, text, update, signer)

    for update in range(1, 1 + MORE):
        outcome = table.accept(chunks(update, STRANGER)[0], STRANGER.address, CONTROLLER.public)
        assert outcome.outcome is Chunk.REJECTED
    assert not table._slots
    for update in range(1, 1 + MORE):
        first, *rest = chunks(update)
        assert table.accept(first, CONTROLLER.address, CONTROLLER.public).outcome is Chunk.KEPT
        assert len(table._slots) <= SLOTS
    outcomes = [table.accept(chunk, STRANGER.address, CONTROLLER.public) for chunk in rest]
    assert outcomes[-1].dictionary == text


@fills("Members configured lately, who may announce", delegate.PERMISSION_LIMIT)
def permissions() -> None:
    with bounded(delegate, PERMISSION_LIMIT=FEW):
        bench = Bench(CONTROLLER)
        table = bench.engine._delegate

        def enter(number: int, configured_member: int) -> tuple[int, int]:
            key = (CONTROLLER.address << 24 | 1 + number, configured_member)
            bench.command(effects.SendConfig(*key, b"\n", 1))
            return key

        overfill(
            lambda n: enter(n, HONEST.address),
            lambda n: enter(n, STRANGER.address),
            lambda key: table.configured(*key, bench.now),
            lambda: len(table._configured_at),
            FEW,
        )
