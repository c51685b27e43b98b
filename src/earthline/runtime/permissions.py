"""What the user lets a network do to this host, and which items of its configuration that covers.

``networks.d/<nwid>.local.conf`` (05, 2.4) and the rules of 05, 8.4 and 03, 9.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from earthline.runtime.files import read_if_there
from earthline.runtime.keeping import Keeping
from earthline.wire.inet import InetAddress, Scope

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
    """The stored permissions, or the defaults."""
    data = read_if_there(permissions_file(home, network)) or b""
    lines = data.decode("utf-8", "replace").splitlines()
    values = dict(line.strip().split("=", 1) for line in lines if "=" in line)
    managed, whitelist = _managed(values.get("allowManaged", ""))
    return Permissions(
        managed=managed,
        whitelist=whitelist,
        global_=_truth(values.get("allowGlobal", "")),
        default=_truth(values.get("allowDefault", "")),
        dns=_truth(values.get("allowDNS", "")),
    )


def permissions_stored(home: Path, network: int) -> bool:
    """Whether the user said anything of this network, now or in an earlier run."""
    return permissions_file(home, network).exists()


def store_permissions(keeping: Keeping, network: int, permissions: Permissions) -> None:
    """Write the file; a whitelist is kept."""
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
    text = "\n".join(lines) + "\n"
    keeping.write(permissions_file(keeping.home, network), text.encode())


def _truth(value: str) -> bool:
    return value[:1] in {"1", "t", "T"}


def _managed(value: str) -> tuple[bool, tuple[InetAddress, ...]]:
    if not value:
        return True, ()
    if len(value) <= 5:
        return _truth(value), ()
    return True, tuple(_networks(value))


def _networks(value: str) -> list[InetAddress]:
    found = []
    for text in value.split(","):
        try:
            found.append(InetAddress.parse(text.strip()))
        except ValueError:
            continue
    return found
