"""``/moon``: the moons this node orbits (05, 7.10). IDs have 10 digits in paths, 16 in answers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from earthline.api.http.answers import Address, StockJson, read_object_or_nothing
from earthline.api.shapes.describe import Nothing, gives, takes
from earthline.api.shapes.network import Done, Moon, Seed
from earthline.effects import Deorbit, Orbit
from earthline.runtime.base.clock import now_ms
from earthline.runtime.service import Service
from earthline.wire.address import parse_address
from earthline.wire.world import World


def moon_object(moon: World) -> Moon:
    """A moon that is held."""
    return {
        "id": f"{moon.world_id:016x}",
        "roots": [
            {
                "identity": str(root.identity),
                "stableEndpoints": [str(endpoint) for endpoint in root.endpoints],
            }
            for root in moon.roots
        ],
        "signature": moon.signature.hex(),
        "timestamp": moon.timestamp,
        "updatesMustBeSignedBy": moon.update_key.hex(),
        "waiting": False,
    }


def waiting_object(world_id: int) -> Moon:
    """A moon that was asked for and has not come yet."""
    return {
        "id": f"{world_id:016x}",
        "roots": [],
        "signature": None,
        "timestamp": 0,
        "updatesMustBeSignedBy": None,
        "waiting": True,
    }


def _seed(body: dict[str, Any]) -> int:
    """The seed's address; 0 if there is none."""
    try:
        return parse_address(str(body.get("seed", "")))
    except ValueError:
        return 0


def moon_router(service: Service) -> APIRouter:
    """Routes below ``/moon``."""
    router = APIRouter(prefix="/moon", tags=["moon"])

    def held(world_id: int) -> World | None:
        moons = service.node.status(now_ms()).moons
        return next((moon for moon in moons if moon.world_id == world_id), None)

    @router.get("", **gives(list[Moon]))
    async def moons() -> Response:
        """Every moon that this node holds."""
        return StockJson([moon_object(moon) for moon in service.node.status(now_ms()).moons])

    @router.get("/{world}", **gives(Moon | Nothing))
    async def moon(world: Address) -> Response:
        """One moon; an empty object if it is not held."""
        found = held(int(world, 16))
        return StockJson({} if found is None else moon_object(found))

    @router.post("/{world}", openapi_extra=takes(Seed, required=False), **gives(Moon | Nothing))
    async def orbit(world: Address, request: Request) -> Response:
        """Have a moon, from the node that `seed` of the body names; the moon, or one that waits."""
        world_id, seed = int(world, 16), _seed(await read_object_or_nothing(request))
        found = held(world_id)
        if found is not None:
            return StockJson(moon_object(found))
        if seed == 0:
            return StockJson({})
        service.core.send(Orbit(world_id, seed))
        return StockJson(waiting_object(world_id))

    @router.delete("/{world}", **gives(Done))
    async def deorbit(world: Address) -> Response:
        """Forget a moon; `result` is true in any case."""
        service.core.send(Deorbit(int(world, 16)))
        return StockJson({"result": True})

    return router
