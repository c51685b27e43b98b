"""A store in a relational database, whichever that is: what is asked, and in which transactions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, Engine, Select, bindparam, case, delete, func, null, select
from sqlalchemy.exc import IntegrityError

from earthline.controller.store import (
    AddressTaken,
    Filed,
    IssueMark,
    MemberRecord,
    NetworkSummary,
    StoreFault,
    issue,
    strangers,
)
from earthline.controller.store.schema import ASSIGNMENT, MEMBER, NETWORK, migrate
from earthline.controller.store.transactions import Transactions
from earthline.wire.address import format_network

_SUMMARIES_AT_ONCE = 256
"""Members whose summaries are read in one statement."""

# What every request asks, built once.
_NETWORK_OBJECT = select(NETWORK.c.object).where(NETWORK.c.id == bindparam("network"))
_MEMBER_OBJECT = select(MEMBER.c.object).where(
    MEMBER.c.network == bindparam("network"), MEMBER.c.address == bindparam("address")
)
_BRIDGE = MEMBER.alias("bridge")
# In order, or a database that knows how alike the members are would rather look through all.
_FIRST_BRIDGE = (
    select(_BRIDGE.c.address)
    .where(_BRIDGE.c.network == bindparam("network"), _BRIDGE.c.active_bridge)
    .order_by(_BRIDGE.c.address)
    .limit(1)
    .scalar_subquery()
)
_FILED = (
    select(NETWORK.c.object, MEMBER.c.object, _FIRST_BRIDGE, MEMBER.c.came_from, MEMBER.c.seen_at)
    .outerjoin(
        MEMBER,
        (MEMBER.c.network == bindparam("network")) & (MEMBER.c.address == bindparam("address")),
    )
    .where(NETWORK.c.id == bindparam("network"))
)
_ACTIVE_BRIDGES = (
    select(MEMBER.c.address)
    .where(MEMBER.c.network == bindparam("network"), MEMBER.c.active_bridge)
    .order_by(MEMBER.c.address)
    .limit(bindparam("limit"))
)
_TAKEN = select(ASSIGNMENT.c.ip).where(
    ASSIGNMENT.c.network == bindparam("network"),
    ASSIGNMENT.c.ip.in_(bindparam("ips", expanding=True)),
    ASSIGNMENT.c.address != bindparam("address"),
)


class SqlStore:
    """A `Store` in a database. One thread at a time."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        insert: Callable[..., Any],
        *,
        reading: Engine,
        writing: Engine,
        as_it_is: bool = False,
    ) -> None:
        """Bring the schema up to date. Raises `StoreFault`, and changes nothing then.

        Name and engines are as `Transactions` has them; ``insert`` is their dialect's, which knows
        what to do with a row that is there already. ``as_it_is``: where nothing can be written, the
        schema cannot be, either.
        """
        self._engine = engine
        self._insert = insert
        self._transactions = Transactions(name, engine, reading=reading, writing=writing)
        self._read, self._write = self._transactions.read, self._transactions.write
        try:
            with self._read() if as_it_is else self._write() as connection:
                migrate(connection, name)
        except StoreFault:
            self.close()
            raise

    def close(self) -> None:
        self._transactions.close()

    def group(self) -> AbstractContextManager[None]:
        return self._transactions.group()

    # --- networks ---------------------------------------------------------------------------------

    def network_ids(self) -> list[int]:
        with self._read() as connection:
            ids = connection.execute(select(NETWORK.c.id).order_by(NETWORK.c.id)).scalars()
            return [int(name, 16) for name in ids]

    def read_network(self, network: int) -> str | None:
        text: str | None = self._one(_NETWORK_OBJECT, {"network": format_network(network)})
        return text

    def write_network(self, network: int, text: str) -> None:
        row = {"id": format_network(network), "object": text}
        with self._write() as connection:
            connection.execute(
                self._insert(NETWORK)
                .values(row)
                .on_conflict_do_update(index_elements=["id"], set_={"object": text})
            )

    def delete_network(self, network: int) -> None:
        name = format_network(network)
        with self._write() as connection:
            connection.execute(delete(ASSIGNMENT).where(ASSIGNMENT.c.network == name))
            connection.execute(delete(MEMBER).where(MEMBER.c.network == name))
            connection.execute(delete(NETWORK).where(NETWORK.c.id == name))

    def summaries(self) -> Iterator[NetworkSummary]:
        after = ""
        while rows := self._summaries_after(after):
            for row in rows:
                yield NetworkSummary(row.object, row.members, row.authorised)
            after = rows[-1].id

    def _summaries_after(self, after: str) -> Sequence[Any]:
        members = select(func.count()).where(MEMBER.c.network == NETWORK.c.id)
        query = (
            select(
                NETWORK.c.id,
                NETWORK.c.object,
                members.scalar_subquery().label("members"),
                members.where(MEMBER.c.authorised).scalar_subquery().label("authorised"),
            )
            .where(NETWORK.c.id > after)
            .order_by(NETWORK.c.id)
            .limit(_SUMMARIES_AT_ONCE)
        )
        with self._read() as connection:
            return connection.execute(query).all()

    # --- members ----------------------------------------------------------------------------------

    def read_member(self, network: int, address: int) -> str | None:
        key = {"network": format_network(network), "address": address}
        text: str | None = self._one(_MEMBER_OBJECT, key)
        return text

    def look_up(self, network: int, address: int) -> Filed | None:
        key = {"network": format_network(network), "address": address}
        rows = self._transactions.rows(_FILED, key)
        if not rows:
            return None
        text, member, first_bridge, came_from, seen_at = rows[0]
        return Filed(
            text,
            member,
            has_bridges=first_bridge is not None,
            seen_at=None if came_from is None else seen_at,
        )

    def write_member(
        self, network: int, member: MemberRecord, picked: Collection[bytes] = ()
    ) -> None:
        with self._write() as connection:
            if picked and _taken(connection, network, list(picked), member.address):
                raise AddressTaken
            columns = {
                "object": member.text,
                "revision": member.revision,
                "authorised": member.authorised,
                "active_bridge": member.active_bridge,
                "came_from": member.arrival and member.arrival.prefix,
                "seen_at": member.arrival.seen_at if member.arrival else 0,
            }
            key = {"network": format_network(network), "address": member.address}
            row = self._insert(MEMBER).values(key | columns)
            # Where it came from at first; and once no stranger, it never becomes one again.
            came_from = case((row.excluded.came_from.is_(None), null()), else_=MEMBER.c.came_from)
            connection.execute(
                row.on_conflict_do_update(
                    index_elements=list(key), set_=columns | {"came_from": came_from}
                )
            )
            try:
                _assign(connection, network, member, picked)
            except IntegrityError:  # another controller on this database was quicker
                raise AddressTaken from None

    def delete_member(self, network: int, address: int) -> None:
        with self._write() as connection:
            _delete_member(connection, network, address)

    def revisions(self, network: int) -> dict[int, int]:
        query = (
            select(MEMBER.c.address, MEMBER.c.revision)
            .where(MEMBER.c.network == format_network(network))
            .order_by(MEMBER.c.address)
        )
        with self._read() as connection:
            return {row.address: row.revision for row in connection.execute(query)}

    def member_page(self, network: int, after: int, limit: int) -> list[tuple[int, str]]:
        of_network = MEMBER.c.network == format_network(network)
        query = (
            select(MEMBER.c.address, MEMBER.c.object)
            .where(of_network, MEMBER.c.address > after)
            .order_by(MEMBER.c.address)
            .limit(limit)
        )
        with self._read() as connection:
            return [(row.address, row.object) for row in connection.execute(query)]

    def count_members(self) -> int:
        with self._read() as connection:
            return connection.execute(select(func.count()).select_from(MEMBER)).scalar_one()

    def active_bridges(self, network: int, limit: int) -> list[int]:
        key = {"network": format_network(network), "limit": limit}
        return [address for (address,) in self._transactions.rows(_ACTIVE_BRIDGES, key)]

    def authorised(self, network: int, limit: int) -> list[int]:
        key = {"network": format_network(network), "limit": limit}
        return [address for (address,) in self._transactions.rows(issue.AUTHORISED, key)]

    def taken(self, network: int, ips: Sequence[bytes], other_than: int) -> set[bytes]:
        with self._read() as connection:
            return _taken(connection, network, ips, other_than)

    def picked(self, network: int, address: int) -> set[bytes]:
        query = select(ASSIGNMENT.c.ip).where(*_is_holder(network, address), ASSIGNMENT.c.picked)
        with self._read() as connection:
            return set(connection.execute(query).scalars())

    # --- strangers --------------------------------------------------------------------------------

    def touch_member(self, network: int, address: int) -> None:
        with self._write() as connection:
            strangers.touch(connection, network, address)

    def note_seen(self, network: int, address: int, at: int) -> None:
        with self._write() as connection:
            strangers.note_seen(connection, network, address, at)

    def count_waiting(self, network: int) -> int:
        with self._read() as connection:
            return strangers.count_waiting(connection, network)

    def evict_waiting(self, network: int) -> None:
        with self._write() as connection:
            found = strangers.first_to_go(connection, network)
            if found is not None:
                _delete_member(connection, network, found)

    def unseen_holder(
        self, network: int, ips: Sequence[bytes], before: int
    ) -> tuple[bytes, int] | None:
        with self._read() as connection:
            return strangers.unseen_holder(connection, network, ips, before)

    def unseen_strangers(self, before: int, limit: int) -> list[tuple[int, int]]:
        with self._read() as connection:
            return strangers.unseen(connection, before, limit)

    # --- what was issued, and revoked -------------------------------------------------------------

    def issue_mark(self, network: int) -> IssueMark:
        rows = self._transactions.rows(issue.MARK, {"network": format_network(network)})
        return IssueMark(*rows[0]) if rows else IssueMark()

    def note_issue(self, network: int, mark: IssueMark) -> None:
        with self._write() as connection:
            issue.note_mark(connection, self._insert, network, mark.at, mark.ahead)

    def revoked(self, network: int) -> dict[int, int]:
        return dict(self._transactions.rows(issue.REVOKED, {"network": format_network(network)}))

    def note_revoked(self, network: int, target: int, threshold: int) -> None:
        with self._write() as connection:
            issue.note_revoked(connection, self._insert, network, target, threshold)

    def forget_revoked(self, network: int, up_to: int) -> None:
        with self._write() as connection:
            issue.forget_revoked(connection, network, up_to)

    def _one(self, query: Select[Any], values: dict[str, Any]) -> Any:
        return next((value for (value,) in self._transactions.rows(query, values)), None)


