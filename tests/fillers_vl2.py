"""What fills the tables of the Ethernet engine."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from unittest.mock import patch

from group_bench import CONTROLLER, MDNS, NETWORK, OWN, OWN_MAC, PEERS, ROOT, configured, like
from vl2_bench import Bench

from earthline import effects
from earthline.vl2 import delegate, distribution, groups, hearsay, network
from earthline.vl2.assembly import SLOTS, Assembly, Chunk
from earthline.vl2.gate import ASKED_LIMIT, HELD_LIMIT
from earthline.vl2.gather import EXPECTED_LIMIT
from earthline.vl2.groups import RECORDS_PROVED, RECORDS_UNPROVED, GroupKey, GroupTable
from earthline.vl2.membership import HELD_LIMIT as CREDENTIALS_LIMIT
from earthline.vl2.membership import THRESHOLD_LIMIT, Acceptance, Membership
from earthline.vl2.sending import QUEUE_LIMIT
from earthline.vl2.waiting import WAITING_LIMIT
from earthline.wire.credentials.common import CredentialType
from earthline.wire.credentials.revocation import Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.mac import mac_bytes
from earthline.wire.messages.config import ConfigChunk, split_config
from earthline.wire.messages.ok import Gathered, OkMulticastGather
from earthline.wire.multicast import MulticastGroup
from earthline.wire.network_config import ROLE_ACTIVE_BRIDGE
from earthline.wire.packet import Verb
from tables import MORE, fill_alone, fills, overfill

HONEST, STRANGER, *OTHERS = PEERS
FEW = 300
"""In place of bounds that take long to reach."""


def member(*, private: bool = False, **changes: object) -> Bench:
    """A member of a network, with a root and six peers in reach."""
    bench = Bench(OWN)
    for node in (CONTROLLER, ROOT, *PEERS):
        bench.meet(node.public)
    bench.underlay.upstreams = (ROOT.address,)
    bench.command(effects.Join(NETWORK))
    bench.advance(0)
    return configured(bench, **({} if private else {"public": True, "com": None}), **changes)


def joined(bench: Bench) -> network.Network:
    return bench.engine._station.networks[NETWORK]


def group(number: int) -> MulticastGroup:
    return MulticastGroup(0x0100_0000_0000 + number, 0)


def numbered(number: int) -> bytes:
    return b"\x08\x00" + number.to_bytes(4, "big")


def frame(to: MulticastGroup, source: int = OWN_MAC, number: int = 0) -> bytes:
    return mac_bytes(to.mac) + mac_bytes(source) + numbered(number)


@contextmanager
def bounded(module, **limits: int):
    """A smaller bound, for tables that are made meanwhile."""
    with patch.multiple(module, **limits):
        yield


# Multicast groups


def _members_of(bench: Bench) -> GroupTable:
    return bench.engine._groups


def _announces(bench: Bench):
    """A node that announces a group; the key of the record."""

    def announce(node: int, number: int) -> tuple[int, int]:
        like(bench, PEERS[node], group(number))
        return PEERS[node].address, number

    return announce


def _is_recorded(table: GroupTable):
    return lambda key: key[0] in table.members(GroupKey(NETWORK, group(key[1])))


@fills("Groups of a node that proved nothing", RECORDS_UNPROVED)
def unproved_groups() -> None:
    """At a root, which records whatever is announced on any network."""
    bench = member(private=True)
    bench.underlay.acting_as_upstream = True
    table, announce = _members_of(bench), _announces(bench)
    overfill(
        lambda n: announce(0, n),
        lambda n: announce(1, n),
        _is_recorded(table),
        lambda: sum(STRANGER.address in table.members(k) for k in _all_keys()),
        RECORDS_UNPROVED,
    )


def _all_keys() -> list[GroupKey]:
    return [GroupKey(NETWORK, group(n)) for n in range(RECORDS_UNPROVED + MORE)]


@fills("Groups of a proved member on a network", RECORDS_PROVED)
def proved_groups() -> None:
    table = GroupTable()

    def announce(node: int, number: int) -> tuple[int, int]:
        table.record(GroupKey(NETWORK, group(number)), node, 0, proved=True)
        return node, number

    announced = [announce(1, n) for n in range(3)]
    fill_alone(
        lambda n: announce(2, n),
        _is_recorded(table),
        lambda: len(table) - len(announced),
        RECORDS_PROVED,
    )
    assert all(map(_is_recorded(table), [*announced, announce(1, 3)]))


@fills("Groups of all together", groups.RECORD_LIMIT)
def all_groups() -> None:
    """As a root gets them: of one honest node, and of four others who take what they can."""
    bench = member(private=True)
    bench.underlay.acting_as_upstream = True
    table, announce = _members_of(bench), _announces(bench)
    with bounded(groups, RECORD_LIMIT=2 * RECORDS_UNPROVED):
        early = [announce(0, n) for n in range(3)]
        flood = [announce(1 + n % 4, 1_000 + n) for n in range(4 * RECORDS_UNPROVED)]
        late = announce(0, 3)
    assert len(table) == 2 * RECORDS_UNPROVED
    assert all(map(_is_recorded(table), (*early, late, flood[-1])))
    assert not _is_recorded(table)(flood[0])


def _hear(teller: int, number: int, bench: Bench) -> tuple[int, int]:
    named = 0x20_0000_0000 + 0x1000_0000 * PEERS.index(teller) + number
    answer = OkMulticastGather(NETWORK, MDNS, Gathered(1, (named,)))
    bench.give_ok(teller.address, Verb.MULTICAST_GATHER, answer.emit())
    return named, MDNS


@fills("Members of groups that others name", hearsay.HEARD_LIMIT)
def heard() -> None:
    """By one that tells little, and two that tell more than there is room for."""
    with bounded(hearsay, HEARD_LIMIT=FEW, HEARD_PER_TELLER=FEW // 2):
        bench = member()
    table, key = _members_of(bench), GroupKey(NETWORK, MDNS)
    early = [_hear(HONEST, n, bench) for n in range(3)]
    flood = [_hear(PEERS[1 + n % 2], n, bench) for n in range(2 * FEW)]
    late = _hear(HONEST, 3, bench)
    assert len(table) == FEW
    members = table.members(key)
    assert all(named in members for named, _ in (*early, late, flood[-1]))
    assert flood[0][0] not in members


@fills("Members of groups that one other names", hearsay.HEARD_PER_TELLER)
def heard_of_one() -> None:
    with bounded(hearsay, HEARD_LIMIT=FEW, HEARD_PER_TELLER=FEW // 2):
        bench = member()
    table, key = _members_of(bench), GroupKey(NETWORK, MDNS)
    overfill(
        lambda n: _hear(HONEST, n, bench),
        lambda n: _hear(STRANGER, n, bench),
        lambda key_: key_[0] in table.members(key),
        lambda: sum(STRANGER_NAMES.start <= m < STRANGER_NAMES.stop for m in table.members(key)),
        FEW // 2,
    )


STRANGER_NAMES = range(0x20_1000_0000, 0x20_2000_0000)


# Members


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
