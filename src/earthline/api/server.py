"""uvicorn in the service's own loop, on sockets that were bound before the node started."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from earthline.api.app import create_app
from earthline.api.http.connections import Connections
from earthline.api.http.protocol import BoundedHttp, Patience
from earthline.api.stock.metrics import Metrics
from earthline.api.stock.metrics_file import metrics_kept
from earthline.runtime.home.home import StartFault
from earthline.runtime.host.tcp_table import callers
from earthline.runtime.service import Service
from earthline.runtime.settings.settings import Settings

log = structlog.get_logger()

BACKLOG = 128
ANNOUNCED_S = 5
"""For how long clients may use a connection again after an answer (05, 7.1)."""
KEPT_S = 7
"""A client that asks every five seconds must not meet our end of the connection half way."""
STOP_S = 1


def bind_api(settings: Settings, port: int) -> list[socket.socket]:
    """Listeners for the API: loopback only, unless the settings let others manage this node."""
    outside = bool(settings.settings.allow_management_from)
    places = {
        socket.AF_INET: "0.0.0.0" if outside else "127.0.0.1",
        socket.AF_INET6: "::" if outside else "::1",
    }
    bound = []
    for family, host in places.items():
        with contextlib.suppress(OSError):
            bound.append(_listen(family, host, port))
    if not bound:
        raise StartFault(f"cannot bind to local control interface port {port}")
    return bound


def _listen(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """Signals are the service's business, and there is no clock to keep ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Have `serve` return."""
        self.should_exit = True
        self._ending.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # What uvicorn sends with each answer it puts together by its clock.
        self.server_state.default_headers = list(self.config.encoded_headers)
        await super().startup(sockets)

    async def main_loop(self) -> None:
        await self._ending.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_api(service: Service, listeners: list[socket.socket]) -> None:
    """Answer requests until the service is told to stop.

    The listeners are exchanged for others when the settings begin, or cease, to let others manage
    this node; the list always holds those in use.
    """
    metrics = Metrics(service)
    app = create_app(service, metrics)
    connections = Connections(partial(callers, service.ports.primary))
    protocol = partial(BoundedHttp, connections, Patience())
    stopping = asyncio.create_task(service.stopping.wait())
    service.write_port_file()
    service.supervisor.ready()
    async with metrics_kept(metrics):
        while await _serve_until(service, app, protocol, listeners, stopping):
            listeners[:] = _listen_again(service)
    log.info("stopping")
    service.supervisor.stopping()
    stopping.cancel()


async def _serve_until(
    service: Service,
    app: ASGIApp,
    protocol: Any,
    listeners: list[socket.socket],
    stopping: asyncio.Task[Any],
) -> bool:
    """Serve until it is to end; whether only to go on with other listeners."""
    moved = service.management_moved
    moved.clear()
    server = _Server(_config(app, protocol))
    serving = asyncio.create_task(server.serve(listeners), name="api")
    moving = asyncio.create_task(moved.wait())
    done, _ = await asyncio.wait({serving, stopping, moving}, return_when=asyncio.FIRST_COMPLETED)
    service.events.end_all("the service stops listening here")
    server.end()
    moving.cancel()
    await serving
    return done == {moving}


def _listen_again(service: Service) -> list[socket.socket]:
    """Where the settings of now want the API; on loopback alone if that cannot be had."""
    port = service.ports.primary
    try:
        return bind_api(service.settings.parsed, port)
    except StartFault as fault:
        log.warning("api_on_loopback_only", fault=str(fault))
        return bind_api(Settings(), port)


def _config(app: ASGIApp, protocol: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        log_level="error",  # what a stranger sends is no news
        backlog=BACKLOG,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        headers=[("Keep-Alive", f"timeout={ANNOUNCED_S}, max=5")],
        timeout_keep_alive=KEPT_S,
        timeout_graceful_shutdown=STOP_S,
    )
