"""How far the clock of issue is, and which certificates were revoked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from earthline.controller.store.schema import ISSUE_CLOCK, MEMBER, REVOCATION
from earthline.wire.address import format_network

MARK = select(ISSUE_CLOCK.c.at, ISSUE_CLOCK.c.ahead).where(
    ISSUE_CLOCK.c.network == bindparam("network")
)
REVOKED = (
    select(REVOCATION.c.target, REVOCATION.c.threshold)
    .where(REVOCATION.c.network == bindparam("network"))
    .order_by(REVOCATION.c.threshold, REVOCATION.c.target)
)
AUTHORISED = (
    select(MEMBER.c.address)
    .where(MEMBER.c.network == bindparam("network"), MEMBER.c.authorised)
    .order_by(MEMBER.c.address)
    .limit(bindparam("limit"))
)


def note_mark(
    connection: Connection, insert: Callable[..., Any], network: int, at: int, ahead: int
) -> None:
    """See `Store.note_issue`."""
    row = {"network": format_network(network), "at": at, "ahead": ahead}
    connection.execute(
        insert(ISSUE_CLOCK)
        .values(row)
        .on_conflict_do_update(index_elements=["network"], set_={"at": at, "ahead": ahead})
    )


def note_revoked(
    connection: Connection, insert: Callable[..., Any], network: int, target: int, threshold: int
) -> None:
    """See `Store.note_revoked`."""
    row = {"network": format_network(network), "target": target, "threshold": threshold}
    connection.execute(
        insert(REVOCATION)
        .values(row)
        .on_conflict_do_update(index_elements=["network", "target"], set_={"threshold": threshold})
    )


def forget_revoked(connection: Connection, network: int, up_to: int) -> None:
    """See `Store.forget_revoked`."""
    of_network = REVOCATION.c.network == format_network(network)
    connection.execute(delete(REVOCATION).where(of_network, REVOCATION.c.threshold <= up_to))
