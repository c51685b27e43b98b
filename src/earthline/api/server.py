"""uvicorn in the service's own loop, on sockets that were bound before the node started."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import structlog
import uvicorn

from earthline.api.app import create_app
from earthline.runtime.home import StartFault
from earthline.runtime.service import Service
from earthline.runtime.settings import Settings

log = structlog.get_logger()

BACKLOG = 128
KEEP_ALIVE_S = 5
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
    """Signals are the service's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_api(service: Service, listeners: list[socket.socket]) -> None:
    """Answer requests until the service is told to stop."""
    config = uvicorn.Config(
        create_app(service),
        http="httptools",
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        headers=[("Keep-Alive", "timeout=5, max=5")],
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(listeners), name="api")
    stopping = asyncio.create_task(service.stopping.wait())
    service.write_port_file()
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    log.info("stopping")
    server.should_exit = True
    stopping.cancel()
    await serving
