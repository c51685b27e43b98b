"""What fills the tables of the Ethernet engine: multicast groups."""

from __future__ import annotations

from group_bench import MDNS, NETWORK, PEERS, like
from vl2_bench import Bench

from earthline.vl2.multicast import groups, hearsay
from earthline.vl2.multicast.groups import RECORDS_PROVED, RECORDS_UNPROVED, GroupKey, GroupTable
from earthline.wire.messages.ok import Gathered, OkMulticastGather
from earthline.wire.packet import Verb
from member_node import FEW, HONEST, STRANGER, bounded, group, member
from tables import MORE, fill_alone, fills, overfill


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
