"""``/earthline/planet``: make, re-issue, show and install a planet."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from fastapi import APIRouter, Request

from earthline.api.answers import JSON_OBJECT, read_json, read_object
from earthline.root.earth import DEFAULT_RANGE
from earthline.runtime.planet import PlanetRefused, parse_endpoints
from earthline.runtime.service import Service
from earthline.wire.world import World


def planet_object(planet: World) -> dict[str, Any]:
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

    @router.get("")
    async def show() -> dict[str, Any]:
        planet = service.planet
        if planet is None:
            raise PlanetRefused(
                "this node holds no planet: `earthline planet make` makes one, "
                "`earthline planet install FILE` takes one"
            )
        return planet_object(planet)

    @router.post("", openapi_extra=JSON_OBJECT)
    async def make(request: Request) -> dict[str, Any]:
        body = await read_json(request)
        if not isinstance(body, dict) or not _texts(body.get("endpoints")):
            raise PlanetRefused("endpoints: an array of ip/port is needed")
        endpoints = parse_endpoints(body["endpoints"])
        earth = body.get("earth", DEFAULT_RANGE)
        return planet_object(await service.planets.make(endpoints, str(earth), service.core.send))

    @router.post("/reissue", openapi_extra=JSON_OBJECT)
    async def reissue(request: Request) -> dict[str, Any]:
        texts = (await read_object(request)).get("endpoints")
        endpoints = parse_endpoints(texts) if texts and _texts(texts) else ()
        return planet_object(service.planets.reissue(endpoints, service.core.send))

    @router.post("/install", openapi_extra=JSON_OBJECT)
    async def install(request: Request) -> dict[str, Any]:
        body = await read_object(request)
        try:
            data = base64.b64decode(str(body.get("data", "")), validate=True)
        except binascii.Error:
            raise PlanetRefused("data: the planet in base 64 is needed") from None
        return planet_object(service.planets.install(data, service.core.send))

    return router


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
