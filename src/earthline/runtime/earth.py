"""Earth: the open network of a planet, which a node joins when it has joined none (06, 6.1)."""

from __future__ import annotations

from collections.abc import Collection

from earthline.root.earth import DEFAULT_RANGE
from earthline.runtime.permissions import Permissions
from earthline.wire.computed_ip import rfc4193
from earthline.wire.inet import InetAddress
from earthline.wire.world import World


def earth_to_join(
    planet: World | None, joined: Collection[int], considered: int | None, *, wanted: bool
) -> int | None:
    """The Earth to join now, or None.

    ``considered`` is the Earth that was thought of before in this run: a user who left it, or who
    left all networks later, is not dragged back. ``wanted`` False is the user's standing no.
    """
    if not wanted or planet is None or joined:
        return None
    earth = planet.earth
    return None if earth == considered else earth


def earth_permissions(earth: int, ranges: Collection[InetAddress] = ()) -> Permissions:
    """What a network may do to this host that its user never asked for: be Earth, and no more.

    Whoever owns the planet could otherwise route the user's own LAN to himself. Only its own range
    is let in: ``ranges`` where we know them, being its controller, else the usual one; and the IPv6
    addresses that are computed from its ID. A user who wants more says so (``allowManaged``).
    """
    wanted = ranges or (InetAddress.parse(DEFAULT_RANGE),)
    return Permissions(whitelist=(*wanted, rfc4193(earth, 0).network))
