"""The store in PostgreSQL: shared, restarted, killed, or not there."""

from __future__ import annotations

import pytest
from controller_lab import LAB, MEMBER, Lab
from database_server import DatabaseServer

from earthline.controller.store import AddressTaken, MemberRecord, StoreFault
from earthline.controller.store.postgresql import PostgresqlStore

IP = bytes((10, 7, 0, 15))


def test_everything_is_there_again_after_reopening(postgresql: DatabaseServer) -> None:
    store = PostgresqlStore(postgresql.empty())
    lab = Lab(store)
    lab.create(private=False)
    lab.config()
    found = lab.member()
    store.close()
    store = PostgresqlStore(postgresql.url)
    assert Lab(store).member() == found
    store.close()


def test_two_controllers_on_one_database_pick_no_address_twice(postgresql: DatabaseServer) -> None:
    url = postgresql.empty()
    one, other = PostgresqlStore(url), PostgresqlStore(url)
    one.write_member(LAB, MemberRecord(1, "{}", 1, True, False, (IP,)), picked=[IP])
    with pytest.raises(AddressTaken):
        other.write_member(LAB, MemberRecord(2, "{}", 1, True, False, (IP,)), picked=[IP])
    assert other.read_member(LAB, 2) is None
    one.close()
    other.close()


def test_server_killed_meanwhile_is_used_again_and_nothing_is_lost(
    postgresql: DatabaseServer,
) -> None:
    store = PostgresqlStore(postgresql.empty())
    lab = Lab(store)
    lab.create(private=False)
    lab.config()
    found = lab.member()
    postgresql.kill()
    with pytest.raises(StoreFault):
        store.read_member(LAB, MEMBER)
    postgresql.start()
    assert lab.member() == found
    store.close()


def test_server_restarted_between_two_requests_is_not_noticed(postgresql: DatabaseServer) -> None:
    store = PostgresqlStore(postgresql.empty())
    lab = Lab(store)
    lab.create(private=False)
    given = lab.config().static_ips
    postgresql.kill()
    postgresql.start()
    assert lab.config().static_ips == given
    store.close()


def test_database_of_a_later_release_is_left_alone(postgresql: DatabaseServer) -> None:
    PostgresqlStore(postgresql.empty()).close()
    postgresql.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreFault, match="schema revision 9999, this release knows"):
        PostgresqlStore(postgresql.url)
    postgresql.execute("DROP SCHEMA public CASCADE")
    postgresql.execute("CREATE SCHEMA public")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("postgresql://server:port/database", "not of the form postgresql://"),
        ("postgresql://postgres:secret@/any?host=/nowhere", "No such file or directory"),
    ],
)
def test_server_that_cannot_be_reached_is_named_without_the_password(
    url: str, complaint: str
) -> None:
    with pytest.raises(StoreFault, match=complaint) as refused:
        PostgresqlStore(url)
    assert "secret" not in str(refused.value)
