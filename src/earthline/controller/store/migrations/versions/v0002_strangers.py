"""Members that came by themselves are told from those that a person had a hand in."""

from __future__ import annotations

import json
import time

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_AT_ONCE = 1_000
"""Rows changed in one statement."""
_FROM_SOMEWHERE = 0
"""Where they came from was not written down."""


def upgrade() -> None:
    """Add the columns; of the members there are, find those that nobody has touched."""
    op.add_column("member", sa.Column("came_from", sa.BigInteger))
    op.add_column("member", sa.Column("seen_at", sa.BigInteger, nullable=False, server_default="0"))
    strangers = sa.text("came_from IS NOT NULL")
    for name, columns in {
        "member_stranger": ["network", "authorised", "came_from", "seen_at"],
        "member_unseen": ["seen_at"],
    }.items():
        op.create_index(name, "member", columns, sqlite_where=strangers, postgresql_where=strangers)
    _find_strangers()


def _find_strangers() -> None:
    """Those of the first revision that have an identity: a request made it, and nothing since.

    When they were last seen was not written down: they count as seen now.
    """
    connection = op.get_bind()
    now = time.time_ns() // 1_000_000
    page = sa.text(
        "SELECT network, address, object FROM member WHERE revision = 1"
        " AND (network > :network OR (network = :network AND address > :address))"
        " ORDER BY network, address LIMIT :limit"
    )
    mark = sa.text(
        "UPDATE member SET came_from = :came_from, seen_at = :seen_at"
        " WHERE network = :network AND address = :address"
    )
    network, address = "", -1
    while rows := connection.execute(
        page, {"network": network, "address": address, "limit": _AT_ONCE}
    ).all():
        found = [
            {"network": row[0], "address": row[1], "came_from": _FROM_SOMEWHERE, "seen_at": now}
            for row in rows
            if _came_by_itself(row[2])
        ]
        if found:
            connection.execute(mark, found)
        network, address = rows[-1][0], rows[-1][1]


def _came_by_itself(text: str) -> bool:
    try:
        member = json.loads(text)
    except ValueError:
        return False
    if not isinstance(member, dict) or "identity" not in member:
        return False
    return not member.get("authorized") or member.get("lastAuthorizedCredentialType") == "public"
