"""``/earthline/controller``: members as people want to see them, and networks ready to use.

Each member is the stock object with one more key:

    "earthline": {
      "online": true,                              asked within the last 120 s
      "lastSeen": 1795337000000,                   its last request, ms; null: none since the start
      "physicalAddress": "203.0.113.5/9993",       where that came from; null: by way of a root
      "version": "1.14.1",                         of its software; null: not known
      "notes": ["192.168.9.1: in no route of the network, and not given"]
    }

| route | does |
|---|---|
| `GET  .../network/N/member`   | `{"data": [...], "meta": {...}}`, as the unstable stock route |
| `GET  .../network/N/member/M` | one of them |
| `POST .../network/N/member/M` | as the stock route, but no address that another member has |
| `POST .../network`            | as the stock route, with a subnet of its own and a pool |
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from fastapi import APIRouter, Request
from starlette.responses import Response

from earthline.api.http.answers import Address, NetworkId, StockJson, empty, failure, listed
from earthline.api.shapes.controller import (
    MemberChange,
    Network,
    NetworkChange,
    SeenMember,
    SeenMemberListing,
)
from earthline.api.shapes.describe import gives, takes
from earthline.api.stock.controller import CarryOut, Run
from earthline.controller.authority import Authority, NoFreeNetwork
from earthline.controller.members.member_view import assigned_addresses
from earthline.controller.objects.coercion import JsonObject, parse_object
from earthline.controller.objects.default_subnet import NoFreeSubnet
from earthline.runtime.base.clock import now_ms
from earthline.wire.address import format_address, parse_address, parse_network
from earthline.wire.inet import InetAddress

_MEMBER = "/network/{network}/member/{member}"

Occupied = Callable[[], Awaitable[Iterable[InetAddress]]]
"""The IPv4 networks that this host has routes to."""


class AddressOfAnother(Exception):
    """An address that is to be assigned is another member's. One line with both."""


def controller_members_router(
    authority: Authority, run: Run, carry_out: CarryOut, occupied: Occupied
) -> APIRouter:
    """Routes below ``/earthline/controller``."""
    router = APIRouter(prefix="/earthline/controller", tags=["controller"])

    def post(
        network: int, member: int, body: JsonObject, now: int
    ) -> tuple[JsonObject | None, list[object]]:
        _demand_own(authority, network, member, body)
        found, commands = authority.post_member(network, member, body, now)
        described = None if found is None else authority.describe_member(network, member, now)
        return described, [*commands]

    @router.post("/network", openapi_extra=takes(NetworkChange), **gives(Network))
    async def create_network(request: Request) -> Response:
        """Create a network with a free IPv4 subnet and a pool; the body as for changing one."""
        body = parse_object(await request.body())
        try:
            made, commands = await run(
                authority.create_with_subnet, body, await occupied(), now_ms()
            )
        except NoFreeNetwork:
            return empty(503)
        except NoFreeSubnet as none:
            return failure(400, str(none))
        carry_out(*commands)
        return StockJson(made)

    @router.get("/network/{network}/member", **gives(SeenMemberListing))
    async def list_members(network: NetworkId) -> Response:
        """All members of a network."""
        ids = parse_network(network), now_ms()
        answer: Response = await run(listed, authority.describe_members, *ids)
        return answer

    @router.get(_MEMBER, **gives(SeenMember))
    async def get_member(network: NetworkId, member: Address) -> Response:
        """One member."""
        ids = parse_network(network), parse_address(member)
        return _answer(await run(authority.describe_member, *ids, now_ms()))

    @router.post(_MEMBER, openapi_extra=takes(MemberChange), **gives(SeenMember))
    async def post_member(network: NetworkId, member: Address, request: Request) -> Response:
        """Change a member; 400 for an address that another member has."""
        ids = parse_network(network), parse_address(member)
        body = parse_object(await request.body())
        try:
            found, commands = await run(post, *ids, body, now_ms())
        except AddressOfAnother as fault:
            return failure(400, str(fault))
        carry_out(*commands)
        return _answer(found)

    return router


def _demand_own(authority: Authority, network: int, member: int, body: JsonObject) -> None:
    for address in assigned_addresses(body):
        holder = authority.holder_of(network, address.ip, member)
        if holder is not None:
            raise AddressOfAnother(
                f"{address.ip_text} is the address of {format_address(holder)}: "
                "choose another one, or take it from that member first"
            )


def _answer(value: JsonObject | None) -> Response:
    return empty(404) if value is None else StockJson(value)