def _delete_member(connection: Connection, network: int, address: int) -> None:
    connection.execute(delete(MEMBER).where(*strangers.is_member(network, address)))
    connection.execute(delete(ASSIGNMENT).where(*_is_holder(network, address)))


def _is_holder(network: int, address: int) -> tuple[Any, Any]:
    return ASSIGNMENT.c.network == format_network(network), ASSIGNMENT.c.address == address


def _taken(
    connection: Connection, network: int, ips: Sequence[bytes], other_than: int
) -> set[bytes]:
    values = {"network": format_network(network), "ips": ips, "address": other_than}
    return set(connection.execute(_TAKEN, values).scalars())


def _assign(
    connection: Connection, network: int, member: MemberRecord, picked: Collection[bytes]
) -> None:
    """Make the assignments of a member those of its record; what was picked once stays picked."""
    holder = _is_holder(network, member.address)
    wanted = set(member.assigned)
    held = set(connection.execute(select(ASSIGNMENT.c.ip).where(*holder)).scalars())
    if gone := held - wanted:
        connection.execute(delete(ASSIGNMENT).where(*holder, ASSIGNMENT.c.ip.in_(gone)))
    rows = [
        {
            "network": format_network(network),
            "ip": ip,
            "address": member.address,
            "picked": ip in picked,
        }
        for ip in sorted(wanted - held)
    ]
    if rows:
        connection.execute(ASSIGNMENT.insert(), rows)
