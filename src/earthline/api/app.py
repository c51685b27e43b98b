"""The application: routes of this package and the controller's, behind the gate."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from earthline import __version__
from earthline.api.http.answers import StockJson, empty, failure
from earthline.api.http.dress import Dress
from earthline.api.http.gate import Gate
from earthline.api.http.limit import BodyLimit
from earthline.api.http.schema import describe
from earthline.api.ours.bridge import bridge_router
from earthline.api.ours.controller_members import controller_members_router
from earthline.api.ours.doctor import doctor_router, twin_watch
from earthline.api.ours.events import events_router
from earthline.api.ours.ping import ping_router
from earthline.api.ours.planet import planet_router
from earthline.api.ours.rules import rules_router
from earthline.api.stock.config import config_router
from earthline.api.stock.controller import controller_router
from earthline.api.stock.metrics import Metrics, metrics_router
from earthline.api.stock.moon import moon_router
from earthline.api.stock.network import network_router
from earthline.api.stock.node import node_router
from earthline.api.stock.web import web_router
from earthline.controller.objects.coercion import UnfitObject
from earthline.controller.store import NO_ROOM, StoreFault
from earthline.runtime.bridge.checks import BridgeRefused
from earthline.runtime.home.home import StartFault
from earthline.runtime.planet.planet import PlanetRefused
from earthline.runtime.service import Service


class Application(FastAPI):
    """FastAPI, with a schema of what is really answered."""

    def openapi(self) -> dict[str, Any]:
        return describe(self)


def create_app(service: Service, metrics: Metrics) -> ASGIApp:
    """The whole API of one service. Its schema is at ``/earthline/openapi.json``."""
    app = Application(
        title="Earthline",
        version=__version__,
        openapi_url="/earthline/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        default_response_class=StockJson,
    )
    twins = twin_watch(service)
    routers = (
        node_router(service),
        network_router(service),
        moon_router(service),
        config_router(service),
        metrics_router(metrics),
        planet_router(service),
        bridge_router(service),
        doctor_router(service, twins),
        events_router(service, twins),
        ping_router(service),
        controller_router(service.authority, service.controller.run, service.core.send),
        controller_members_router(
            service.authority, service.controller.run, service.core.send, service.netlink.routed
        ),
        rules_router(service.authority, service.controller.run, service.core.send),
    )
    for router in routers:
        app.include_router(router)
    if service.settings.parsed.settings.enable_web_server:
        app.include_router(web_router(service.home.path / "app"))
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(RequestValidationError, _no_route)
    app.add_exception_handler(UnfitObject, _refused)
    app.add_exception_handler(StoreFault, _failed)
    app.add_exception_handler(Exception, _broken)
    app.add_exception_handler(PlanetRefused, _refused)
    app.add_exception_handler(StartFault, _refused)
    app.add_exception_handler(BridgeRefused, _refused)
    app.add_exception_handler(OSError, _unwritten)
    gate = Gate(BodyLimit(app), service)
    return Dress(gate, gate.may_call_back)


async def _no_route(_request: Request, _error: Exception) -> Response:
    """Unknown paths, unknown methods and IDs of the wrong length are all the same (05, 7.1)."""
    return empty(404)


async def _failed(_request: Request, error: Exception) -> Response:
    return failure(500, str(error))


async def _unwritten(_request: Request, error: Exception) -> Response:
    """A full or read-only disk, or a file that cannot be used, is no fault of ours.

    What was asked is not done.
    """
    if not isinstance(error, OSError) or error.filename is None:
        raise error
    return failure(507 if error.errno in NO_ROOM else 500, f"{error.filename}: {error.strerror}")


async def _broken(_request: Request, _error: Exception) -> Response:
    """A fault of ours: the log has it, the caller is told no more than that."""
    return failure(500, "internal error, see the log")


async def _refused(_request: Request, error: Exception) -> Response:
    return failure(400, str(error))
