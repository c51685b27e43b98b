"""What every store does, whichever database it is in."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from controller_lab import LAB
from sqlalchemy import Connection, text

from earthline.controller.store import AddressTaken, IssueMark, MemberRecord, Store
from earthline.controller.store.schema import METADATA, REVISION, migrate, upgrade
from earthline.controller.store.sql import SqlStore

IP = bytes((10, 7, 0, 15))


def member(address: int, *ips: bytes) -> MemberRecord:
    return MemberRecord(address, "{}", 1, True, False, ips)


def test_one_address_is_not_picked_for_two_members(store: Store) -> None:
    store.write_member(LAB, member(1, IP), picked=[IP])
    with pytest.raises(AddressTaken):
        store.write_member(LAB, member(2, IP), picked=[IP])
    assert store.read_member(LAB, 2) is None
    store.write_member(LAB + 1, member(2, IP), picked=[IP])


def test_person_may_assign_one_address_twice(store: Store) -> None:
    store.write_member(LAB, member(1, IP), picked=[IP])
    store.write_member(LAB, member(2, IP))
    store.write_member(LAB, member(1))
    assert store.taken(LAB, [IP], other_than=1) == {IP}
    assert store.taken(LAB, [IP], other_than=2) == set()


def test_members_come_in_pages_in_order(store: Store) -> None:
    for address in (9, 3, 7, 1):
        store.write_member(LAB, member(address))
    assert [address for address, _ in store.member_page(LAB, -1, 3)] == [1, 3, 7]
    assert [address for address, _ in store.member_page(LAB, 7, 3)] == [9]


def test_network_is_deleted_with_its_members_and_addresses_only(store: Store) -> None:
    for network in (LAB, LAB + 1):
        store.write_network(network, "{}")
        store.write_member(network, member(1, IP), picked=[IP])
    store.delete_network(LAB)
    assert store.network_ids() == [LAB + 1]
    assert store.revisions(LAB) == {}
    assert store.taken(LAB, [IP], other_than=0) == set()
    assert store.taken(LAB + 1, [IP], other_than=0) == {IP}


def test_migrations_lead_to_the_tables_that_are_used(store: SqlStore) -> None:
    with store._engine.begin() as connection:
        METADATA.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        upgrade(connection, "no way")
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        assert found == REVISION


def migrations(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "earthline:controller/store/migrations")
    config.attributes["connection"] = connection
    return config


def test_upgraded_store_knows_how_far_the_clock_of_issue_was(store: SqlStore) -> None:
    with store._engine.begin() as connection:
        METADATA.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        command.upgrade(migrations(connection), "0002")
        insert = text("INSERT INTO issue_clock VALUES (:network, :at)")
        connection.execute(insert, {"network": f"{LAB:016x}", "at": 7_000})
        migrate(connection, "store")
    assert store.issue_mark(LAB) == IssueMark(at=7_000)
    assert store.revoked(LAB) == {}
    store.note_revoked(LAB, 1, 6_999)
    store.note_issue(LAB, IssueMark(8_000, ahead=500))
    assert store.issue_mark(LAB) == IssueMark(8_000, ahead=500)


def test_revocations_are_kept_by_network_and_member_until_they_are_forgotten(store: Store) -> None:
    for target, threshold in ((3, 10), (1, 20), (2, 5), (3, 30)):
        store.note_revoked(LAB, target, threshold)
    store.note_revoked(LAB + 1, 1, 1)
    assert list(store.revoked(LAB).items()) == [(2, 5), (1, 20), (3, 30)]
    store.forget_revoked(LAB, 20)
    assert store.revoked(LAB) == {3: 30}
    assert store.revoked(LAB + 1) == {1: 1}


def test_members_that_are_in_are_listed_in_order_up_to_a_limit(store: Store) -> None:
    for address, authorised in ((9, True), (3, True), (7, False), (1, True)):
        store.write_member(LAB, MemberRecord(address, "{}", 1, authorised, False, ()))
    assert store.authorised(LAB, 2) == [1, 3]
    assert store.authorised(LAB, 5) == [1, 3, 9]
