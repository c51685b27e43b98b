"""``/earthline/planet``: make, re-issue, show and install a planet."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from earthline.api.http.answers import StockJson, read_json
from earthline.api.shapes.describe import gives, takes
from earthline.api.shapes.ours import Planet, PlanetEndpoints, PlanetFile, PlanetWish
from earthline.root.earth import DEFAULT_RANGE
from earthline.runtime.planet.planet import PlanetRefused, parse_endpoints
from earthline.runtime.service import Service
from earthline.wire.inet import InetAddress
from earthline.wire.world import World


def planet_object(planet: World) -> Planet:
    """A planet as JSON; ``data`` is the signed file in base 64."""
    return {
        "worldId": f"{planet.world_id:016x}",
        "timestamp": planet.timestamp,
        "earth": None if planet.earth is None else f"{planet.earth:016x}",
        "roots": [
            {
                "address": f"{root.identity.address:010x}",
                "identity": str(root.identity),
                "stableEndpoints": [str(endpoint) for endpoint in root.endpoints],
            }
            for root in planet.roots
        ],
        "data": base64.b64encode(planet.emit()).decode(),
    }


def planet_router(service: Service) -> APIRouter:
    """Routes below ``/earthline/planet``."""
    router = APIRouter(prefix="/earthline/planet")

    @router.get("", **gives(Planet))
    async def show() -> Response:
        """The planet that this node holds: ID, roots, and its bytes in base 64."""
        planet = service.planet
        if planet is None:
            raise PlanetRefused(
                "this node holds no planet: `earthline planet make` makes one, "
                "`earthline planet install FILE` takes one"
            )
        return StockJson(planet_object(planet))

    @router.post("", openapi_extra=takes(PlanetWish), **gives(Planet))
    async def make(request: Request) -> Response:
        """Become root and controller of a new planet at `endpoints`, its Earth in `earth`."""
        body = await _read_object(request)
        endpoints = _endpoints(body.get("endpoints"))
        earth = body.get("earth", DEFAULT_RANGE)
        if not isinstance(earth, str):
            raise PlanetRefused("earth: the range of its addresses is needed, as 28.0.0.0/7")
        made = await service.planets.make(endpoints, earth, service.core.send)
        return StockJson(planet_object(made))

    @router.post("/reissue", openapi_extra=takes(PlanetEndpoints), **gives(Planet))
    async def reissue(request: Request) -> Response:
        """Issue this node's planet again, with other `endpoints` if the body has any."""
        texts = (await _read_object(request)).get("endpoints")
        endpoints = () if texts is None else _endpoints(texts)
        return StockJson(planet_object(service.planets.reissue(endpoints, service.core.send)))

    @router.post("/install", openapi_extra=takes(PlanetFile), **gives(Planet))
    async def install(request: Request) -> Response:
        """Take the planet that `data` holds in base 64, in place of the present one."""
        body = await _read_object(request)
        try:
            data = base64.b64decode(str(body.get("data", "")), validate=True)
        except (binascii.Error, ValueError):
            raise PlanetRefused("data: the planet in base 64 is needed") from None
        return StockJson(planet_object(service.planets.install(data, service.core.send)))

    return router


async def _read_object(request: Request) -> dict[str, Any]:
    body = await read_json(request)
    if not isinstance(body, dict):
        raise PlanetRefused("the body is no JSON object")
    return body


def _endpoints(value: object) -> tuple[InetAddress, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise PlanetRefused("endpoints: an array of ip/port is needed")
    return parse_endpoints(value)
