"""Revocations are kept, and clocks of issue that run ahead go on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table and the column.

    A clock that stands still since the host's was set right has ``ahead`` 0: it is put right when
    it is read.
    """
    op.add_column(
        "issue_clock", sa.Column("ahead", sa.BigInteger, nullable=False, server_default="0")
    )
    op.create_table(
        "revocation",
        sa.Column("network", sa.String(16), primary_key=True),
        sa.Column("target", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("threshold", sa.BigInteger, nullable=False),
    )
