"""Networks, members, their addresses, and when certificates were last issued."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "network",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("object", sa.Text, nullable=False),
    )
    _create_member()
    _create_assignment()
    op.create_table(
        "issue_clock",
        sa.Column("network", sa.String(16), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def _create_member() -> None:
    op.create_table(
        "member",
        sa.Column("network", sa.String(16), primary_key=True),
        sa.Column("address", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("authorised", sa.Boolean, nullable=False),
        sa.Column("active_bridge", sa.Boolean, nullable=False),
    )
    op.create_index("member_authorised", "member", ["network", "authorised"])
    op.create_index("member_active_bridge", "member", ["network", "active_bridge", "address"])


def _create_assignment() -> None:
    op.create_table(
        "assignment",
        sa.Column("network", sa.String(16), primary_key=True),
        sa.Column("ip", sa.LargeBinary(16), primary_key=True),
        sa.Column("address", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("picked", sa.Boolean, nullable=False),
    )
    op.create_index("assignment_of_member", "assignment", ["network", "address", "ip"])
    op.create_index(
        "assignment_picked_once",
        "assignment",
        ["network", "ip"],
        unique=True,
        sqlite_where=sa.text("picked"),
        postgresql_where=sa.text("picked"),
    )
