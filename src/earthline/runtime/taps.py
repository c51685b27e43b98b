"""Virtual interfaces: made, configured as the controller says and the user allows, and unmade.

Making a device is immediate, since frames may follow; addresses and routes go through netlink, and
are brought to what is wanted by one task, network after network.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from earthline.effects import ConfigureTap, PortFailed
from earthline.runtime.devices import choose_device, device_map
from earthline.runtime.keeping import Keeping
from earthline.runtime.names import LinkNames, NamesRefused, clear_names, set_names
from earthline.runtime.netlink import Interface, KernelRoute
from earthline.runtime.permissions import Permissions, load_permissions, store_permissions
from earthline.runtime.routes import allowed_addresses, kernel_routes
from earthline.wire.inet import InetAddress

log = structlog.get_logger()


class TapDriver(Protocol):
    """The part of the native driver that taps need."""

    def add_tap(self, network: int, name: str, mac: int, mtu: int) -> str: ...
    def remove_tap(self, network: int) -> None: ...
    def set_tap_mtu(self, network: int, mtu: int) -> None: ...


class AddressBook(Protocol):
    """The part of `Netlink` that taps need."""

    async def add_address(self, index: int, address: InetAddress) -> None: ...
    async def remove_address(self, index: int, address: InetAddress) -> None: ...
    async def add_route(self, index: int, route: KernelRoute) -> None: ...
    async def remove_route(self, index: int, route: KernelRoute) -> None: ...


@dataclass(slots=True)
class Tap:
    """The device of one network, what it should have, and what we gave it."""

    wanted: ConfigureTap
    permissions: Permissions
    name: str = ""
    mtu: int = 0
    index: int = 0
    error: str = ""
    addresses: set[InetAddress] = field(default_factory=set)
    routes: set[KernelRoute] = field(default_factory=set)
    names: LinkNames | None = None
    names_error: str = ""
    bridge: int = 0
    """The bridge it is a port of, by index: that has its addresses then."""
    note: Callable[[list[InetAddress]], None] | None = None
    """Told of the addresses that the bridge is about to have."""

    @property
    def station(self) -> int:
        """The index of the interface that has the network's addresses and routes."""
        return self.bridge or self.index


