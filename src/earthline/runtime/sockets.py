"""The UDP sockets: which addresses and ports they are bound to, kept up with the host (02, 7.8)."""

from __future__ import annotations

import itertools
import secrets
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import structlog

from earthline.effects import SocketsChanged
from earthline.runtime.home import StartFault
from earthline.runtime.netlink import Interface
from earthline.runtime.settings import Settings
from earthline.wire.inet import InetAddress, Scope

log = structlog.get_logger()

VIRTUAL_PREFIXES = ("lo", "zt", "tun", "tap")
BINDABLE = frozenset({Scope.PRIVATE, Scope.SHARED, Scope.PSEUDO_PRIVATE, Scope.GLOBAL})
MAX_SOCKETS = 256
PORT_FIRST = 20_000
PORT_SPREAD = 45_500
PORT_TRIALS = 1000
WILDCARDS = (bytes(4), bytes(16))


class UdpDriver(Protocol):
    """The part of the native driver that sockets need."""

    def add_udp(self, socket: int, ip: bytes, port: int, device: str | None) -> int: ...
    def remove_udp(self, socket: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """A local address and port, and the device that has it (None: any)."""

    ip: bytes
    port: int
    device: str | None


@dataclass(frozen=True, slots=True)
class Ports:
    """Local UDP ports; 0 stands for one that is not used (02, 7.6)."""

    primary: int
    secondary: int

    def __iter__(self) -> Iterator[int]:
        return (port for port in (self.primary, self.secondary) if port)


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
    first = PORT_FIRST + secrets.randbelow(PORT_SPREAD)
    for step in range(PORT_TRIALS):
        port = first + step
        if port > 0xFFFF:
            port = PORT_FIRST + port - 0x10000
        if port not in taken and port_is_free(port):
            return port
    return 0


def choose_ports(settings: Settings, wished: int) -> Ports:
    """The ports of this run. ``wished`` is the command line's; settings win over it (05, 3.1)."""
    fixed = settings.settings.primary_port
    primary = wished if fixed is None else fixed
    if primary == 0:
        primary = random_port()
    elif not port_is_free(primary):
        raise StartFault(f"cannot bind to local control interface port {primary}")
    if primary == 0:
        raise StartFault("no free port found for the primary port")
    secondary = settings.settings.secondary_port
    if not settings.settings.allow_secondary_port:
        secondary = 0
    elif secondary == 0:
        secondary = random_port({primary})
    return Ports(primary, secondary)


def wanted_places(
    interfaces: Iterable[Interface], settings: Settings, ports: Iterable[int], own: Iterable[str]
) -> list[Place]:
    """Where sockets belong: one for each usable local address and port.

    ``own`` names our virtual devices: binding to those would tunnel the tunnel (02, 7.10).
    """
    addresses = list(_local_addresses(interfaces, settings, frozenset(own)))
    places = [Place(ip, port, device) for port in ports for ip, device in addresses]
    return places[:MAX_SOCKETS]


def _local_addresses(
    interfaces: Iterable[Interface], settings: Settings, own: frozenset[str]
) -> Iterator[tuple[bytes, str | None]]:
    if settings.settings.bind:
        # On a device too: a default route by a virtual network must not catch what is sent.
        devices = {a.ip: interface.name for interface in interfaces for a in interface.addresses}
        bound = (InetAddress.parse(text).ip for text in settings.settings.bind)
        yield from ((ip, devices.get(ip)) for ip in bound)
        return
    skipped = VIRTUAL_PREFIXES + tuple(settings.settings.interface_prefix_blacklist)
    for interface in interfaces:
        if interface.name in own or not interface.up or interface.name.startswith(skipped):
            continue
        for address in interface.addresses:
            if address.scope in BINDABLE and not settings.blacklisted(address.ip):
                yield address.ip, interface.name


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

    @property
    def bound(self) -> list[InetAddress]:
        """Local addresses and ports in use."""
        return [InetAddress(place.ip, place.port) for place in self._bound]

    def numbers(self, ipv4: bool) -> list[int]:
        """The sockets of one IP family, by number."""
        return [number for place, number in self._bound.items() if (len(place.ip) == 4) is ipv4]

    def place_of(self, number: int) -> Place | None:
        """Where a socket is bound."""
        return next((place for place, held in self._bound.items() if held == number), None)

    def refresh(self, wanted: list[Place]) -> bool:
        """Bind and close until the sockets are the wanted ones; True if anything changed."""
        gone = [place for place in self._bound if place not in wanted]
        for place in gone:
            self._driver.remove_udp(self._bound.pop(place))
        fresh = [place for place in wanted if place not in self._bound]
        bound = [place for place in fresh if self._bind(place)]
        if not gone and not bound:
            return False
        self._report(
            SocketsChanged(
                tuple(
                    (number, InetAddress(place.ip, place.port))
                    for place, number in self._bound.items()
                )
            )
        )
        return True

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
        self._bound[place] = number
        return True
