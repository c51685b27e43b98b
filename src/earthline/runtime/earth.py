"""Earth: the open network of a planet, which a node joins when it has joined none (06, 6.1)."""

from __future__ import annotations

from collections.abc import Collection

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
