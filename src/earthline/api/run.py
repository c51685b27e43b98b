"""The whole service in one call: the loop, the node, the API, and the signals that end it."""

from __future__ import annotations

import asyncio
import signal
import socket

import structlog

from earthline.api.server import bind_api, serve_api
from earthline.controller.store import StoreFault
from earthline.runtime.home.home import Home, StartFault
from earthline.runtime.service import Options, Service
from earthline.runtime.settings.settings import SettingsFile
from earthline.runtime.sockets.sockets import choose_ports

log = structlog.get_logger()

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
IGNORED_SIGNALS = (signal.SIGHUP, signal.SIGPIPE, signal.SIGIO, signal.SIGUSR1, signal.SIGUSR2)


def run(home: Home, port: int, *, join_earth: bool) -> None:
    """Run on a claimed home until a signal ends it. `StartFault` if it cannot start."""
    while _run_once(home, port, join_earth=join_earth):
        log.warning("restarting", why="another node has our address: a new identity is made")


def _run_once(home: Home, port: int, *, join_earth: bool) -> bool:
    """Until it is told to stop; True if it is to start again, with another identity."""
    settings = SettingsFile(home.settings_file)
    settings.load()
    home.load_planet()
    home.refuse_old_controller()
    home.fix_modes()
    settings.protect()
    ports = choose_ports(settings.parsed, port)
    listeners = bind_api(settings.parsed, ports.primary)
    try:
        home.write_pid()
        service = Service(home, settings, ports, Options(join_earth=join_earth))
        asyncio.run(_serve(service, listeners))
    except StoreFault as fault:
        raise StartFault(str(fault)) from None
    finally:
        for listener in listeners:
            listener.close()
    return service.collided


async def _serve(service: Service, listeners: list[socket.socket]) -> None:
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, service.stopping.set)
    for number in IGNORED_SIGNALS:
        loop.add_signal_handler(number, lambda: None)
    async with service:
        await serve_api(service, listeners)
    if service.broken:
        raise StartFault(f"{service.home.path}: the service broke down, its log says why")
