"""Members that came by themselves go when there is need; those a person had a hand in, never."""

from __future__ import annotations

import json

import pytest
from alembic import command
from alembic.config import Config
from controller_lab import LAB, MEMBER, NOW, Lab, only_config
from sqlalchemy import Connection, text

from earthline.controller.members import strangers
from earthline.controller.members.strangers import FORGET_MS, GONE_MS
from earthline.controller.store import Store
from earthline.controller.store.archive import import_archive, take_archive
from earthline.controller.store.schema import METADATA, migrate
from earthline.controller.store.sql import SqlStore

HOUR_MS = 3_600_000
SMALL_POOL = {
    "v4AssignMode": "zt",
    "routes": [{"target": "10.7.0.0/16"}],
    "ipAssignmentPools": [{"ipRangeStart": "10.7.0.10", "ipRangeEnd": "10.7.0.12"}],
}
"""Of three addresses."""


def on_file(lab: Lab, network: int = LAB) -> list[int]:
    return list(lab.authority.members(network) or ())


def ip_of(lab: Lab, member: int) -> str | None:
    ips = [ip.ip_text for ip in only_config(lab.ask(member)).static_ips]
    return ips[0] if ips else None


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "MAX_WAITING", 5)


# --- who waits to be let in -----------------------------------------------------------------------


@pytest.mark.usefixtures("few")
def test_oldest_of_the_prefix_with_most_makes_room(lab: Lab) -> None:
    lab.create()
    for address, prefix in ((1, 9), (2, 4), (3, 4), (4, 4), (5, 8), (6, 7), (7, 4)):
        lab.now += 1
        lab.ask(address, prefix=prefix)
    assert on_file(lab) == [1, 4, 5, 6, 7]
    assert lab.authority.counters["waiting_evicted"] == 2


@pytest.mark.usefixtures("few")
def test_whom_a_person_touched_stays_and_does_not_count(lab: Lab) -> None:
    lab.create()
    for address in range(1, 6):
        lab.ask(address)
    lab.post_member(1, name="printer")
    lab.post_member(2)  # nothing changed, but somebody looked at it
    lab.post_member(3, authorized=True)
    lab.post_member(3, authorized=False)
    for address in range(10, 30):
        lab.now += 1
        lab.ask(address)
    assert on_file(lab) == [1, 2, 3, 25, 26, 27, 28, 29]


@pytest.mark.usefixtures("few")
def test_member_created_before_it_asked_stays(lab: Lab) -> None:
    lab.create()
    lab.post_member(1)
    lab.ask(1)
    for address in range(10, 20):
        lab.ask(address)
    assert on_file(lab)[0] == 1


@pytest.mark.usefixtures("few")
def test_imported_members_stay(lab: Lab) -> None:
    lab.create()
    for address in range(1, 6):
        lab.ask(address)
    archive = take_archive(lab.store)
    lab.authority.delete_network(LAB, lab.now)
    import_archive(archive, lab.store)
    for address in range(10, 30):
        lab.ask(address)
    assert on_file(lab)[:5] == [1, 2, 3, 4, 5]


# --- who was not seen for long --------------------------------------------------------------------


def test_strangers_not_seen_for_long_are_forgotten_as_newcomers_come(lab: Lab) -> None:
    lab.create(private=False, **SMALL_POOL)
    lab.create(LAB + 1)
    lab.ask(1)
    lab.ask(2, network=LAB + 1)
    lab.now += FORGET_MS
    lab.ask(3)
    assert on_file(lab) == [1, 3]
    lab.now += 1
    lab.ask(4)
    assert on_file(lab) == [3, 4]
    assert on_file(lab, LAB + 1) == []
    assert lab.authority.counters["strangers_forgotten"] == 2


def test_stranger_that_goes_on_asking_is_not_forgotten(lab: Lab) -> None:
    lab.create(private=False)
    while lab.now < NOW + 2 * FORGET_MS:
        lab.ask(1)
        lab.now += 7 * HOUR_MS
    lab.ask(2)
    assert on_file(lab) == [1, 2]


def test_when_a_stranger_was_seen_is_written_once_in_some_hours(lab: Lab) -> None:
    lab.create()
    lab.ask(1)
    before = lab.store.look_up(LAB, 1)
    lab.now += 5 * HOUR_MS
    lab.ask(1)
    assert lab.store.look_up(LAB, 1) == before
    lab.now += 2 * HOUR_MS
    lab.ask(1)
    seen = lab.store.look_up(LAB, 1)
    assert seen is not None
    assert seen.seen_at == lab.now


