"""The tables of the controller's store.

::

    network     id, object                                   one JSON object each
    member      network, address, object + searched columns  one JSON object each
    assignment  network, ip, address, picked                 who has which address
    issue_clock network, at                                  certificates never go back in time

Network IDs are 16 hex digits, so that they sort as numbers and read as people write them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

VERSION = 1
"""Of this schema. A store with a higher one was written by a later release and is left alone."""

METADATA = MetaData()

SCHEMA = Table("schema", METADATA, Column("version", Integer, nullable=False))

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
)
Index("member_authorised", MEMBER.c.network, MEMBER.c.authorised)
Index("member_active_bridge", MEMBER.c.network, MEMBER.c.active_bridge, MEMBER.c.address)

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
)
