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
from earthline.controller.store.changes import Change
from earthline.controller.store.places import open_store
from earthline.node import Node
from earthline.runtime.base.clock import now_ms, wall_ms
from earthline.runtime.base.files import PUBLIC
from earthline.runtime.base.jobs import Jobs
from earthline.runtime.base.logs import Sparing
from earthline.runtime.bridge.bridges import Bridges
from earthline.runtime.earth import EarthWatch
from earthline.runtime.home.home import Home
from earthline.runtime.home.state import StateFiles
from earthline.runtime.host.netlink import Netlink
from earthline.runtime.host.privileges import why_no_devices
from earthline.runtime.host.supervisor import Supervisor
from earthline.runtime.node.authority_thread import AuthorityThread
from earthline.runtime.node.core import Core
from earthline.runtime.node.events import Events
from earthline.runtime.node.happenings import Happenings
from earthline.runtime.node.pings import Pings
from earthline.runtime.node.proving import Proving
from earthline.runtime.planet.planet import Planets
from earthline.runtime.portmap.mapper import PortMapping
from earthline.runtime.settings.settings import SettingsFile, packet_threads
from earthline.runtime.settings_watch import SettingsWatch
from earthline.runtime.sockets.sockets import Ports
from earthline.runtime.surroundings import Surroundings
from earthline.runtime.taps.subscriptions import Subscriptions
from earthline.runtime.taps.taps import Taps
from earthline.runtime.tcp.relay import RelayRole, RelayState
from earthline.runtime.tcp.tunnel import Tunnel, TunnelState
from earthline.runtime.underlay import Underlay
from earthline.vl2.status import NetworkState
from earthline.wire.address import format_address, format_network
from earthline.wire.identity import SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.world import World

log = structlog.get_logger()

DAY_MS = 86_400_000
"""Milliseconds."""


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
        self.options = options
        self.started_at = now_ms()
        self.events = Events(wall_ms())
        self.stopping = asyncio.Event()
        self.broken = False
        self.collided = False
        self.supervisor = Supervisor()
        self.token = home.token("authtoken")
        self.metrics_token = home.token("metricstoken")
        self._ports = ports
        self._files = StateFiles(home.keeping)
        self._jobs = Jobs(self._break)
        self._exits = contextlib.AsyncExitStack()
        self._earth = EarthWatch(self)
        self._settings_watch = SettingsWatch(self)
        self._sparing = Sparing()

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
        await self._earth.consider()
        self._run_jobs()
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
        store = open_store(settings.controller_db_path or str(self.home.controller_folder))
        self._exits.callback(store.close)
        self.authority = Authority(
            self.identity,
            store,
            secrets.token_bytes,
            forget_ms=settings.controller_forget_days * DAY_MS,
        )
        self.controller = AuthorityThread(self.authority, self._obey, self._changed)
        self._exits.callback(self.controller.close)
        self._proving = Proving(self.identity, self._tell)
        self.pings = Pings(self._obey)
        self.happenings = Happenings(self.events, self.node)
        self.core = Core(
            self.node,
            self.switch,
            self.driver,
            self._commands(),
            self.happenings.observers(),
        )
        self.planets = Planets(
            self.home, self.identity.public, self.node, self.authority, self.controller.run
        )

    def _build_tcp(self) -> None:
        """What stands in for UDP: our tunnel, and the relay that we may be for others."""
        self.tcp_tunnel = Tunnel(
            self.driver,
            self.settings,
            self.node,
            uplinks=lambda to: self.underlay.uplinks(to),  # noqa: PLW0108 - it is made later
            report=self.core.receive,
        )
        self.tcp_relay_role = RelayRole(self.settings, self.home.path)
        self._exits.callback(self.tcp_relay_role.close)
        self.tcp_relay_role.check()

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
        now = wall_ms()
        if planet is not None:
            self.core.receive(effects.StateLoaded("planet", 0, planet))
        for kind in ("moon", "network"):
            for event in self._files.load(kind):
                self.core.receive(event)
        for event in self._files.load_peers(now):
            self.core.receive(event)

    def _run_jobs(self) -> None:
        jobs = {
            **Surroundings(self).jobs(),
            "sockets": self.underlay.rebind.run(),
            "portmap": self.underlay.mapper.run(),
            "subscriptions": self.subscriptions.watch.run(),
            "taps": self.taps.run(),
            "devices": self.taps.watch.run(),
            "bridges": self.bridges.run(),
            "earth": self._earth.watch.run(),
            "settings": self._settings_watch.watch.run(),
        }
        self._jobs.start(jobs)
        self._exits.push_async_callback(self._jobs.cancel)

    def _break(self) -> None:
        self.broken = True
        self.stopping.set()

    def _stop_core(self) -> None:
        """The node says goodbye: what it wants to remember is written."""
        self._proving.close()
        self.node.save()
        self.core.stop()
        log.info("stopped")

    # --- commands of the node ---------------------------------------------------------------------

    def _sockets_moved(self, event: effects.SocketsChanged | effects.SocketsOpened) -> None:
        if isinstance(event, effects.SocketsChanged):
            self.tcp_tunnel.moved(now_ms())
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
            self._earth.watch.wake()

    def _obey(self, *commands: effects.HostCommand) -> None:
        self.core.send(*commands)

    def _changed(self, change: Change) -> None:
        fields = {"network": format_network(change.network)}
        if change.member is not None:
            fields["member"] = format_address(change.member)
        if change.name:
            fields["name"] = change.name
        self.events.publish(change.what.value, **fields)

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
        if self.node.acting_as_upstream:
            return "earthline network create NAME makes a network"
        return "earthline join NETWORK joins a network"

    # --- what the API asks for --------------------------------------------------------------------

    @property
    def management_moved(self) -> asyncio.Event:
        """Set when others begin, or cease, to be allowed to manage this node."""
        return self._settings_watch.management_moved

    @property
    def management_networks(self) -> list[str]:
        """Where others than this machine may manage this node from."""
        return self.settings.parsed.settings.allow_management_from

    @property
    def planet(self) -> World | None:
        """The planet this node holds."""
        return self.node.planet

    def network(self, network: int) -> NetworkState | None:
        """What is known of a joined network."""
        return next((found for found in self.node.networks() if found.network == network), None)

    @property
    def joined(self) -> set[int]:
        """The networks this node has joined."""
        return {network.network for network in self.node.networks()}

    def change_settings(self, changes: dict[str, Any]) -> None:
        """Rewrite ``local.conf`` and take over what can be; ``OSError`` if it cannot be kept."""
        self._settings_watch.change(changes)

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
        if planet is not None and planet.earth == network and self._earth.wanted:
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
        counted.update(self.tcp_relay_role.counters())
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
        return self.tcp_tunnel.state

    @property
    def tcp_relay(self) -> RelayState:
        """The TCP relay that this node is for others."""
        return self.tcp_relay_role.state

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
