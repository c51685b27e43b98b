"""``/status``, ``/health``, ``/peer`` and ``/bond`` (05, 7.4, 7.5, 7.8 and 7.9)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from earthline import STOCK_VERSION, __version__
from earthline.api.http.answers import Address, StockJson
from earthline.api.shapes.describe import Nothing, gives
from earthline.api.shapes.node import Health, PathSlot, Peer, Status, Version
from earthline.api.stock.explained import nat_object, peer_explained, relay_object, tunnel_object
from earthline.runtime.base.clock import now_ms, wall_ms
from earthline.runtime.service import Service
from earthline.vl1.status import PathReport, PeerState

UNKNOWN_VERSION = (-1, -1, -1)


def version_object() -> Version:
    """The release we are compatible with, as the stock API gives it."""
    major, minor, revision = (int(part) for part in STOCK_VERSION.split("."))
    return {
        "version": STOCK_VERSION,
        "versionBuild": 0,
        "versionMajor": major,
        "versionMinor": minor,
        "versionRev": revision,
    }


def status_object(service: Service) -> Status:
    """The node itself; ``earthline`` holds what the stock API does not have.

    Programs that ask every few seconds redraw when an answer is another one: but for the clock, two
    are the same unless something happened. What is counted has a route of its own.
    """
    now = now_ms()
    status = service.node.status(now)
    planet = status.planet
    earth = None if planet is None else planet.earth
    return {
        **version_object(),
        "address": f"{status.address:010x}",
        "clock": wall_ms(),
        "config": service.settings.shown | {"settings": _settings_object(service)},
        "online": status.online,
        "planetWorldId": 0 if planet is None else planet.world_id,
        "planetWorldTimestamp": 0 if planet is None else planet.timestamp,
        "publicIdentity": str(status.identity),
        "tcpFallbackActive": service.tunnel.connected_to is not None,
        "earthline": {
            "version": __version__,
            "root": status.acting_as_upstream,
            "upstreams": [f"{address:010x}" for address in status.upstreams],
            "earth": None if earth is None else f"{earth:016x}",
            "nat": nat_object(service.node.nat_report()),
            "tunnel": tunnel_object(service.tunnel),
            "tcpRelay": relay_object(service.tcp_relay),
            "startedAt": service.node.wall.at(service.started_at),
        },
    }


def _settings_object(service: Service) -> dict[str, Any]:
    """The stored settings, completed; what is in effect is always computed."""
    stored = service.settings.shown.get("settings")
    said = service.settings.parsed.settings
    surfaces = service.node.status(now_ms()).surfaces
    effective = {
        "allowTcpFallbackRelay": said.allow_tcp_fallback_relay,
        "forceTcpRelay": said.force_tcp_relay,
        "portMappingEnabled": said.port_mapping_enabled,
        "primaryPort": service.ports.primary,
        "secondaryPort": service.ports.secondary,
        "softwareUpdate": "disable",
        "softwareUpdateChannel": "release",
        "tertiaryPort": service.ports.tertiary,
    }
    computed = {
        "homeDir": str(service.home.path),
        "listeningOn": [str(address) for address in service.listening_on],
        "surfaceAddresses": [str(address) for address in surfaces],
    }
    return effective | (stored if isinstance(stored, dict) else {}) | computed


def peer_object(peer: PeerState, now: int, *, tunneled: bool) -> Peer:
    """A peer and its path slots; ``earthline`` holds what the stock API does not have.

    ``now`` is Unix time in ms, as are the stamps of the peer. ``tunneled``: the TCP tunnel is up,
    by which any peer's packets may go (05, 7.8).
    """
    major, minor, revision = peer.version or UNKNOWN_VERSION
    return {
        "address": f"{peer.address:010x}",
        "earthline": peer_explained(peer, now),
        "isBonded": False,
        "latency": peer.latency,
        "paths": [_path_object(path) for path in peer.paths if not path.expired],
        "role": peer.role.value,
        "tunneled": tunneled,
        "version": f"{major}.{minor}.{revision}",
        "versionMajor": major,
        "versionMinor": minor,
        "versionRev": revision,
    }


def _path_object(path: PathReport) -> PathSlot:
    return {
        "active": True,
        "address": str(path.address),
        "expired": False,
        "lastReceive": path.last_receive,
        "lastSend": path.last_send,
        "localPort": 0,
        "localSocket": path.socket,
        "preferred": path.preferred,
        "trustedPathId": path.trusted_path_id,
    }


def node_router(service: Service) -> APIRouter:
    """Routes about the node and its peers."""
    router = APIRouter(tags=["node"])

    @router.get("/status", **gives(Status))
    async def status() -> Response:
        """Address, version, planet and settings; `earthline` is what stock has not."""
        return StockJson(status_object(service))

    @router.get("/health", **gives(Health))
    async def health() -> Response:
        """Whether the service runs and is online; needs no token."""
        health: Health = {
            **version_object(),
            "clock": wall_ms(),
            "online": service.node.online,
        }
        return StockJson(health)

    @router.get("/earthline/counters", **gives(dict[str, int]))
    async def counters() -> Response:
        """What the node counted since its start, by name: drops by reason, and events."""
        return StockJson(dict(service.counters()))

    @router.get("/peer", **gives(list[Peer]))
    async def peers() -> Response:
        """Every peer in memory, ascending by address, with its paths."""
        now, tunneled = now_ms(), service.tunnel.connected_to is not None
        peers, unix = service.node.peer_states(now), service.node.wall.at(now)
        return StockJson([peer_object(peer, unix, tunneled=tunneled) for peer in peers])

    @router.get("/peer/{address}", **gives(Peer | Nothing))
    async def peer(address: Address) -> Response:
        """One peer; an empty object if it is not in memory."""
        wanted, now = int(address, 16), now_ms()
        tunneled = service.tunnel.connected_to is not None
        unix = service.node.wall.at(now)
        found = (p for p in service.node.peer_states(now) if p.address == wanted)
        return StockJson(next((peer_object(p, unix, tunneled=tunneled) for p in found), {}))

    @router.get("/bond/show/{address}", status_code=400)
    async def bond(address: Address) -> Response:  # noqa: ARG001 - no peer is bonded
        """Always 400: no peer is bonded."""
        return StockJson({}, 400)

    @router.post("/bond/rotate/{address}", status_code=400)
    async def rotate(address: Address) -> Response:  # noqa: ARG001
        """Always 400: no peer is bonded."""
        return StockJson({}, 400)

    @router.post("/bond/setmtu/{mtu}/{interface}/{ip}", status_code=400)
    async def set_mtu(mtu: int, interface: str, ip: str) -> Response:  # noqa: ARG001
        """Always 400: no peer is bonded."""
        return Response("Bonding layer isn't active yet", 400, media_type="application/json")

    return router
