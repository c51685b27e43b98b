"""The UDP sockets: which addresses and ports they are bound to, kept up with the host (02, 7.8)."""

from __future__ import annotations

import itertools
import secrets
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from earthline.effects import SocketsChanged
from earthline.runtime.home.home import StartFault
from earthline.runtime.host.netlink import Interface
from earthline.runtime.settings.settings import Settings
from earthline.runtime.sockets.port_holder import wait_for_port
from earthline.runtime.sockets.ways import Source, Ways
from earthline.wire.inet import InetAddress, Scope

log = structlog.get_logger()

VIRTUAL_PREFIXES = ("lo", "zt", "tun", "tap")
BINDABLE = frozenset({Scope.PRIVATE, Scope.SHARED, Scope.PSEUDO_PRIVATE, Scope.GLOBAL})
MAX_SOCKETS = 256
"""Sockets bound at a time (02, 7.8)."""
PORT_FIRST = 20_000
PORT_SPREAD = 45_500
"""Random ports are from the first on, within the spread (02, 7.6)."""
PORT_TRIALS = 1000
"""Ports tried before none is taken to be free (02, 7.6)."""
WILDCARDS = (bytes(4), bytes(16))
"""Any address, IPv4 and IPv6."""


class UdpDriver(Protocol):
    """The part of the native driver that sockets need."""

    def add_udp(self, socket: int, ip: bytes, port: int, device: str | None) -> int: ...
    def set_ways(self, socket: int, ways: Ways) -> None: ...
    def remove_udp(self, socket: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """A local address and port, and the device that has it (None: any)."""

    ip: bytes
    port: int
    device: str | None = field(compare=False)
    """Its name of now: a socket stays bound to a device that gets another one."""
    index: int = 0
    """The device's: one made anew under the same name is not what a socket was bound to."""
    prefix: int = field(default=0, compare=False)
    """Length of the prefix that the cable's network has; 0: unknown."""

    @property
    def network(self) -> InetAddress:
        """The cable's network, prefix length in the port."""
        return InetAddress(self.ip, self.prefix).network


@dataclass(frozen=True, slots=True)
class Ports:
    """Local UDP ports; 0 stands for one that is not used (02, 7.6)."""

    primary: int
    secondary: int
    tertiary: int = 0
    """The one that gateways are asked to map."""

    def __iter__(self) -> Iterator[int]:
        ports = (self.primary, self.secondary, self.tertiary)
        return (port for port in dict.fromkeys(ports) if port)


def port_is_free(port: int) -> bool:
    """Whether UDP and TCP can be bound to it on the IPv4 wildcard, else on the IPv6 one."""
    for family, wildcard in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with closing(socket.socket(family, kind)) as trial:
                    if kind == socket.SOCK_STREAM:
                        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    trial.bind((wildcard, port))
        except OSError:
            continue
        return True
    return False


def random_port(taken: Iterable[int] = ()) -> int:
    """A free port from 20000 up, found by trial; 0 if there is none."""
    return free_port(PORT_FIRST + secrets.randbelow(PORT_SPREAD), taken)


def favourite_port(address: int) -> int:
    """Where a node begins to look for its tertiary port, and for its secondary one after that.

    It is the same in each run, so that a mapping which a crash left behind is found and used again,
    and whoever had the secondary port for the best way to us reaches us after a restart: a stock
    node goes on to ask a controller there for minutes.
    """
    return PORT_FIRST + address % PORT_SPREAD


def free_port(first: int, taken: Iterable[int] = ()) -> int:
    """The first free port from one on, beginning again at 20000; 0 if there is none."""
    for step in range(PORT_TRIALS):
        port = first + step
        if port > 0xFFFF:
            port = PORT_FIRST + port - 0x10000
        if port not in taken and port_is_free(port):
            return port
    return 0


def choose_ports(settings: Settings, wished: int) -> Ports:
    """The primary port of this run; `follow_settings` finds the others.

    ``wished`` is the command line's primary port; settings win over it (05, 3.1). May take a
    minute, where closed connections still have the port.
    """
    fixed = settings.settings.primary_port
    primary = wished if fixed is None else fixed
    if primary == 0:
        primary = random_port()
    else:
        other = "--port (earthline-one: -p)" if fixed is None else "primaryPort in local.conf"
        wait_for_port(primary, port_is_free, other=other)
    if primary == 0:
        raise StartFault("no free port found for the primary port")
    return Ports(primary, 0)


def follow_settings(settings: Settings, before: Ports, favourite: int) -> Ports:
    """The ports by the settings of now: one that serves already stays, unless another is named.

    ``favourite`` is where the search for a tertiary port begins (`favourite_port`).
    """
    said = settings.settings
    secondary, tertiary = _secondary(settings, before, favourite + 1), 0
    if said.port_mapping_enabled:
        taken = {before.primary, secondary}
        tertiary = said.tertiary_port or before.tertiary or free_port(favourite, taken)
    return Ports(before.primary, secondary, tertiary)


def _secondary(settings: Settings, before: Ports, favourite: int) -> int:
    said = settings.settings
    if not said.allow_secondary_port:
        return 0
    return said.secondary_port or before.secondary or free_port(favourite, {before.primary})


def wanted_places(
    interfaces: Iterable[Interface], settings: Settings, ports: Iterable[int], own: Iterable[str]
) -> list[Place]:
    """Where sockets belong: one for each usable local address and port.

    ``own`` names our virtual devices: binding to those would tunnel the tunnel (02, 7.10).
    """
    if settings.settings.force_tcp_relay:
        return []
    addresses = list(usable_addresses(interfaces, settings, frozenset(own)))
    places = [_place(ip, port, interface) for port in ports for ip, interface in addresses]
    return places[:MAX_SOCKETS]


def _place(ip: bytes, port: int, interface: Interface | None) -> Place:
    if interface is None:
        return Place(ip, port, None)
    prefix = next((held.port for held in interface.addresses if held.ip == ip), 0)
    return Place(ip, port, interface.name, interface.index, prefix)


def wildcard_places(settings: Settings, ports: Iterable[int]) -> list[Place]:
    """Where sockets belong as long as nobody tells what addresses there are."""
    if settings.settings.force_tcp_relay:
        return []
    return [Place(ip, port, None) for ip in WILDCARDS for port in ports]


def usable_addresses(
    interfaces: Iterable[Interface], settings: Settings, own: Collection[str]
) -> Iterator[tuple[bytes, Interface | None]]:
    """Each local IP that may be used, and the interface that has it."""
    if settings.settings.bind:
        # On a device too: a default route by a virtual network must not catch what is sent.
        holders = {a.ip: interface for interface in interfaces for a in interface.addresses}
        bound = (InetAddress.parse(text).ip for text in settings.settings.bind)
        yield from ((ip, holders.get(ip)) for ip in bound)
        return
    for interface in interfaces:
        if why_not_bound(interface, settings, own) is None:
            for address in interface.addresses:
                if address.scope in BINDABLE and not settings.blacklisted(address.ip):
                    yield address.ip, interface


def why_not_bound(
    interface: Interface, settings: Settings, own: Collection[str] = ()
) -> str | None:
    """Why no socket is bound to an interface, in a few words; None if its addresses are used.

    The allow list is taken at its word, also where it names what is skipped without one.
    """
    allowed = tuple(settings.settings.interface_prefix_allowlist)
    if interface.name in own:
        return "it belongs to a virtual network"
    if not interface.up:
        return "it is down"
    if interface.name.startswith(tuple(settings.settings.interface_prefix_blacklist)):
        return "excluded by interfacePrefixBlacklist"
    if allowed and not interface.name.startswith(allowed):
        return "not in interfacePrefixAllowlist"
    if not allowed and interface.name.startswith(VIRTUAL_PREFIXES):
        return "it looks like a virtual interface, by its name"
    return None


class Sockets:
    """Keeps the bound sockets equal to the wanted ones; unchanged ones are never touched."""

    def __init__(
        self, driver: UdpDriver, report: Callable[[SocketsChanged], None], ports: Ports
    ) -> None:
        self._driver = driver
        self._report = report
        self.ports = ports
        self._numbers = itertools.count(1)
        self._bound: dict[Place, int] = {}
        self._ways: Mapping[Source, Ways] = {}
        self._on_link: tuple[InetAddress, ...] = ()
        self._mapped: tuple[InetAddress, ...] = ()

    @property
    def bound(self) -> list[InetAddress]:
        """Local addresses and ports in use."""
        return [InetAddress(place.ip, place.port) for place in self._bound]

    @property
    def places(self) -> list[Place]:
        """Where sockets are bound."""
        return list(self._bound)

    def place_of(self, number: int) -> Place | None:
        """Where a socket is bound."""
        return next((place for place, held in self._bound.items() if held == number), None)

    def ways_from(self, place: Place) -> Ways:
        """Where a socket that is bound to a place gets."""
        return self._ways.get((place.ip, place.index))

    def refresh(self, wanted: list[Place], ways: Mapping[Source, Ways] | None = None) -> bool:
        """Bind and close until the sockets are the wanted ones; True if anything changed.

        ``ways``: where they get; whatever is not listed there gets everywhere.
        """
        before, self._ways = self._ways, ways or {}
        gone = [place for place in self._bound if place not in wanted]
        for place in gone:
            self._driver.remove_udp(self._bound.pop(place))
        # As they are called now.
        self._bound = {place: self._bound[place] for place in wanted if place in self._bound}
        for place, number in self._bound.items():
            if self.ways_from(place) != before.get((place.ip, place.index)):
                self._driver.set_ways(number, self.ways_from(place))
        fresh = [place for place in wanted if place not in self._bound]
        bound = [place for place in fresh if self._bind(place)]
        on_link = tuple(sorted({place.network for place in self._bound if place.prefix}))
        if not gone and not bound and on_link == self._on_link:
            return False
        self._on_link = on_link
        self._tell()
        return True

    def set_mapped(self, mapped: tuple[InetAddress, ...]) -> None:
        """Note the addresses that a gateway maps to our sockets (02, 7.7)."""
        if mapped != self._mapped:
            self._mapped = mapped
            self._tell()

    def _tell(self) -> None:
        places = self._bound.items()
        sockets = ((number, InetAddress(place.ip, place.port)) for place, number in places)
        self._report(SocketsChanged(tuple(sockets), self._mapped, self._on_link))

    def _bind(self, place: Place) -> bool:
        number = next(self._numbers)
        try:
            self._driver.add_udp(number, place.ip, place.port, place.device)
        except OSError as error:
            log.warning(
                "socket_not_bound",
                address=str(InetAddress(place.ip, place.port)),
                device=place.device,
                error=error.strerror or str(error),
            )
            return False
        self._driver.set_ways(number, self.ways_from(place))
        self._bound[place] = number
        return True
