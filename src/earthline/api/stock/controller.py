"""The controller's HTTP interface in its stock shape (04, 7).

What does not exist, and every path or method that is not listed, is 404 with an empty body.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from earthline.api.http.answers import Address, NetworkId, StockJson, empty, listed
from earthline.api.shapes.controller import (
    ControllerStatus,
    Member,
    MemberChange,
    MemberListing,
    Network,
    NetworkChange,
    NetworkListing,
)
from earthline.api.shapes.describe import gives, takes
from earthline.controller.authority import Authority, NoFreeNetwork
from earthline.controller.objects.coercion import parse_object
from earthline.runtime.base.clock import now_ms, wall_ms
from earthline.wire.address import format_address, format_network, parse_address, parse_network

CarryOut = Callable[..., None]
"""Takes the authority's commands, one argument each, to the node."""

Run = Callable[..., Awaitable[Any]]
"""Calls one of the authority's methods where that may wait, and returns what it does."""

_API_VERSION = 4
_MEMBER = "/controller/network/{network}/member/{member}"


def controller_router(authority: Authority, run: Run, carry_out: CarryOut) -> APIRouter:
    """Routes below ``/controller`` and ``/unstable/controller``."""
    router = APIRouter(tags=["controller"])
    router.add_api_route("/controller", status, **gives(ControllerStatus))
    _add_networks(router, authority, run, carry_out)
    _add_members(router, authority, run, carry_out)
    return router


async def status() -> Response:
    """That this node is a controller, in the one layout scripts know (04, 7.1)."""
    lines = (
        '\t"controller": true',
        f'\t"apiVersion": {_API_VERSION}',
        f'\t"clock": {wall_ms()}',
        '\t"databaseReady": true',
    )
    return Response("{\n" + ",\n".join(lines) + "\n}\n", media_type="application/json")


def _add_networks(router: APIRouter, authority: Authority, run: Run, carry_out: CarryOut) -> None:
    async def post(network: int | None, request: Request) -> Response:
        try:
            body = parse_object(await request.body())
            posted, commands = await run(authority.post_network, network, body, now_ms())
        except NoFreeNetwork:
            return empty(503)
        carry_out(*commands)
        return _answer(posted)

    change = {"openapi_extra": takes(NetworkChange), **gives(Network)}

    @router.get("/controller/network", **gives(list[str]))
    async def list_networks() -> Response:
        """IDs of all networks, ascending."""
        return _answer([format_network(network) for network in await run(authority.list_networks)])

    @router.get("/unstable/controller/network", **gives(NetworkListing))
    async def list_networks_whole() -> Response:
        """All networks with counts of their members."""
        answer: Response = await run(listed, authority.network_listing)
        return answer

    @router.post("/controller/network", **change)
    async def create_network(request: Request) -> Response:
        """Create a network with a random ID; the body as for changing one."""
        return await post(None, request)

    @router.post("/controller/network/{controller}______", **change)
    async def create_network_of(controller: Address, request: Request) -> Response:
        """A random ID, too; 400 if the digits before the underscores are no address of ours."""
        if controller.lower() != format_address(authority.address):
            return empty(400)
        return await post(None, request)

    @router.post("/controller/network/{network}", **change)
    async def post_network(network: NetworkId, request: Request) -> Response:
        """Create a network, or change the fields that the body names; the network."""
        return await post(parse_network(network), request)

    @router.get("/controller/network/{network}", **gives(Network))
    async def get_network(network: NetworkId) -> Response:
        """One network."""
        return _answer(await run(authority.get_network, parse_network(network)))

    @router.delete("/controller/network/{network}", **gives(Network))
    async def delete_network(network: NetworkId) -> Response:
        """Delete a network with its members; what it was."""
        found, commands = await run(authority.delete_network, parse_network(network), now_ms())
        carry_out(*commands)
        return _answer(found)


def _add_members(router: APIRouter, authority: Authority, run: Run, carry_out: CarryOut) -> None:
    @router.get("/controller/network/{network}/member", **gives(dict[str, int]))
    async def list_members(network: NetworkId) -> Response:
        """Revision of each member, by its address."""
        revisions = await run(authority.members, parse_network(network))
        if revisions is None:
            return empty(404)
        return _answer({format_address(member): revisions[member] for member in revisions})

    @router.get("/unstable/controller/network/{network}/member", **gives(MemberListing))
    async def list_members_whole(network: NetworkId) -> Response:
        """All members, with counts."""
        answer: Response = await run(listed, authority.member_listing, parse_network(network))
        return answer

    @router.get(_MEMBER, **gives(Member))
    async def get_member(network: NetworkId, member: Address) -> Response:
        """One member."""
        ids = parse_network(network), parse_address(member)
        return _answer(await run(authority.get_member, *ids))

    @router.post(_MEMBER, openapi_extra=takes(MemberChange), **gives(Member))
    async def post_member(network: NetworkId, member: Address, request: Request) -> Response:
        """Create a member, or change the fields that the body names; the member."""
        ids = parse_network(network), parse_address(member)
        body = parse_object(await request.body())
        found, commands = await run(authority.post_member, *ids, body, now_ms())
        carry_out(*commands)
        return _answer(found)

    @router.delete(_MEMBER, **gives(Member))
    async def delete_member(network: NetworkId, member: Address) -> Response:
        """Delete a member, and revoke it if it was authorized; what it was."""
        ids = parse_network(network), parse_address(member)
        found, commands = await run(authority.delete_member, *ids, now_ms())
        carry_out(*commands)
        return _answer(found)


def _answer(value: Any) -> Response:
    """The value as JSON; None is what was not found."""
    return empty(404) if value is None else StockJson(value)
