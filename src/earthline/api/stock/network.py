"""``/network``: the networks this node has joined (05, 7.7)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from earthline.api.http.answers import NetworkId, StockJson, read_object_or_nothing
from earthline.api.shapes.describe import gives, takes
from earthline.api.shapes.network import (
    Done,
    JoinedNetwork,
    NetworkExtension,
    NetworkRoute,
    Permissions,
)
from earthline.runtime.notes import host_notes
from earthline.runtime.probes.rules import rule_drops
from earthline.runtime.service import Service
from earthline.vl2.status import NetworkState
from earthline.wire.mac import format_mac
from earthline.wire.network_config import Route


def network_object(service: Service, state: NetworkState) -> JoinedNetwork:
    """A joined network: what its controller gave, and what became of it here."""
    permissions = service.taps.permissions(state.network)
    tap = service.taps.tap(state.network)
    found: JoinedNetwork = {
        "allowDNS": permissions.dns,
        "allowDefault": permissions.default,
        "allowGlobal": permissions.global_,
        "allowManaged": permissions.managed,
        "assignedAddresses": [str(address) for address in state.addresses],
        "bridge": state.is_bridge,
        "broadcastEnabled": state.broadcast,
        "dhcp": False,
        "dns": {
            "domain": state.dns.domain,
            "servers": [server.ip_text for server in state.dns.servers],
        },
        "id": f"{state.network:016x}",
        "mac": format_mac(state.mac),
        "mtu": state.mtu,
        "multicastSubscriptions": [
            {"adi": group.adi, "mac": format_mac(group.mac)} for group in state.subscriptions
        ],
        "name": state.name,
        "netconfRevision": state.revision,
        "nwid": f"{state.network:016x}",
        "portDeviceName": "" if tap is None else tap.name,
        "portError": -1 if state.port_error else 0,
        "routes": [_route_object(route) for route in state.routes],
        "status": state.status.name,
        "type": "PUBLIC" if state.public else "PRIVATE",
        "earthline": _extension(service, state),
    }
    _add_login(found, state)
    return found


def _extension(service: Service, state: NetworkState) -> NetworkExtension:
    """What the stock API does not have: what became of the configuration on this host, and why."""
    tap, bridging = service.taps.tap(state.network), service.bridges.entry(state.network)
    entry, refused = service.node.switch_entry(state.network), service.switch.refused(state.network)
    return {
        "bridge": None if bridging is None else bridging.bridge,
        "namesSet": tap is not None and tap.names is not None,
        "notes": [] if tap is None else host_notes(tap, bridging, online=service.node.online),
        "ruleDrops": [
            {
                "by": drop.by,
                "rule": drop.rule,
                "text": drop.text,
                "sent": drop.sent,
                "received": drop.received,
            }
            for drop in rule_drops(entry, refused)
        ],
    }


def _route_object(route: Route) -> NetworkRoute:
    return {
        "flags": route.flags,
        "metric": route.metric,
        "target": str(route.target),
        "via": None if route.via is None else route.via.ip_text,
    }


def _add_login(found: JoinedNetwork, state: NetworkState) -> None:
    """Only networks with a login have these."""
    if not state.sign_on.enabled and state.authentication is None:
        return
    url = state.sign_on.authentication_url
    if state.authentication is not None:
        url = state.authentication.url
    found["authenticationExpiryTime"] = state.sign_on.authentication_expires_at
    found["authenticationURL"] = url
    found["ssoEnabled"] = True


def network_router(service: Service) -> APIRouter:
    """Routes below ``/network``."""
    router = APIRouter(prefix="/network", tags=["network"])

    def find(nwid: str) -> JoinedNetwork | None:
        wanted = int(nwid, 16)
        found = (state for state in service.node.networks() if state.network == wanted)
        return next((network_object(service, state) for state in found), None)

    @router.get("", **gives(list[JoinedNetwork]))
    async def networks() -> Response:
        """Every joined network, ascending by ID."""
        states = sorted(service.node.networks(), key=lambda state: state.network)
        return StockJson([network_object(service, state) for state in states])

    @router.get("/{nwid}", **gives(JoinedNetwork))
    async def network(nwid: NetworkId) -> Response:
        """One joined network; 404 if it is not joined."""
        found = find(nwid)
        return StockJson({}, 404) if found is None else StockJson(found)

    @router.post(
        "/{nwid}", openapi_extra=takes(Permissions, required=False), **gives(JoinedNetwork)
    )
    async def join(nwid: NetworkId, request: Request) -> Response:
        """Join it if need be, take over local permissions of the body; the network."""
        service.join(int(nwid, 16), await read_object_or_nothing(request))
        return StockJson(find(nwid) or {})

    @router.delete("/{nwid}", **gives(Done))
    async def leave(nwid: NetworkId) -> Response:
        """Leave it; `result` is true if it was joined."""
        return StockJson({"result": True} if service.leave(int(nwid, 16)) else {})

    return router
