"""Reading and saving networks and members: revisions, and what is searched by (04, 6)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection

from earthline.controller.objects.coercion import (
    JsonObject,
    as_array,
    as_int,
    as_text,
    read_address,
    render,
)
from earthline.controller.objects.member_object import is_authorised, is_bridge
from earthline.controller.store import Arrival, MemberRecord, Store
from earthline.controller.store.changes import Change, Changed, What, ignored

_PAGE = 256
"""Members read at a time."""
_MAX_REVISION = (1 << 53) - 1
"""Of a member that comes from elsewhere: what every reader of JSON takes as it is."""


class Records:
    """The objects of a store, with their revisions kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.counters: Counter[str] = Counter()
        """What was saved, by name."""
        self.changed: Changed = ignored
        """Told of each change, before it is durable."""

    def network(self, network: int) -> JsonObject | None:
        """The stored object; a fresh copy every time."""
        return _load(self._store.read_network(network))

    def member(self, network: int, address: int) -> JsonObject | None:
        """The stored object; a fresh copy every time."""
        return _load(self._store.read_member(network, address))

    def members(self, network: int) -> list[JsonObject]:
        """All members, in order of address."""
        found: list[JsonObject] = []
        after = -1
        while page := self._store.member_page(network, after, _PAGE):
            found.extend(json.loads(text) for _, text in page)
            after = page[-1][0]
        return found

    def save_network(self, network: int, changed: JsonObject, stored: JsonObject | None) -> bool:
        """Save under the next revision, if anything but the revision changed; whether it did."""
        if not _revise(changed, stored):
            return False
        self._store.write_network(network, render(changed))
        self.counters["network_changes"] += 1
        what = What.NETWORK_CREATED if stored is None else What.NETWORK_CHANGED
        self.changed(Change(what, network, name=as_text(changed.get("name"), "")))
        return True

    def save_member(
        self,
        network: int,
        address: int,
        changed: JsonObject,
        stored: JsonObject | None,
        picked: Collection[bytes] = (),
        *,
        arrival: Arrival | None = None,
    ) -> bool:
        """The same for a member; ``picked`` are IPs it was given from a pool just now.

        ``arrival``: how it came, unless a person has a hand in this. Raises `store.AddressTaken`.
        """
        if not _revise(changed, stored):
            return False
        self._store.write_member(network, _record(address, changed, arrival), picked)
        self.counters["member_changes"] += 1
        may, might = is_authorised(changed), stored is not None and is_authorised(stored)
        if stored is None and arrival is not None:
            self.changed(Change(What.MEMBER_ASKED, network, address))
        if may != might:
            self.counters["member_auths" if may else "member_deauths"] += 1
            what = What.MEMBER_AUTHORIZED if may else What.MEMBER_DEAUTHORIZED
            self.changed(Change(what, network, address))
        elif stored is not None or arrival is None:
            self.changed(Change(What.MEMBER_CHANGED, network, address))
        return True

    def restore_network(self, network: int, found: JsonObject) -> None:
        """Save an object of another controller as it is, its revision included."""
        self._store.write_network(network, render(found))

    def restore_member(self, network: int, address: int, found: JsonObject) -> None:
        """The same for a member. Nothing is picked for it: it has what it has."""
        found["revision"] = min(as_int(found.get("revision"), 1), _MAX_REVISION)
        self._store.write_member(network, _record(address, found))


def _load(text: str | None) -> JsonObject | None:
    if text is None:
        return None
    found: JsonObject = json.loads(text)
    return found


def _revise(changed: JsonObject, stored: JsonObject | None) -> bool:
    if stored is not None and _unrevised(changed) == _unrevised(stored):
        changed["revision"] = stored["revision"]
        return False
    changed["revision"] = (as_int(stored.get("revision"), 0) if stored is not None else 0) + 1
    return True


def _unrevised(value: JsonObject) -> str:
    return render({key: field for key, field in value.items() if key != "revision"})


def _record(address: int, member: JsonObject, arrival: Arrival | None = None) -> MemberRecord:
    read = (read_address(text) for text in as_array(member.get("ipAssignments")) or ())
    return MemberRecord(
        address=address,
        text=render(member),
        revision=member["revision"],
        authorised=is_authorised(member),
        active_bridge=is_bridge(member),
        assigned=tuple(ip.ip for ip in read if ip is not None),
        arrival=arrival,
    )
