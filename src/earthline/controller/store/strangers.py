"""Which strangers go: members that came by themselves, and in which no person has had a hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, select, update

from earthline.controller.store.schema import ASSIGNMENT, MEMBER
from earthline.wire.address import format_network

_IS_STRANGER = MEMBER.c.came_from.is_not(None)


def is_member(network: int, address: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Where clause of one member."""
    return MEMBER.c.network == format_network(network), MEMBER.c.address == address


def touch(connection: Connection, network: int, address: int) -> None:
    """See `Store.touch_member`."""
    where = *is_member(network, address), _IS_STRANGER
    connection.execute(update(MEMBER).where(*where).values(came_from=None, seen_at=0))


def note_seen(connection: Connection, network: int, address: int, at: int) -> None:
    """See `Store.note_seen`."""
    where = *is_member(network, address), _IS_STRANGER
    connection.execute(update(MEMBER).where(*where).values(seen_at=at))


def count_waiting(connection: Connection, network: int) -> int:
    """See `Store.count_waiting`."""
    return connection.execute(
        select(func.count()).select_from(MEMBER).where(*_waits(network))
    ).scalar_one()


def first_to_go(connection: Connection, network: int) -> int | None:
    """Whom `Store.evict_waiting` deletes."""
    waits = _waits(network)
    largest = (
        select(MEMBER.c.came_from)
        .where(*waits)
        .group_by(MEMBER.c.came_from)
        .order_by(func.count().desc())
        .limit(1)
    )
    came_from = connection.execute(largest).scalar_one_or_none()
    oldest = (
        select(MEMBER.c.address)
        .where(*waits, MEMBER.c.came_from == came_from)
        .order_by(MEMBER.c.seen_at, MEMBER.c.address)
        .limit(1)
    )
    return connection.execute(oldest).scalar_one_or_none()


def unseen_holder(
    connection: Connection, network: int, ips: Sequence[bytes], before: int
) -> tuple[bytes, int] | None:
    """See `Store.unseen_holder`."""
    other = ASSIGNMENT.alias("other")
    held_twice = exists().where(
        other.c.network == ASSIGNMENT.c.network,
        other.c.ip == ASSIGNMENT.c.ip,
        other.c.address != ASSIGNMENT.c.address,
    )
    query = (
        select(ASSIGNMENT.c.ip, ASSIGNMENT.c.address)
        .join(
            MEMBER,
            (MEMBER.c.network == ASSIGNMENT.c.network) & (MEMBER.c.address == ASSIGNMENT.c.address),
        )
        .where(
            ASSIGNMENT.c.network == format_network(network),
            ASSIGNMENT.c.ip.in_(ips),
            ASSIGNMENT.c.picked,
            _IS_STRANGER,
            MEMBER.c.seen_at < before,
            ~held_twice,
        )
        .order_by(MEMBER.c.seen_at, ASSIGNMENT.c.ip)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (bytes(row.ip), row.address)


def unseen(connection: Connection, before: int, limit: int) -> list[tuple[int, int]]:
    """See `Store.unseen_strangers`."""
    query = (
        select(MEMBER.c.network, MEMBER.c.address)
        .where(_IS_STRANGER, MEMBER.c.seen_at < before)
        .order_by(MEMBER.c.seen_at)
        .limit(limit)
    )
    return [(int(row.network, 16), row.address) for row in connection.execute(query)]


def _waits(network: int) -> tuple[Any, ...]:
    return MEMBER.c.network == format_network(network), MEMBER.c.authorised.is_(False), _IS_STRANGER
