"""Two hosts behind different NATs on one Earth."""

from __future__ import annotations

from dataclasses import dataclass

from earthline.lab.service import FoundPlanet, Service


@dataclass(frozen=True)
class Lan:
    """A planet, and two hosts behind different NATs on its Earth."""

    planet: FoundPlanet
    root: Service
    alice: Service
    bob: Service

    def ip(self, service: Service) -> str:
        return service.wait_ip(self.planet.earth)