class Taps:
    """All virtual interfaces of the service, by network ID."""

    def __init__(
        self,
        driver: TapDriver,
        netlink: AddressBook,
        keeping: Keeping,
        report: Callable[[PortFailed], None],
        applied: Callable[[], None],
    ) -> None:
        """``report`` takes a device's failure, or its end; ``applied`` runs after each change."""
        self._driver = driver
        self._netlink = netlink
        self._keeping = keeping
        self._home = keeping.home
        self._report = report
        self._applied = applied
        self._taps: dict[int, Tap] = {}
        self._dirty: asyncio.Queue[int] = asyncio.Queue()
        self._one_at_a_time = asyncio.Lock()
        self._online = False

    def tap(self, network: int) -> Tap | None:
        """The tap of a network, if it has one."""
        return self._taps.get(network)

    @property
    def by_device(self) -> dict[str, int]:
        """Network ID by the name of its interface."""
        return {tap.name: network for network, tap in self._taps.items() if tap.name}

    @property
    def indexes(self) -> frozenset[int]:
        """The kernel's numbers of our interfaces."""
        return frozenset(tap.index for tap in self._taps.values() if tap.index)

    def permissions(self, network: int) -> Permissions:
        """What the user allows a network, joined or not."""
        tap = self._taps.get(network)
        return load_permissions(self._home, network) if tap is None else tap.permissions

    def permit(self, network: int, permissions: Permissions) -> None:
        """Store the user's wish and apply it."""
        store_permissions(self._keeping, network, permissions)
        if (tap := self._taps.get(network)) is not None:
            tap.permissions = permissions
            self._dirty.put_nowait(network)

    def configure(self, command: ConfigureTap) -> None:
        """Make the device if there is none, set its MTU, and queue its addresses and routes."""
        network = command.network
        tap = self._taps.get(network)
        if tap is None:
            tap = self._taps[network] = Tap(command, load_permissions(self._home, network))
        tap.wanted = command
        try:
            self._make(tap)
        except OSError as error:
            self._failed(network, tap, error)
        else:
            self._dirty.put_nowait(network)

    def remove(self, network: int) -> None:
        """Unmake a device; its addresses and routes go with it."""
        if (tap := self._taps.pop(network, None)) is not None and tap.name:
            self._driver.remove_tap(network)

    def set_online(self, online: bool) -> None:
        """Default routes are only worth having while the node is online."""
        if online is not self._online:
            self._online = online
            self.check()

    def check(self) -> None:
        """Queue every network: what somebody took away by hand comes back."""
        for network in self._taps:
            self._dirty.put_nowait(network)

    async def run(self) -> None:
        """Bring addresses and routes to what is wanted, for ever."""
        while True:
            network = await self._dirty.get()
            if (tap := self._taps.get(network)) is None:
                continue
            try:
                self._make(tap)
                async with self._one_at_a_time:
                    await self._apply(tap)
            except OSError as error:
                self._failed(network, tap, error)
            else:
                self._works(network, tap)
            self._applied()

    async def move(
        self, network: int, bridge: int, note: Callable[[list[InetAddress]], None] | None
    ) -> None:
        """Have addresses and routes on a bridge from now on, or (0) on the device. ``OSError``."""
        if (tap := self._taps.get(network)) is None:
            return
        async with self._one_at_a_time:
            await self._strip(tap)
            tap.bridge, tap.note = bridge, note
            if bridge:
                await self._apply(tap)
        self._dirty.put_nowait(network)

    def without_managed(self, interfaces: list[Interface]) -> list[Interface]:
        """The interfaces without what we put on them: binding to that would tunnel the tunnel."""
        ours = {(tap.station, address) for tap in self._taps.values() for address in tap.addresses}
        return [
            replace(i, addresses=tuple(a for a in i.addresses if (i.index, a) not in ours))
            for i in interfaces
        ]

    # --- one device -------------------------------------------------------------------------------

    def _make(self, tap: Tap) -> None:
        command = tap.wanted
        if not tap.name:
            taken = {name for _, name in socket.if_nameindex()}
            wished = device_map(self._home).get(command.network)
            name = choose_device(command.network, taken, wished)
            tap.name = self._driver.add_tap(command.network, name, command.mac, command.mtu)
            tap.index = socket.if_nametoindex(tap.name)
        elif tap.mtu != command.mtu:
            self._driver.set_tap_mtu(command.network, command.mtu)
        tap.mtu = command.mtu

    async def _apply(self, tap: Tap) -> None:
        await self._remove_routes(tap)
        await self._apply_addresses(tap)
        await self._apply_routes(tap)
        await self._apply_names(tap)

    async def _strip(self, tap: Tap) -> None:
        for route in tap.routes:
            await self._netlink.remove_route(tap.station, route)
        for address in sorted(tap.addresses):
            await self._netlink.remove_address(tap.station, address)
        tap.routes.clear()
        tap.addresses.clear()

    async def _apply_addresses(self, tap: Tap) -> None:
        wanted = allowed_addresses(tap.wanted, tap.permissions)
        gone = tap.addresses.difference(wanted)
        for address in sorted(gone):
            await self._netlink.remove_address(tap.station, address)
        if gone:
            # Other addresses of a subnet may have gone with its first: all are offered again.
            tap.addresses.clear()
        if tap.note is not None:
            tap.note(wanted)
        for address in wanted:
            if address not in tap.addresses:
                await self._netlink.add_address(tap.station, address)
                tap.addresses.add(address)

    async def _remove_routes(self, tap: Tap) -> None:
        """Those no longer wanted, the widest first: it is the one whose traffic is missed most."""
        gone = tap.routes.difference(self._wanted_routes(tap))
        for route in sorted(gone, key=lambda route: (route.target.port, route.target)):
            await self._netlink.remove_route(tap.station, route)
            tap.routes.discard(route)

    def _wanted_routes(self, tap: Tap) -> list[KernelRoute]:
        return kernel_routes(tap.wanted, tap.permissions, online=self._online)

    async def _apply_routes(self, tap: Tap) -> None:
        """Offer all that are wanted, which is harmless where one stands."""
        for route in self._wanted_routes(tap):
            try:
                await self._netlink.add_route(tap.station, route)
            except OSError as error:
                log.warning(
                    "route_not_set", route=str(route.target), device=tap.name, error=str(error)
                )
            else:
                tap.routes.add(route)

    async def _apply_names(self, tap: Tap) -> None:
        wanted = _names(tap)
        if wanted == tap.names:
            tap.names_error = tap.names_error if wanted else ""
            return
        try:
            await (clear_names(tap.name) if wanted is None else set_names(tap.name, wanted))
        except NamesRefused as refusal:
            tap.names = None
            if tap.names_error != str(refusal):
                tap.names_error = str(refusal)
                log.warning("names_not_set", device=tap.name, reason=tap.names_error)
        else:
            tap.names, tap.names_error = wanted, ""

    def _failed(self, network: int, tap: Tap, error: OSError) -> None:
        text = error.strerror or str(error)
        if text != tap.error:
            log.error("tap_failed", network=f"{network:016x}", device=tap.name, error=text)
            tap.error = text
            self._report(PortFailed(network, text))

    def _works(self, network: int, tap: Tap) -> None:
        if tap.error:
            tap.error = ""
            self._report(PortFailed(network, ""))

    def close(self) -> None:
        """Unmake all devices."""
        for network in list(self._taps):
            with contextlib.suppress(OSError):
                self.remove(network)


def _names(tap: Tap) -> LinkNames | None:
    """What the resolver is to know. A port of a bridge has no IP, so no name is asked over it."""
    offered = tap.wanted.dns_domain and tap.wanted.dns_servers
    if not offered or not tap.permissions.dns or tap.bridge:
        return None
    return LinkNames(tap.wanted.dns_domain, tap.wanted.dns_servers)
