"""What the user lets a network do to this host, and which items of its configuration that covers.

``networks.d/<nwid>.local.conf`` (05, 2.4) and the rules of 05, 8.4 and 03, 9.2.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from earthline.runtime.base.files import read_if_there, write_atomic
from earthline.runtime.base.keeping import Keeping
from earthline.wire.inet import InetAddress, Scope

log = structlog.get_logger()

NEVER = frozenset({Scope.NONE, Scope.MULTICAST, Scope.LOOPBACK, Scope.LINK_LOCAL})


@dataclass(frozen=True, slots=True)
class Permissions:
    """Local permissions of one network."""

    managed: bool = True
    """Its controller may set addresses and routes on this host."""
    whitelist: tuple[InetAddress, ...] = ()
    """With ``managed``: only items inside one of these IP networks; empty: all."""
    global_: bool = False
    """Addresses and routes of the public internet, too."""
    default: bool = False
    """A default route, too."""
    dns: bool = False
    """Its name servers are used for its domain."""

    def allow(self, item: InetAddress) -> bool:
        """Whether an address or a route's target, its prefix length in the port, is applied."""
        return self.refusal(item) is None

    def refusal(self, item: InetAddress) -> str | None:
        """Why an item is not applied, in a few words; None if it is."""
        if not self.managed:
            return "allowManaged is off"
        if self.whitelist and not self._listed(item):
            return "allowManaged does not list it"
        if item.is_default_route:
            return None if self.default else "allowDefault is off"
        if item.scope in NEVER:
            return "it has no place on a virtual network"
        if item.scope is Scope.GLOBAL and not self.global_:
            return "allowGlobal is off"
        return None

    def _listed(self, item: InetAddress) -> bool:
        return any(entry.port <= item.port and entry.contains(item) for entry in self.whitelist)

    def changed(self, changes: Mapping[str, object]) -> Permissions:
        """With the booleans of an API request taken over; all else in it is ignored (05, 7.7).

        But for a list of IP networks as ``allowManaged``, which is true and a whitelist; an empty
        one takes the whitelist away.
        """
        listed = _listing(changes.get("allowManaged"))
        return Permissions(
            managed=listed is not None or _choice(changes, "allowManaged", self.managed),
            whitelist=self.whitelist if listed is None else listed,
            global_=_choice(changes, "allowGlobal", self.global_),
            default=_choice(changes, "allowDefault", self.default),
            dns=_choice(changes, "allowDNS", self.dns),
        )


def _choice(changes: Mapping[str, object], key: str, before: bool) -> bool:
    value = changes.get(key)
    return value if isinstance(value, bool) else before


def _listing(value: object) -> tuple[InetAddress, ...] | None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(_networks(",".join(value)))


def permissions_file(home: Path, network: int) -> Path:
    """Where the permissions of a network are kept."""
    return home / "networks.d" / f"{network:016x}.local.conf"


def load_permissions(home: Path, network: int) -> Permissions:
    """The stored permissions, or the defaults.

    Lines that cannot be understood are left aside, and the log says so. A file that cannot be read
    allows nothing, nor does one that may have lost the line that said what is managed.
    """
    path = permissions_file(home, network)
    try:
        data = read_if_there(path)
    except OSError as error:
        log.warning("file_ignored", file=str(path), why=error.strerror)
        return Permissions(managed=False)
    permissions, damaged = understand(data or b"")
    if damaged:
        log.warning("lines_ignored", file=str(path), first=damaged[0], lines=len(damaged))
    return permissions


def understand(data: bytes) -> tuple[Permissions, list[int]]:
    """What a file says, and the numbers of its lines that cannot be understood.

    Keys that are not known are another release's.
    """
    values: dict[str, str] = {}
    damaged: dict[int, str] = {}
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        key, told, value = text.partition("=")
        if told and key.isalnum() and key.isascii():
            values[key] = value
        elif text and not text.startswith("#"):
            damaged[number] = text
    lost = any(map(_may_have_forbidden, damaged.values()))
    managed, whitelist = _managed(values.get("allowManaged", "0" if lost else ""))
    permissions = Permissions(
        managed=managed,
        whitelist=whitelist,
        global_=_truth(values.get("allowGlobal", "")),
        default=_truth(values.get("allowDefault", "")),
        dns=_truth(values.get("allowDNS", "")),
    )
    return permissions, list(damaged)


def _may_have_forbidden(text: str) -> bool:
    """Whether a line looks like what is left of one, rather than like a remark."""
    return text.startswith("allow") or "\N{REPLACEMENT CHARACTER}" in text or not text.isprintable()


def permissions_stored(home: Path, network: int) -> bool:
    """Whether the user said anything of this network, now or in an earlier run."""
    return os.path.lexists(permissions_file(home, network))


def store_permissions(keeping: Keeping, network: int, permissions: Permissions) -> None:
    """Write the file; a whitelist is kept. One that is damaged gets another name before."""
    if permissions.managed and permissions.whitelist:
        managed = ",".join(str(entry) for entry in permissions.whitelist)
    else:
        managed = str(int(permissions.managed))
    lines = (
        f"allowManaged={managed}",
        f"allowGlobal={int(permissions.global_)}",
        f"allowDefault={int(permissions.default)}",
        f"allowDNS={int(permissions.dns)}",
    )
    path = permissions_file(keeping.home, network)
    data = ("\n".join(lines) + "\n").encode()

    def write() -> None:
        if _is_damaged(path):
            keeping.set_aside(path)
        write_atomic(path, data)

    keeping.attempt(path, write)


def _is_damaged(path: Path) -> bool:
    try:
        return bool(understand(read_if_there(path) or b"")[1])
    except OSError:
        return True


def _truth(value: str) -> bool:
    return value[:1] in {"1", "t", "T"}


def _managed(value: str) -> tuple[bool, tuple[InetAddress, ...]]:
    if not value:
        return True, ()
    if len(value) <= 5:
        return _truth(value), ()
    whitelist = tuple(_networks(value))
    return bool(whitelist), whitelist  # a list of nothing that could be read is no leave for all


def _networks(value: str) -> list[InetAddress]:
    found = []
    for text in value.split(","):
        try:
            found.append(InetAddress.parse(text.strip()))
        except ValueError:
            continue
    return found
