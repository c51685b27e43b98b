"""The tables of the controller's store.

::

    network     id, object                                   one JSON object each
    member      network, address, object + searched columns  one JSON object each
    assignment  network, ip, address, picked                 who has which address
    issue_clock network, at, ahead                           certificates never go back in time
    revocation  network, target, threshold                   who was put out lately

Network IDs are 16 hex digits, so that they sort as numbers and read as people write them.

A member that came by itself, and in which no person has had a hand, is a stranger: it has the
source prefix it came from in ``came_from``, which is NULL for all others. ``seen_at`` of a stranger
is when it last asked, in ms, some hours behind.

``at`` and ``threshold`` are times of issue (`controller.issue.issue_clock`), not of the host. The
row of network 0 in ``issue_clock`` is that of all networks together.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    inspect,
    select,
)

from earthline.controller.store import StoreFault

METADATA = MetaData()

NETWORK = Table(
    "network",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("object", Text, nullable=False),
)

MEMBER = Table(
    "member",
    METADATA,
    Column("network", String(16), primary_key=True),
    Column("address", BigInteger, primary_key=True, autoincrement=False),
    Column("object", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("authorised", Boolean, nullable=False),
    Column("active_bridge", Boolean, nullable=False),
    Column("came_from", BigInteger),
    Column("seen_at", BigInteger, nullable=False, server_default="0"),
)
Index("member_active_bridge", MEMBER.c.network, MEMBER.c.active_bridge, MEMBER.c.address)
Index("member_authorised", MEMBER.c.network, MEMBER.c.authorised)
_STRANGER = MEMBER.c.came_from.is_not(None)
Index(
    "member_stranger",
    MEMBER.c.network,
    MEMBER.c.authorised,
    MEMBER.c.came_from,
    MEMBER.c.seen_at,
    sqlite_where=_STRANGER,
    postgresql_where=_STRANGER,
)
Index(
    "member_unseen",
    MEMBER.c.seen_at,
    sqlite_where=_STRANGER,
    postgresql_where=_STRANGER,
)

ASSIGNMENT = Table(
    "assignment",
    METADATA,
    Column("network", String(16), primary_key=True),
    Column("ip", LargeBinary(16), primary_key=True),
    Column("address", BigInteger, primary_key=True, autoincrement=False),
    Column("picked", Boolean, nullable=False),
)
# It covers the query, or SQLite would rather look through the whole network by the primary key.
Index("assignment_of_member", ASSIGNMENT.c.network, ASSIGNMENT.c.address, ASSIGNMENT.c.ip)
# A person may write one address to two members on purpose; a pool never gives it twice.
Index(
    "assignment_picked_once",
    ASSIGNMENT.c.network,
    ASSIGNMENT.c.ip,
    unique=True,
    sqlite_where=ASSIGNMENT.c.picked,
    postgresql_where=ASSIGNMENT.c.picked,
)

ISSUE_CLOCK = Table(
    "issue_clock",
    METADATA,
    Column("network", String(16), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("ahead", BigInteger, nullable=False, server_default="0"),
)

REVOCATION = Table(
    "revocation",
    METADATA,
    Column("network", String(16), primary_key=True),
    Column("target", BigInteger, primary_key=True, autoincrement=False),
    Column("threshold", BigInteger, nullable=False),
)

REVISION = "0003"
"""Of the newest migration: it leads to the tables above."""

_REVISIONS = Table(
    "alembic_version", MetaData(), Column("version_num", String(32), primary_key=True)
)


def migrate(connection: Connection, name: str) -> None:
    """Bring a database up to this schema; `StoreFault` for one of a later release."""
    if not inspect(connection).has_table(_REVISIONS.name):
        METADATA.create_all(connection)
        _REVISIONS.create(connection)
        connection.execute(_REVISIONS.insert().values(version_num=REVISION))
        return
    found = connection.execute(select(_REVISIONS.c.version_num)).scalar_one_or_none()
    if found != REVISION:
        upgrade(connection, f"{name}: schema revision {found}, this release knows {REVISION}")


def upgrade(connection: Connection, refusal: str) -> None:
    """Run the migrations that are missing; `StoreFault` if there is no way from here."""
    from alembic import command  # noqa: PLC0415 - slow to import, and hardly ever needed
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "earthline:controller/store/migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise StoreFault(refusal) from None
