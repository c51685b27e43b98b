"""The service: one node, its controller, and the host around them, wired together on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import structlog

from earthline import effects
from earthline._native import Driver, Switch
from earthline.controller.authority import Authority
from earthline.controller.store.places import open_store
from earthline.node import Node
from earthline.runtime.authority_thread import AuthorityThread
from earthline.runtime.bridge.bridges import Bridges
from earthline.runtime.clock import now_ms
from earthline.runtime.core import Core
from earthline.runtime.default_routes import DefaultRoutes
from earthline.runtime.default_way import DefaultWay
from earthline.runtime.earth import earth_permissions, earth_to_join
from earthline.runtime.files import PUBLIC
from earthline.runtime.home import Home, StartFault
from earthline.runtime.logs import Sparing
from earthline.runtime.netlink import Netlink
from earthline.runtime.permissions import permissions_stored
from earthline.runtime.pings import Pings
from earthline.runtime.planet import Planets
from earthline.runtime.portmap.mapper import PortMapping
from earthline.runtime.privileges import why_no_devices
from earthline.runtime.proving import Proving
from earthline.runtime.relay import RelayRole, RelayState
from earthline.runtime.settings import SettingsFile, packet_threads, restart_needed
from earthline.runtime.sockets import Ports
from earthline.runtime.state import StateFiles
from earthline.runtime.subscriptions import Subscriptions
from earthline.runtime.supervisor import Supervisor
from earthline.runtime.taps import Taps
from earthline.runtime.tunnel import Tunnel, TunnelState
from earthline.runtime.underlay import Underlay
from earthline.runtime.watch import Watch
from earthline.vl2.status import NetworkState
from earthline.wire.identity import SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.world import World

log = structlog.get_logger()

SETTINGS_S = 10.0
"""`local.conf` is looked at this often (05, 3)."""
EARTH_S = 60.0
"""Whether to join Earth is looked at this often, should nothing else ask."""
WORKING_S = 0.5
"""Housekeeping of the service: small enough for the tunnel to be looked after."""
DAY_MS = 86_400_000
"""Milliseconds."""
ASLEEP_MS = 10_000
"""A pass so late means that the machine slept (05, 9)."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    join_earth: bool = True


