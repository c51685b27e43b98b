"""``/earthline/ping``: how long it takes to a node and back, and by which way."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from earthline.api.http.answers import Address, StockJson, failure
from earthline.api.shapes.describe import gives
from earthline.api.shapes.node import Ping
from earthline.runtime.node.pings import Answered
from earthline.runtime.service import Service
from earthline.vl1.ground.local import ALL_SOCKETS
from earthline.vl1.reasons import State
from earthline.wire.address import parse_address
from earthline.wire.inet import InetAddress


def _state(answer: Answered) -> State:
    if answer.hops:
        return State.RELAYED
    return State.TUNNELLED if answer.path[0] == ALL_SOCKETS else State.DIRECT


def ping_object(address: str, answer: Answered | None) -> Ping:
    """``latency`` in ms, and how the answer came; all null where none came in time.

    ``path`` is null of a relayed answer, which came from a root.
    """
    found: Ping = {"address": address, "latency": None, "state": None, "path": None}
    if answer is not None:
        state = _state(answer)
        came_from = InetAddress(answer.path[1], answer.path[2])
        found["latency"] = round(answer.took_ms, 3)
        found["state"] = state.value
        found["path"] = None if state is State.RELAYED else str(came_from)
    return found


def ping_router(service: Service) -> APIRouter:
    """One route; it takes as long as the node takes to answer, or five seconds."""
    router = APIRouter(prefix="/earthline/ping", tags=["node"])

    @router.post("/{address}", **gives(Ping))
    async def ping(address: Address) -> Response:
        """Ask a node to answer, for up to 5 s; all null if it did not."""
        number = parse_address(address)
        if number == service.identity.address:
            return failure(400, "this is the address of this node itself")
        return StockJson(ping_object(address.lower(), await service.pings.ask(number)))

    return router