def test_admitted_by_a_person_or_a_token_is_never_forgotten(lab: Lab) -> None:
    lab.create(authTokens={"secret": 0})
    lab.ask(1)
    lab.ask(2, token="token:secret")
    lab.ask(3)
    lab.post_member(1, authorized=True)
    lab.now += 5_000
    lab.ask(3, token="token:secret")
    lab.now += 10 * FORGET_MS
    lab.ask(4)
    assert on_file(lab) == [1, 2, 3, 4]


def test_members_of_a_network_that_was_closed_are_kept(lab: Lab) -> None:
    lab.create(private=False)
    lab.ask(1)
    lab.authority.post_network(LAB, {"private": True}, lab.now)
    lab.now += 2 * FORGET_MS
    lab.ask(2)
    assert on_file(lab) == [1, 2]
    assert lab.member(1)["authorized"] is True


def test_impostor_does_not_keep_a_stranger_alive(lab: Lab) -> None:
    lab.create(private=False)
    lab.ask(1)
    lab.now += FORGET_MS - HOUR_MS
    lab.ask(1, identity=type(lab.identity.public)(1, lab.identity.public.public_key))
    lab.now += 2 * HOUR_MS
    lab.ask(2)
    assert on_file(lab) == [2]


# --- small pools ----------------------------------------------------------------------------------


def test_full_pool_of_a_public_network_gives_the_address_of_whoever_is_gone(lab: Lab) -> None:
    lab.create(private=False, **SMALL_POOL)
    given = {}
    for address in (1, 2, 3):
        given[address] = ip_of(lab, address)
        lab.now += 1
    assert None not in given.values()
    assert ip_of(lab, 4) is None
    lab.now += GONE_MS
    assert ip_of(lab, 3) == given[3]
    assert ip_of(lab, 4) == given[1]
    assert ip_of(lab, 5) == given[2]
    assert ip_of(lab, 6) is None
    assert on_file(lab) == [3, 4, 5, 6]


def test_address_that_a_person_touched_is_not_given_away(lab: Lab) -> None:
    lab.create(private=False, **SMALL_POOL)
    for address in (1, 2, 3):
        lab.ask(address)
    lab.post_member(1, name="printer")
    lab.post_member(2, ipAssignments=["10.7.0.10", "10.7.0.11", "10.7.0.12"])
    lab.now += 2 * GONE_MS
    assert ip_of(lab, 4) is None
    assert on_file(lab) == [1, 2, 3, 4]


def test_full_pool_of_a_private_network_gives_nothing_away(lab: Lab) -> None:
    lab.create(private=False, **SMALL_POOL)
    for address in (1, 2, 3):
        lab.ask(address)
    lab.authority.post_network(LAB, {"private": True}, lab.now)
    lab.now += 2 * GONE_MS
    lab.post_member(4, authorized=True)
    assert ip_of(lab, 4) is None


# --- from an older release ------------------------------------------------------------------------


def test_upgraded_store_tells_strangers_from_those_that_were_touched(store: SqlStore) -> None:
    with store._engine.begin() as connection:
        METADATA.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        make_older(connection)
        migrate(connection, "store")
    found = {address: store.look_up(LAB, address) for address in (1, 2, 3, 4, 5)}
    marked = {address for address, filed in found.items() if filed and filed.seen_at}
    assert marked == {1, 2}
    assert store.count_waiting(LAB) == 1


def make_older(connection: Connection) -> None:
    """The tables of the first release, with members in them."""
    config = Config()
    config.set_main_option("script_location", "earthline:controller/store/migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")
    network = f"{LAB:016x}"
    insert = text("INSERT INTO network VALUES (:id, :object)")
    connection.execute(insert, {"id": network, "object": "{}"})
    public = {"authorized": True, "lastAuthorizedCredentialType": "public", "identity": "x"}
    rows = (
        (1, 1, {"authorized": False, "identity": "x"}),
        (2, 1, public),
        (3, 2, {"authorized": False, "identity": "x"}),
        (4, 1, {"authorized": False}),
        (5, 1, public | {"lastAuthorizedCredentialType": "token"}),
    )
    insert = text("INSERT INTO member VALUES (:network, :address, :object, :revision, :in, :no)")
    for address, revision, member in rows:
        row = {
            "network": network,
            "address": address,
            "object": json.dumps(member),
            "revision": revision,
            "in": member["authorized"],
            "no": False,
        }
        connection.execute(insert, row)


def test_forgetting_can_be_turned_off(store: Store) -> None:
    lab = Lab(store, forget_ms=0)
    lab.create(private=False)
    lab.ask(MEMBER)
    lab.now += 100 * FORGET_MS
    lab.ask(1)
    assert on_file(lab) == [1, MEMBER]
