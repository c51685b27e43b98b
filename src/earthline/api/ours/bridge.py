"""``/earthline/bridge``: networks bridged to physical interfaces of this host."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from earthline.api.http.answers import NetworkId, StockJson, read_json
from earthline.api.shapes.describe import gives, takes
from earthline.api.shapes.ours import Bridge
from earthline.runtime.bridge.checks import BridgeRefused, Wish
from earthline.runtime.bridge.journal import Bridging
from earthline.runtime.service import Service
from earthline.wire.address import format_network, parse_network


class BridgeRequest(BaseModel):
    """What is to be bridged, and how."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    interface: str
    bridge: str | None = None
    """The name of the bridge; by default that of the interface after ``br-``."""
    rollback: Annotated[float, Field(ge=0, le=86400)] = 60
    """Seconds until it is undone unless confirmed; 0: never."""
    move_default_route: bool = Field(default=False, alias="moveDefaultRoute")


async def _wished(request: Request) -> BridgeRequest:
    """The body, read as everywhere else; `BridgeRefused` names the first key that is wrong."""
    try:
        return BridgeRequest.model_validate(await read_json(request))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise BridgeRefused(f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None


def bridge_object(service: Service, entry: Bridging) -> Bridge:
    """One bridged network; ``rollbackAt`` (ms) is 0 once confirmed."""
    state = service.network(entry.network)
    return {
        "activeBridge": state is not None and state.is_bridge,
        "addresses": entry.addresses,
        "bridge": entry.bridge,
        "created": entry.created,
        "device": entry.device,
        "interface": entry.interface,
        "network": format_network(entry.network),
        "rollbackAt": service.node.wall.at(entry.roll_back_at),
    }


def bridge_router(service: Service) -> APIRouter:
    """Routes below ``/earthline/bridge``."""
    router = APIRouter(prefix="/earthline/bridge", tags=["bridge"])

    @router.get("", **gives(list[Bridge]))
    async def status() -> Response:
        """Every network that is bridged with an interface of the host."""
        return StockJson([bridge_object(service, entry) for entry in service.bridges.entries])

    @router.post("/{nwid}", openapi_extra=takes(BridgeRequest), **gives(Bridge))
    async def up(nwid: NetworkId, request: Request) -> Response:
        """Bridge a network; undone after `rollback` seconds unless confirmed."""
        body = await _wished(request)
        wish = Wish(
            parse_network(nwid),
            body.interface,
            body.bridge,
            round(body.rollback * 1000),
            body.move_default_route,
        )
        return StockJson(bridge_object(service, await service.bridges.up(wish)))

    @router.post("/{nwid}/confirm", **gives(Bridge))
    async def confirm(nwid: NetworkId) -> Response:
        """Keep a bridge that would be undone."""
        kept = await service.bridges.confirm(parse_network(nwid))
        return StockJson(bridge_object(service, kept))

    @router.delete("/{nwid}", **gives(Bridge))
    async def down(nwid: NetworkId) -> Response:
        """Take a bridge apart; what it was."""
        gone = await service.bridges.down(parse_network(nwid))
        return StockJson(bridge_object(service, gone))

    return router
