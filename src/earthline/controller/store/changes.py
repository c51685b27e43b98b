"""What changed in a controller's records, for whoever wants to hear of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class What(Enum):
    """What became of a network, or of a member of one."""

    NETWORK_CREATED = "controller.network_created"
    NETWORK_CHANGED = "controller.network_changed"
    NETWORK_DELETED = "controller.network_deleted"
    MEMBER_ASKED = "member.asked"
    """It came by itself, and is on file now."""
    MEMBER_AUTHORIZED = "member.authorized"
    MEMBER_DEAUTHORIZED = "member.deauthorized"
    MEMBER_CHANGED = "member.changed"
    MEMBER_DELETED = "member.deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """One change. It counts once what it is part of is durable."""

    what: What
    network: int
    member: int | None = None
    name: str = ""
    """Of a network."""


Changed: TypeAlias = Callable[[Change], None]


def ignored(_change: Change) -> None:
    """Where nobody wants to hear of changes."""