class Service:
    """Everything behind the API. Use as an asynchronous context: inside, it runs."""

    def __init__(self, home: Home, settings: SettingsFile, ports: Ports, options: Options) -> None:
        """For a claimed home, read settings and free ports."""
        self.home = home
        self.settings = settings
        self._started_with = self._said = settings.parsed.settings
        self.options = options
        self.started_at = now_ms()
        self.stopping = asyncio.Event()
        self.management_moved = asyncio.Event()
        """Set when others begin, or cease, to be allowed to manage this node."""
        self.broken = False
        self.collided = False
        self.supervisor = Supervisor()
        self.token = home.token("authtoken")
        self.metrics_token = home.token("metricstoken")
        self._ports = ports
        self._files = StateFiles(home.keeping)
        self._tasks: list[asyncio.Task[None]] = []
        self._exits = contextlib.AsyncExitStack()
        self._earth = Watch("earth", EARTH_S, self._consider_earth)
        self._routes = DefaultRoutes(self._rerouted)
        self._considered_earth: int | None = None
        self._sparing = Sparing()
        self._passed_at = now_ms()

    # --- life -------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._exits.aclose()
            raise
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self._exits.aclose()

    async def _start(self) -> None:
        planet = self.home.load_planet()
        self.identity = await self._load_identity()
        self._build()
        self.netlink = await self._exits.enter_async_context(Netlink())
        self.taps = Taps(self.driver, self.netlink, self.home.keeping, self._tell)
        self._exits.callback(self.taps.close)
        self.subscriptions = Subscriptions(self.netlink, self.taps, self._tell)
        self.bridges = await self._exits.enter_async_context(
            Bridges(self.home.keeping, self.identity.address, self.taps, self.network)
        )
        self.underlay = Underlay(
            self.settings,
            self._ports,
            self.driver,
            self._sockets_moved,
            identity=self.identity,
            netlink=self.netlink,
            taps=self.taps,
        )
        self._build_tcp()
        self.underlay.apply_settings(self.node, self.switch)
        await self.underlay.refresh()
        self._load_state(planet)
        self.core.start()
        self._exits.callback(self._stop_core)
        await self._consider_earth()
        self._run_tasks()
        log.info("started", address=f"{self.identity.address:010x}", port=self._ports.primary)
        if (why := why_no_devices()) is not None:
            log.warning("no_devices", why=why)

    async def _load_identity(self) -> SecretIdentity:
        identity = self.home.load_identity()
        if identity is None:
            seed = secrets.token_bytes(32)
            threads = os.cpu_count() or 1
            identity = await asyncio.to_thread(SecretIdentity.generate, seed, threads)
            log.info("made_identity", file=str(self.home.secret_file))
        self.home.store_identity(identity)
        return identity

    def _build(self) -> None:
        """Node, switch, driver, controller: nothing moves yet."""
        settings = self.settings.parsed.settings
        threads = packet_threads(settings.threads, len(os.sched_getaffinity(0)))
        seed = secrets.token_bytes(32)
        self.switch = Switch(self.identity.address, seed, threads=threads)
        offload = settings.offload
        self.driver = Driver(
            self.switch,
            tso=offload.tso,
            uso=offload.uso,
            join=offload.join,
            gso=offload.gso,
            gro=offload.gro,
            moderation=offload.moderation,
            mark=settings.socket_mark,
        )
        self._exits.callback(self.driver.close)
        self.node = Node(self.identity, secrets.token_bytes, now_ms())
        self._default_way = DefaultWay(self.node.peers.topology)
        store = open_store(settings.controller_db_path or str(self.home.controller_folder))
        self._exits.callback(store.close)
        self.authority = Authority(
            self.identity,
            store,
            secrets.token_bytes,
            forget_ms=settings.controller_forget_days * DAY_MS,
        )
        self.controller = AuthorityThread(self.authority, self._obey)
        self._exits.callback(self.controller.close)
        self._proving = Proving(self.identity, self._tell)
        self.pings = Pings(self._obey)
        self.core = Core(self.node, self.switch, self.driver, self._commands())
        self.planets = Planets(
            self.home, self.identity.public, self.node, self.authority, self.controller.run
        )

    def _build_tcp(self) -> None:
        """What stands in for UDP: our tunnel, and the relay that we may be for others."""
        self._tunnel = Tunnel(
            self.driver,
            self.settings,
            self.node,
            uplinks=lambda to: self.underlay.uplinks(to),  # noqa: PLW0108 - it is made later
            report=self.core.receive,
        )
        self._relay = RelayRole(self.settings, self.home.path)
        self._exits.callback(self._relay.close)
        self._relay.check()

    def _commands(self) -> Mapping[type, Any]:
        """Who carries out the commands that are neither the switch's nor the driver's."""
        return {
            effects.ConfigureTap: self._configure_tap,
            effects.RemoveTap: self._remove_tap,
            effects.OpenSockets: self._open_sockets,
            effects.CloseSockets: self._close_sockets,
            effects.Store: self._store,
            effects.RequestConfig: self.controller.ask,
            effects.OpenHellos: self._proving.open_hellos,
            effects.ProveIdentity: self._proving.prove,
            effects.EchoAnswered: self.pings.answered,
            effects.Report: self._note,
        }

    def _load_state(self, planet: bytes | None) -> None:
        now = now_ms()
        if planet is not None:
            self.core.receive(effects.StateLoaded("planet", 0, planet))
        for kind in ("moon", "network"):
            for event in self._files.load(kind):
                self.core.receive(event)
        for event in self._files.load_peers(now):
            self.core.receive(event)

    def _run_tasks(self) -> None:
        jobs = {
            "netlink": self._watch_netlink(),
            "routes": self._routes.watch.run(),
            "sockets": self.underlay.rebind.run(),
            "portmap": self.underlay.mapper.run(),
            "subscriptions": self.subscriptions.watch.run(),
            "taps": self.taps.run(),
            "devices": self.taps.watch.run(),
            "bridges": self.bridges.run(),
            "earth": self._earth.run(),
            "settings": Watch("settings", SETTINGS_S, self._reread_settings).run(),
            "working": Watch("working", WORKING_S, self._work).run(),
        }
        if self.supervisor.watchdog_s is not None:
            rest = self.supervisor.watchdog_s / 3
            jobs["supervisor"] = Watch("supervisor", rest, self._tell_supervisor).run()
        self._tasks = [asyncio.create_task(job, name=name) for name, job in jobs.items()]
        for task in self._tasks:
            task.add_done_callback(self._task_ended)
        self._exits.push_async_callback(self._cancel_tasks)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """None of them ever ends by itself: what is left is no service, so let it be restarted."""
        if not task.cancelled():
            log.error("task_ended", task=task.get_name(), exc_info=task.exception())
            self.broken = True
            self.stopping.set()

    async def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _stop_core(self) -> None:
        """The node says goodbye: what it wants to remember is written."""
        self._proving.close()
        self.node.peers.save()
        self.core.stop()
        log.info("stopped")

    # --- commands of the node ---------------------------------------------------------------------

    def _sockets_moved(self, event: effects.SocketsChanged | effects.SocketsOpened) -> None:
        if isinstance(event, effects.SocketsChanged):
            self._tunnel.moved(now_ms())
        self.core.receive(event)

    def _tell(self, event: effects.Event) -> None:
        self.core.receive(event)

    def _configure_tap(self, command: effects.ConfigureTap) -> None:
        self.taps.configure(command)

    def _remove_tap(self, command: effects.RemoveTap) -> None:
        self.subscriptions.forget(command.network)
        self.taps.remove(command.network)
        self.bridges.wake()

    def _store(self, command: effects.Store) -> None:
        self._files.store(command)
        if command.kind == "planet":
            self._earth.wake()

    def _obey(self, *commands: effects.HostCommand) -> None:
        self.core.send(*commands)

    def _open_sockets(self, command: effects.OpenSockets) -> None:
        self.underlay.extra.open(command)

    def _close_sockets(self, command: effects.CloseSockets) -> None:
        self.underlay.extra.close(command)

    def _note(self, report: effects.Report) -> None:
        fields = self._sparing.line(report.event, dict(report.fields), now_ms())
        if fields is not None and report.event == "online":
            log.info("online", address=f"{self.identity.address:010x}", then=self._next_step())
        elif fields is not None:
            log.info(report.event, **fields)
        if report.event == "identity_collision" and not self.collided:
            self.home.retire_identity()
            self.collided = True
            self.stopping.set()

    def _next_step(self) -> str:
        """What the user of a node that is online has to do, or to look at."""
        if self.joined:
            return "earthline networks shows its networks, earthline peers who is reached how"
        if self.node.peers.acting_as_upstream:
            return "earthline network create NAME makes a network"
        return "earthline join NETWORK joins a network"

    async def _tell_supervisor(self) -> None:
        state = "online" if self.node.online else "offline"
        peers = len(self.node.peer_states(now_ms()))
        self.supervisor.alive(f"{state}, {len(self.joined)} networks, {peers} peers")

    # --- the host around it -----------------------------------------------------------------------

    async def _watch_netlink(self) -> None:
        async for change in self.netlink.changes():
            ours = change.interface in self.taps.by_index
            if change.default_route is not None:
                if not ours:
                    self._routes.note(change)
                continue
            if change.interface == 0:
                self._routes.forget()
                self.taps.check()
            self.taps.changed(change.interface)
            if not ours:
                self.underlay.rebind.wake()
            if ours or change.interface == 0:
                self.subscriptions.changed()

    def _rerouted(self) -> None:
        self.core.receive(effects.DefaultRouteChanged())

    async def _work(self) -> None:
        """Twice a second: online state, and whether we slept."""
        now = now_ms()
        if now - self._passed_at > ASLEEP_MS:
            self.underlay.rebind.wake()
            self._tunnel.moved(now)
        self._passed_at = now
        online = self.node.online
        self.taps.set_online(self._default_way.leads(now, online=online))
        self.underlay.set_online(online, now)
        self._tunnel.check(now)

    async def _reread_settings(self) -> None:
        """Take over a changed ``local.conf``; an unusable one changes nothing while we run."""
        self.home.keeping.again()
        self.taps.check()
        self._relay.check()
        try:
            if not self.settings.reload_if_changed():
                return
        except StartFault as fault:
            log.warning("settings_ignored", fault=str(fault))
            return
        self._take_over_settings()

    def _take_over_settings(self) -> None:
        said = self.settings.parsed.settings
        keys = restart_needed(self._started_with, said)
        if keys and restart_needed(self._said, said):
            log.warning("settings_wait_for_restart", settings=keys)
        if bool(self._said.allow_management_from) != bool(said.allow_management_from):
            self.management_moved.set()
        self._said = said
        self._relay.check()
        self.underlay.apply_settings(self.node, self.switch)

    # --- Earth ------------------------------------------------------------------------------------

    @property
    def earth_wanted(self) -> bool:
        """Whether neither the command line nor the settings say no."""
        return self.options.join_earth and self.settings.parsed.settings.join_earth

    async def _consider_earth(self) -> None:
        planet = self.planet
        earth = earth_to_join(planet, self.joined, self._considered_earth, wanted=self.earth_wanted)
        if planet is not None:
            self._considered_earth = planet.earth
        if earth is not None:
            log.info("joining_earth", network=f"{earth:016x}")
            if not permissions_stored(self.home.path, earth):
                ranges = await self._own_ranges(earth)
                self.taps.permit(earth, earth_permissions(earth, ranges))
            self.core.send(effects.Join(earth))

    async def _own_ranges(self, network: int) -> list[InetAddress]:
        """The routes of a network that this node controls; none of others'."""
        held = await self.controller.run(self.authority.get_network, network) or {}
        return [InetAddress.parse(route["target"]) for route in held.get("routes", ())]

    # --- what the API asks for --------------------------------------------------------------------

    @property
    def management_networks(self) -> list[str]:
        """Where others than this machine may manage this node from."""
        return self.settings.parsed.settings.allow_management_from

    @property
    def planet(self) -> World | None:
        """The planet this node holds."""
        return self.node.peers.worlds.planet

    def network(self, network: int) -> NetworkState | None:
        """What is known of a joined network."""
        return next((found for found in self.node.networks() if found.network == network), None)

    @property
    def joined(self) -> set[int]:
        """The networks this node has joined."""
        return {network.network for network in self.node.networks()}

    def change_settings(self, changes: dict[str, Any]) -> None:
        """Rewrite ``local.conf`` and take over what can be; ``OSError`` if it cannot be kept."""
        self.settings.change(changes, self.home.keeping.write_now)
        self._take_over_settings()

    def join(self, network: int, changes: Mapping[str, object]) -> None:
        """Join if need be, and take over local permissions (05, 7.7)."""
        if network not in self.joined:
            self.core.send(effects.Join(network))
        permissions = self.taps.permissions(network)
        self.taps.permit(network, permissions.changed(dict(changes)))

    def leave(self, network: int) -> bool:
        """Leave; False if it was not joined. Leaving Earth is remembered as a wish."""
        if network not in self.joined:
            return False
        planet = self.planet
        if planet is not None and planet.earth == network and self.earth_wanted:
            self.settings.change({"joinEarth": False}, self.home.keeping.write)
        self.core.send(effects.Leave(network))
        return True

    def counters(self) -> Counter[str]:
        """Everything that is counted, by name; ``punts`` is there from the start."""
        counted = Counter({"punts": 0})
        for source in (self.switch.counters(), self.driver.counters(), self.node.counters):
            counted.update(source)
        counted.update(self.controller.counters)
        counted.update(self.core.counters)
        counted.update(self._relay.counters())
        return counted

    @property
    def ports(self) -> Ports:
        return self.underlay.sockets.ports

    @property
    def port_mapping(self) -> PortMapping:
        """What gateways map to us, and what became of asking them."""
        return self.underlay.mapper.state

    @property
    def tunnel(self) -> TunnelState:
        """The TCP tunnel that stands in for UDP."""
        return self._tunnel.state

    @property
    def tcp_relay(self) -> RelayState:
        """The TCP relay that this node is for others."""
        return self._relay.state

    @property
    def listening_on(self) -> list[InetAddress]:
        """Bound UDP sockets."""
        return self.underlay.sockets.bound

    def write_port_file(self) -> None:
        """From now on the API answers."""
        log.info("answering", home=str(self.home.path))
        if self.planet is None:
            log.info("no_planet")
        self.home.keeping.write(self.home.port_file, str(self._ports.primary).encode(), PUBLIC)
