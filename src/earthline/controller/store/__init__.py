"""Where the controller keeps its networks and members.

`Store` is what the authority asks of one. A record is the text of its JSON object; beside it stand
only the columns that are searched by, so that no request has to look at other members one by one.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""What a system says of a disk that takes no writes, whatever their file."""


class StoreFault(Exception):
    """The store cannot be used. One line that names it and what is wrong."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a member came that no person put on file."""

    prefix: int
    """Where from, as `vl1.ground.gates.prefix_key` has it."""
    seen_at: int
    """When it asked last, ms."""


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """A member as stored: its object's text, and the columns it is searched by."""

    address: int
    text: str
    revision: int
    authorised: bool
    active_bridge: bool
    assigned: tuple[bytes, ...]
    """The IPs of ``ipAssignments``, 4 or 16 bytes each."""
    arrival: Arrival | None = None
    """None: a person has a hand in it, for good. It is no *stranger*, and is never forgotten."""


@dataclass(frozen=True, slots=True)
class NetworkSummary:
    """A network's object, and how many members it has."""

    text: str
    members: int
    authorised: int


@dataclass(frozen=True, slots=True)
class Filed:
    """What is on file about a network, and about one who asks for its configuration."""

    network: str
    member: str | None
    has_bridges: bool
    seen_at: int | None
    """When a stranger was last noted as seen, ms; None for any other member."""


@dataclass(frozen=True, slots=True)
class IssueMark:
    """How far a clock of issue is, in ms."""

    at: int = 0
    """It had come so far when this was written, at least."""
    ahead: int = 0
    """Of the clock that drives it."""


class AddressTaken(Exception):
    """A picked address was given to another member in the meantime; nothing was written."""


class Store(Protocol):
    """Networks and members. Each method is one transaction; a change is durable on return.

    Within a `group` it is durable when the group ends, and seen by what is asked meanwhile.
    """

    def group(self) -> AbstractContextManager[None]:
        """All changes made inside are one transaction: made, or undone, when it ends.

        Undone by whatever is raised inside, and by any fault of the database in between. Raises
        `StoreFault`; nobody may be told of a change before.
        """

    def network_ids(self) -> list[int]:
        """Ascending."""

    def read_network(self, network: int) -> str | None: ...
    def write_network(self, network: int, text: str) -> None: ...
    def delete_network(self, network: int) -> None:
        """The network with its members and their addresses."""

    def summaries(self) -> Iterator[NetworkSummary]:
        """Every network in order of ID."""

    def read_member(self, network: int, address: int) -> str | None: ...
    def look_up(self, network: int, address: int) -> Filed | None:
        """The network, and the member if it is one, in one question; None for no such network."""

    def write_member(
        self, network: int, member: MemberRecord, picked: Collection[bytes] = ()
    ) -> None:
        """Insert or replace a member.

        ``picked``: those of its IPs that were picked from a pool just now. Raises `AddressTaken`
        if another member of the network has one of them.
        """

    def delete_member(self, network: int, address: int) -> None: ...
    def revisions(self, network: int) -> dict[int, int]:
        """Address to revision of every member, in order of address."""

    def member_page(self, network: int, after: int, limit: int) -> list[tuple[int, str]]:
        """Address and object of at most ``limit`` members above ``after``, in order of address."""

    def count_members(self) -> int:
        """Of all networks together."""

    def active_bridges(self, network: int, limit: int) -> list[int]:
        """Ascending."""

    def authorised(self, network: int, limit: int) -> list[int]:
        """Members that are in; ascending."""

    def taken(self, network: int, ips: Sequence[bytes], other_than: int) -> set[bytes]:
        """Which of these IPs are assigned to members other than this one."""

    def picked(self, network: int, address: int) -> set[bytes]:
        """Which of its IPs a member was once given by a pool."""

    # Strangers: members that came by themselves, and in which no person has had a hand.

    def touch_member(self, network: int, address: int) -> None:
        """A person had a hand in it."""

    def note_seen(self, network: int, address: int, at: int) -> None:
        """A stranger has asked again."""

    def count_waiting(self, network: int) -> int:
        """Strangers that are not authorised."""

    def evict_waiting(self, network: int) -> None:
        """Delete one of those: of the prefix that has most, whoever was not seen for longest."""

    def unseen_holder(
        self, network: int, ips: Sequence[bytes], before: int
    ) -> tuple[bytes, int] | None:
        """The stranger, and its IP, that was picked one of these and was not seen for longest.

        Nor since ``before``, and nobody else has the IP, too.
        """

    def unseen_strangers(self, before: int, limit: int) -> list[tuple[int, int]]:
        """(network, address) of those not seen since, longest ago first."""

    # What was issued, and what was revoked: both outlive the network's deletion.

    def issue_mark(self, network: int) -> IssueMark:
        """What `note_issue` noted last, or zeros."""

    def note_issue(self, network: int, mark: IssueMark) -> None: ...
    def revoked(self, network: int) -> dict[int, int]:
        """By member that was put out: the threshold of its last revocation. In order of those."""

    def note_revoked(self, network: int, target: int, threshold: int) -> None: ...
    def forget_revoked(self, network: int, up_to: int) -> None:
        """Those with a threshold up to this."""

    def close(self) -> None: ...


__all__ = [
    "AddressTaken",
    "Arrival",
    "Filed",
    "IssueMark",
    "MemberRecord",
    "NetworkSummary",
    "Store",
    "StoreFault",
]
