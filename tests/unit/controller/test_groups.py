"""Changes that are made together: all durable at one moment, or none of them made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from controller_lab import LAB, Lab, in_a_group_that_fails
from database_server import DatabaseServer
from sqlalchemy import text

from earthline.controller.store import AddressTaken, MemberRecord, Store, StoreFault
from earthline.controller.store.postgresql import PostgresqlStore
from earthline.controller.store.sql import SqlStore
from earthline.controller.store.sqlite import SqliteStore

IP = bytes((10, 7, 0, 15))
PUBLIC = {
    "private": False,
    "v4AssignMode": "zt",
    "routes": [{"target": "10.7.0.0/16"}],
    "ipAssignmentPools": [{"ipRangeStart": "10.7.0.10", "ipRangeEnd": "10.7.0.99"}],
}


def member(address: int, *ips: bytes) -> MemberRecord:
    return MemberRecord(address, "{}", 1, True, False, ips)


def test_group_is_seen_inside_at_once_and_by_others_when_it_ends(tmp_path: Path) -> None:
    one, other = (SqliteStore(str(tmp_path / "store")) for _ in range(2))
    with one.group():
        one.write_network(LAB, "{}")
        one.write_member(LAB, member(1, IP), picked=[IP])
        assert one.network_ids() == [LAB]
        assert one.look_up(LAB, 1) is not None
        assert one.taken(LAB, [IP], other_than=2) == {IP}
        assert other.network_ids() == []
    assert other.network_ids() == [LAB]
    assert other.read_member(LAB, 1) == "{}"
    one.close()
    other.close()


def test_group_of_postgresql_is_seen_by_others_when_it_ends(postgresql: DatabaseServer) -> None:
    url = postgresql.empty()
    one, other = PostgresqlStore(url), PostgresqlStore(url)
    with one.group():
        one.write_network(LAB, "{}")
        one.write_member(LAB, member(1, IP), picked=[IP])
        assert one.look_up(LAB, 1) is not None
        assert other.network_ids() == []
    assert other.read_member(LAB, 1) == "{}"
    one.close()
    other.close()


def test_what_is_raised_inside_undoes_all_of_it(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        in_a_group_that_fails(store, lambda: store.write_network(LAB, "{}"))
    assert store.network_ids() == []
    store.write_network(LAB, "{}")
    assert store.network_ids() == [LAB]


def test_address_that_is_taken_undoes_only_the_change_that_wanted_it(store: Store) -> None:
    with store.group():
        store.write_member(LAB, member(1, IP), picked=[IP])
        with pytest.raises(AddressTaken):
            store.write_member(LAB, member(2, IP), picked=[IP])
        store.write_member(LAB, member(3))
    assert list(store.revisions(LAB)) == [1, 3]


def test_address_given_meanwhile_is_picked_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(store)
    lab.create(**PUBLIC)
    lab.config(5)
    free = iter([set[bytes]()])  # as it looked a moment ago
    taken = store.taken
    monkeypatch.setattr(store, "taken", lambda *asked: next(free, None) or taken(*asked))
    with lab.authority.group():
        assert [str(ip) for ip in lab.config(5 + 89).static_ips] == ["10.7.0.16/16"]
    assert lab.member(5 + 89)["ipAssignments"] == ["10.7.0.16"]


def test_server_that_dies_in_a_group_leaves_none_of_it_and_is_used_again(
    postgresql: DatabaseServer,
) -> None:
    lab = Lab(PostgresqlStore(postgresql.empty()))
    lab.create(**PUBLIC)
    with pytest.raises(StoreFault):
        between_two_requests(lab, postgresql.kill)
    postgresql.start()
    assert list(lab.authority.members(LAB) or ()) == []
    with lab.authority.group():
        lab.ask(3)
    assert list(lab.authority.members(LAB) or ()) == [3]
    lab.store.close()


def test_fault_inside_a_group_is_never_taken_for_success(store: SqlStore) -> None:
    lab = Lab(store)
    lab.create(private=False)
    with pytest.raises(StoreFault):
        between_two_requests(lab, lambda: break_a_query(store))
    assert list(lab.authority.members(LAB) or ()) == []


def between_two_requests(lab: Lab, happens: Callable[[], object]) -> None:
    """In one group. The second is answered with an error, and hides nothing."""
    with lab.authority.group():
        lab.ask(1)
        happens()
        lab.ask(2)


def break_a_query(store: SqlStore) -> None:
    """A statement that the database refuses."""
    with pytest.raises(StoreFault), store._read() as connection:
        connection.execute(text("SELECT nonsense FROM nowhere"))


def test_revocation_that_was_undone_is_not_remembered(store: Store) -> None:
    lab = Lab(store)
    lab.create(private=False)
    lab.ask(1)
    with pytest.raises(ZeroDivisionError):
        in_a_group_that_fails(lab.authority, lambda: lab.post_member(1, authorized=False))
    assert lab.member(1)["authorized"] is True
    assert store.issue_mark(LAB).at == 0
    lab.post_member(1, authorized=False)
    threshold = store.issue_mark(LAB).at
    assert threshold > 0
    restarted = Lab(store)
    restarted.now = lab.now - 3_600_000
    assert restarted.config(1).timestamp >= threshold
