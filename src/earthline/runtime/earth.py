"""Earth: the open network of a planet, which a node joins when it has joined none (06, 6.1)."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import structlog

from earthline import effects
from earthline.root.earth import DEFAULT_RANGE
from earthline.runtime.base.watch import Watch
from earthline.runtime.settings.permissions import Permissions, permissions_stored
from earthline.wire.computed_ip import rfc4193
from earthline.wire.inet import InetAddress
from earthline.wire.world import World

if TYPE_CHECKING:
    from earthline.runtime.service import Service

log = structlog.get_logger()

EARTH_S = 60.0
"""Whether to join Earth is looked at this often, should nothing else ask."""


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


class EarthWatch:
    """Joins the Earth of the planet that a service holds, once there is one."""

    def __init__(self, service: Service) -> None:
        self.watch = Watch("earth", EARTH_S, self.consider)
        self._service = service
        self._considered: int | None = None

    @property
    def wanted(self) -> bool:
        """Whether neither the command line nor the settings say no."""
        service = self._service
        return service.options.join_earth and service.settings.parsed.settings.join_earth

    async def consider(self) -> None:
        """Join it, unless there is a reason not to."""
        service, planet = self._service, self._service.planet
        earth = earth_to_join(planet, service.joined, self._considered, wanted=self.wanted)
        if planet is not None:
            self._considered = planet.earth
        if earth is not None:
            log.info("joining_earth", network=f"{earth:016x}")
            if not permissions_stored(service.home.path, earth):
                ranges = await self._own_ranges(earth)
                service.taps.permit(earth, earth_permissions(earth, ranges))
            service.core.send(effects.Join(earth))

    async def _own_ranges(self, network: int) -> list[InetAddress]:
        """The routes of a network that this node controls; none of others'."""
        service = self._service
        held = await service.controller.run(service.authority.get_network, network) or {}
        return [InetAddress.parse(route["target"]) for route in held.get("routes", ())]
