"""The devices of networks: made, configured as the controller says and the user allows, and unmade.

Making a device is immediate, since frames may follow; all else goes through netlink, and is brought
to what is wanted by one task, network after network. Others have their hands on the devices,
too: network managers flush addresses, people rename interfaces. So what a device has is never taken
from memory. It is followed by its index, and looked at again when the kernel tells of a change.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from earthline.effects import ConfigureTap, PortFailed
from earthline.runtime.base.keeping import Keeping
from earthline.runtime.base.watch import Watch
from earthline.runtime.host.names import LinkNames, NamesRefused, clear_names, set_names
from earthline.runtime.host.netlink import Interface, KernelRoute, Link
from earthline.runtime.host.reverse_path import ReversePath
from earthline.runtime.settings.permissions import Permissions, load_permissions, store_permissions
from earthline.runtime.taps.devices import choose_device, device_map, wish_fault
from earthline.runtime.taps.routes import HALVES, allowed_addresses, kernel_routes
from earthline.wire.inet import InetAddress

log = structlog.get_logger()

NEWS_S = 60.0
"""News wake us; without any there is nothing to do."""
PAUSE_S = 1.0
"""Somebody who takes away what we give, again and again, gets it back no faster than this."""


class TapDriver(Protocol):
    """The part of the native driver that taps need."""

    def add_tap(self, network: int, name: str, mac: int, mtu: int) -> str: ...
    def remove_tap(self, network: int) -> None: ...


class AddressBook(Protocol):
    """The part of `Netlink` that taps need."""

    async def link(self, index: int) -> Link | None: ...
    async def set_link(self, index: int, mtu: int) -> None: ...
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
    """As it was last seen."""
    index: int = 0
    """0: there is no device."""
    mtu: int = 0
    """What we last gave it, bytes."""
    error: str = ""
    wish_error: str = ""
    """Why it is not called as the user wishes."""
    default_error: str = ""
    """Why the default route over IPv4 is not installed, though the user allows it."""
    filter_error: str = ""
    """The same, where a reverse path filter is in the way that may not be changed."""
    addresses: set[InetAddress] = field(default_factory=set)
    """What we gave it, and take away again; whether it is still there is for the kernel to say."""
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
    """All devices of the service, by network ID."""

    def __init__(
        self,
        driver: TapDriver,
        netlink: AddressBook,
        keeping: Keeping,
        report: Callable[[PortFailed], None],
    ) -> None:
        """``report`` takes a device's failure, or its end."""
        self._driver = driver
        self._netlink = netlink
        self._keeping = keeping
        self._home = keeping.home
        self._report = report
        self._taps: dict[int, Tap] = {}
        self._dirty: asyncio.Queue[int] = asyncio.Queue()
        self._touched: set[int] = set()
        self.watch = Watch("devices", NEWS_S, self._look_again)
        self._one_at_a_time = asyncio.Lock()
        self._online = False
        self.reverse_path = ReversePath()
        self._leading: set[int] = set()
        """The networks that the default route over IPv4 leads to."""

    def tap(self, network: int) -> Tap | None:
        """The tap of a network, if it has one."""
        return self._taps.get(network)

    @property
    def by_index(self) -> dict[int, int]:
        """Network ID by the kernel's number of its interface, which no renaming changes."""
        return {tap.index: network for network, tap in self._taps.items() if tap.index}

    def names_among(self, interfaces: list[Interface]) -> frozenset[str]:
        """What our interfaces are called now."""
        indexes = self.by_index
        return frozenset(i.name for i in interfaces if i.index in indexes)

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
        """Make the device if there is none, and queue all that it is to have."""
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

    def changed(self, index: int) -> None:
        """The kernel told of an interface: if it is one of ours, look at it again soon."""
        touched = {n for n, tap in self._taps.items() if index in {tap.index, tap.station}}
        if touched:
            self._touched |= touched
            self.watch.wake()

    async def _look_again(self) -> None:
        touched, self._touched = self._touched, set()
        for network in touched:
            self._dirty.put_nowait(network)
        await asyncio.sleep(PAUSE_S)

    def remove(self, network: int) -> None:
        """Unmake a device; its addresses and routes go with it."""
        if (tap := self._taps.pop(network, None)) is not None and tap.name:
            self._driver.remove_tap(network)
            self._leading.discard(network)
            self._close_way()

    def set_online(self, online: bool) -> None:
        """Default routes are only worth having while the node is online."""
        if online is not self._online:
            self._online = online
            self.check()

    def check(self) -> None:
        """Queue every network: what was taken away without news, as routes are, comes back."""
        for network in self._taps:
            self._dirty.put_nowait(network)

    async def run(self) -> None:
        """Bring addresses and routes to what is wanted, for ever."""
        while True:
            network = await self._dirty.get()
            if (tap := self._taps.get(network)) is None:
                continue
            try:
                async with self._one_at_a_time:
                    await self._apply(tap)
            except OSError as error:
                self._failed(network, tap, error)
            else:
                self._works(network, tap)

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
        if tap.index:
            return
        command = tap.wanted
        taken = {name for _, name in socket.if_nameindex()}
        wished = device_map(self._home).get(command.network)
        name = choose_device(command.network, taken, wished)
        tap.name = self._driver.add_tap(command.network, name, command.mac, command.mtu)
        tap.mtu = command.mtu
        tap.wish_error = _wish_error(wished, taken, tap.name)
        try:
            tap.index = socket.if_nametoindex(tap.name)
        except OSError:
            # Somebody was quick to rename or delete it: the next pass makes another one.
            self._driver.remove_tap(command.network)
            raise

    async def _apply(self, tap: Tap) -> None:
        await self._apply_link(tap)
        if tap.index:
            self._clear_way(tap)
            await self._remove_routes(tap)
            self._close_way()
            await self._apply_addresses(tap)
            await self._apply_routes(tap)
            await self._apply_names(tap)

    async def _apply_link(self, tap: Tap) -> None:
        """A device that is there, up, and of the right MTU, whatever it is called by now."""
        network = tap.wanted.network
        link = await self._netlink.link(tap.index) if tap.index else None
        if self._taps.get(network) is not tap:
            return  # the network was left meanwhile, and the device with it
        if link is None:
            self._remake(network, tap)
            return
        if link.name != tap.name:
            log.info("device_renamed", device=tap.name, name=link.name)
            tap.name, tap.names = link.name, None
        mtu = _mtu(tap, link)
        if not link.up or link.mtu != mtu:
            await self._netlink.set_link(tap.index, mtu)
        if mtu == tap.wanted.mtu:
            tap.mtu = mtu

    def _remake(self, network: int, tap: Tap) -> None:
        """The device was deleted, if there ever was one."""
        if tap.index:
            log.warning("device_lost", device=tap.name)
            self._driver.remove_tap(network)
            tap.name, tap.index, tap.names = "", 0, None
        self._make(tap)

    async def _strip(self, tap: Tap) -> None:
        for route in tap.routes:
            await self._netlink.remove_route(tap.station, route)
        for address in sorted(tap.addresses):
            await self._netlink.remove_address(tap.station, address)
        tap.routes.clear()
        tap.addresses.clear()

    async def _apply_addresses(self, tap: Tap) -> None:
        """Remove what is no longer wanted, and offer all that is: others may have gone with it."""
        wanted = allowed_addresses(tap.wanted, tap.permissions)
        for address in sorted(tap.addresses.difference(wanted)):
            await self._netlink.remove_address(tap.station, address)
            tap.addresses.discard(address)
        if tap.note is not None:
            tap.note(wanted)
        for address in wanted:
            await self._netlink.add_address(tap.station, address)
            tap.addresses.add(address)

    async def _remove_routes(self, tap: Tap) -> None:
        """Those no longer wanted, the widest first: it is the one whose traffic is missed most."""
        gone = tap.routes.difference(self._wanted_routes(tap))
        for route in sorted(gone, key=lambda route: (route.target.port, route.target)):
            await self._netlink.remove_route(tap.station, route)
            tap.routes.discard(route)

    def _wanted_routes(self, tap: Tap) -> list[KernelRoute]:
        routes = kernel_routes(tap.wanted, tap.permissions, online=self._online)
        return [r for r in routes if not (tap.default_error and r.target in HALVES[4])]

    def _clear_way(self, tap: Tap) -> None:
        """Before a default route leads over it, what comes by the cables must be let in."""
        tap.default_error = "" if self._online else "nobody answers this node just now"
        leads = any(route.target in HALVES[4] for route in self._wanted_routes(tap))
        tap.filter_error = self.reverse_path.loosen() if leads else ""
        tap.default_error = tap.default_error or tap.filter_error
        if leads and not tap.default_error:
            self._leading.add(tap.wanted.network)
        else:
            self._leading.discard(tap.wanted.network)

    def _close_way(self) -> None:
        """When no default route leads over any, all is as it was."""
        if not self._leading:
            self.reverse_path.restore()

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


def _wish_error(wished: str | None, taken: Container[str], name: str) -> str:
    if wished is None or wished == name:
        return ""
    return f"it is called {name}, not {wished!r} as devicemap says: {wish_fault(wished, taken)}"


def _mtu(tap: Tap, link: Link) -> int:
    """What a device should have: as the network, or less if somebody set less by hand."""
    by_hand = link.mtu != tap.mtu and link.mtu < tap.wanted.mtu
    return link.mtu if by_hand else tap.wanted.mtu


def _names(tap: Tap) -> LinkNames | None:
    """What the resolver is to know. A port of a bridge has no IP, so no name is asked over it."""
    offered = tap.wanted.dns_domain and tap.wanted.dns_servers
    if not offered or not tap.permissions.dns or tap.bridge:
        return None
    return LinkNames(tap.wanted.dns_domain, tap.wanted.dns_servers)
