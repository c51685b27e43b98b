"""The host around the service as it changes: links, routes, sleep, and who supervises it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from earthline import effects
from earthline.runtime.base.clock import now_ms
from earthline.runtime.base.watch import Watch
from earthline.runtime.host.default_routes import DefaultRoutes
from earthline.runtime.host.default_way import DefaultWay

if TYPE_CHECKING:
    from earthline.runtime.service import Service

WORKING_S = 0.5
"""Housekeeping of the service: small enough for the tunnel to be looked after."""
ASLEEP_MS = 10_000
"""A pass so late means that the machine slept (05, 9)."""


class Surroundings:
    """Tells node, taps and sockets of a service what became of the host."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._routes = DefaultRoutes(self._rerouted)
        self._default_way = DefaultWay(service.node.peers.topology)
        self._passed_at = now_ms()

    def jobs(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What is to run, by name."""
        jobs = {
            "netlink": self._watch_netlink(),
            "routes": self._routes.watch.run(),
            "working": Watch("working", WORKING_S, self._work).run(),
        }
        watchdog_s = self._service.supervisor.watchdog_s
        if watchdog_s is not None:
            jobs["supervisor"] = Watch("supervisor", watchdog_s / 3, self._tell_supervisor).run()
        return jobs

    async def _watch_netlink(self) -> None:
        service = self._service
        async for change in service.netlink.changes():
            ours = change.interface in service.taps.by_index
            if change.default_route is not None:
                if not ours:
                    self._routes.note(change)
                continue
            if change.interface == 0:
                self._routes.forget()
                service.taps.check()
            service.taps.changed(change.interface)
            if not ours:
                service.underlay.rebind.wake()
            if ours or change.interface == 0:
                service.subscriptions.changed()

    def _rerouted(self) -> None:
        # Its sockets may lead further now, or less far.
        self._service.underlay.rebind.wake()
        self._service.core.receive(effects.DefaultRouteChanged())

    async def _work(self) -> None:
        """Twice a second: online state, whether we slept, and what changed by itself."""
        service, now = self._service, now_ms()
        if now - self._passed_at > ASLEEP_MS:
            service.underlay.rebind.wake()
            service.tcp_tunnel.moved(now)
        self._passed_at = now
        online = service.node.online
        service.taps.set_online(self._default_way.leads(now, online=online))
        service.underlay.set_online(online, now)
        service.tcp_tunnel.check(now)
        service.happenings.look(now)

    async def _tell_supervisor(self) -> None:
        service = self._service
        state = "online" if service.node.online else "offline"
        peers = len(service.node.peer_states(now_ms()))
        service.supervisor.alive(f"{state}, {len(service.joined)} networks, {peers} peers")
