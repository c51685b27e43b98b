"""What the service asks of the kernel over netlink, and what the kernel tells it unasked."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from pyroute2.iproute.linux import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import (
    RTMGRP_IPV4_IFADDR,
    RTMGRP_IPV4_ROUTE,
    RTMGRP_IPV6_IFADDR,
    RTMGRP_IPV6_ROUTE,
    RTMGRP_LINK,
)

from earthline.wire.inet import InetAddress

_T = TypeVar("_T")

IFF_UP = 0x01
IFA_F_TEMPORARY = 0x01
IFA_F_NODAD = 0x02
IFA_F_DADFAILED = 0x08
IFA_F_TENTATIVE = 0x40
RTPROT_STATIC = 4
RT_SCOPE_UNIVERSE = 0
RT_SCOPE_LINK = 253
METRIC = 5000
"""Of all our routes: whoever else has a way to those addresses, a cable above all, comes first."""
NEWS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE
MAIN_TABLE = 254
NLM_F_REPLACE = 0x100
DUMP_DISTURBED = (-1, errno.EBUSY)
"""What the library and the kernel say when something changed while the list was read."""
DUMP_TRIALS = 20
DUMP_PAUSE_S = 0.02
"""Tries to read a whole list while others change it, and the pause between two."""
RTM_F_FIB_MATCH = 0x2000
"""Ask for the route itself, not for what the kernel would make of there being none."""
NO_WAY = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH})
FAR_AWAY = "192.88.99.1"
"""An address that has no route of its own anywhere. Nothing is ever sent there."""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of the host and its usable addresses."""

    index: int
    name: str
    up: bool
    addresses: tuple[InetAddress, ...]
    """With their prefix lengths in the port."""


@dataclass(frozen=True, slots=True)
class Link:
    """What an interface is called, and how it is set."""

    name: str
    up: bool
    mtu: int


@dataclass(frozen=True, slots=True)
class KernelRoute:
    """A route as we install it: on a device, perhaps by way of a gateway."""

    target: InetAddress
    gateway: InetAddress | None
    source: InetAddress


@dataclass(frozen=True, slots=True)
class DefaultRoute:
    """A way to everywhere else: what makes it another one."""

    family: int
    interface: int
    """0 where there are several."""
    gateway: str
    """Or gateways; empty for none."""
    metric: int

    def makes_room_for(self, other: DefaultRoute) -> bool:
        """Whether the other one is what the kernel has instead, once it replaces any."""
        return (self.family, self.metric) == (other.family, other.metric)


@dataclass(frozen=True, slots=True)
class Change:
    """Something about an interface is new, or said again."""

    interface: int
    """0 stands for any: so much changed at once that the kernel dropped some of the news."""
    default_route: DefaultRoute | None = None
    """The one that it is about; None: it is the interface's state, or its addresses."""
    gone: bool = False
    """The route was deleted."""
    replaces: bool = False
    """The route took another one's place, or its own."""


class Netlink:
    """One socket for questions and one for news, both of this network namespace."""

    def __init__(self) -> None:
        connect: Any = AsyncIPRoute  # the library is not typed
        self._requests = connect()
        self._news = connect()
        self._one_at_a_time = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._requests.__aenter__()
        await self._news.__aenter__()
        await self._news.bind(groups=NEWS)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._news.__aexit__(kind, error, trace)
        await self._requests.__aexit__(kind, error, trace)

    async def changes(self) -> AsyncIterator[Change]:
        """What changes, for ever."""
        while True:
            try:
                async for message in self._news.get():
                    if (change := _change(message)) is not None:
                        yield change
            except (OSError, NetlinkError):
                await asyncio.sleep(DUMP_PAUSE_S)
                yield Change(0)

    async def interfaces(self) -> list[Interface]:
        """All interfaces with their addresses, by index. Raises ``OSError``."""
        return await self._undisturbed(self._dump)

    async def routed(self) -> list[InetAddress]:
        """The IPv4 networks that any table has a route to. Raises ``OSError``."""
        return await self._undisturbed(self._dump_routes)

    async def _undisturbed(self, dump: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """What is dumped while nothing changes, if that ever is."""
        async with self._one_at_a_time:
            for _ in range(DUMP_TRIALS):
                try:
                    return await _os_errors(dump())
                except OSError as error:
                    if error.errno not in DUMP_DISTURBED:
                        raise
                    await asyncio.sleep(DUMP_PAUSE_S)
            return await _os_errors(dump())

    async def _dump_routes(self) -> list[InetAddress]:
        return [
            InetAddress(socket.inet_aton(target), message["dst_len"])
            async for message in await self._requests.get_routes(family=socket.AF_INET)
            if (target := message.get("dst")) is not None
        ]

    async def _dump(self) -> list[Interface]:
        addresses: dict[int, list[InetAddress]] = {}
        async for message in await self._requests.get_addr():
            if (address := _usable_address(message)) is not None:
                addresses.setdefault(message["index"], []).append(address)
        return [
            Interface(
                message["index"],
                message.get("ifname"),
                bool(message["flags"] & IFF_UP),
                tuple(sorted(addresses.get(message["index"], ()))),
            )
            async for message in await self._requests.get_links()
        ]

    async def link(self, index: int) -> Link | None:
        """One interface; None if there is none of that index."""
        async with self._one_at_a_time:
            try:
                (message,) = await _os_errors(self._requests.link("get", index=index))
            except OSError as error:
                if error.errno != errno.ENODEV:
                    raise
                return None
        return Link(message.get("ifname"), bool(message["flags"] & IFF_UP), message.get("mtu"))

    async def set_link(self, index: int, mtu: int) -> None:
        """Put an interface up, with an MTU."""
        await self._tolerant(self._requests.link("set", index=index, mtu=mtu, state="up"))

    async def gateway(self, index: int | None) -> str | None:
        """The IPv4 router that leads from an interface (None: any) to the internet, if one does."""
        where = {} if index is None else {"oif": index}
        async with self._one_at_a_time:
            try:
                routes = await _os_errors(self._requests.route("get", dst=FAR_AWAY, **where))
            except OSError:
                return None
        gateways = (route.get("gateway") for route in routes)
        return next((str(gateway) for gateway in gateways if gateway), None)

    async def leads_afar(self, index: int, source: str, mark: int) -> bool:
        """Whether a route leads by an interface, from an IPv4 address of it, to the internet.

        By all rules and tables. Kernels before 4.13 say yes always.
        """
        where = {"oif": index, "src": source, "mark": mark, "flags": RTM_F_FIB_MATCH}
        async with self._one_at_a_time:
            try:
                await _os_errors(self._requests.route("get", dst=FAR_AWAY, **where))
            except OSError as error:
                return error.errno not in NO_WAY
        return True

    async def add_address(self, index: int, address: InetAddress) -> None:
        """Give an interface an address; one that is there with that prefix is fine.

        IPv6 addresses come without duplicate detection: the controller gave them to us alone. The
        kernel's own route to the subnet gets our metric (since Linux 4.18). A host that has IPv6
        switched off, on this interface or on all, goes without.
        """
        arguments = _address_arguments(index, address) | {"rt_priority": METRIC}
        harmless = [errno.EEXIST]
        if not address.is_ipv4:
            arguments["flags"] = IFA_F_NODAD
            harmless.append(errno.EACCES)
        elif (broadcast := address.broadcast) is not None:
            arguments["broadcast"] = broadcast.ip_text
        await self._tolerant(self._requests.addr("add", **arguments), *harmless)

    async def remove_address(self, index: int, address: InetAddress) -> None:
        """Take an address away; one that is gone is fine."""
        await self._tolerant(
            self._requests.addr("del", **_address_arguments(index, address)),
            errno.EADDRNOTAVAIL,
            errno.ENODEV,
        )

    async def add_route(self, index: int, route: KernelRoute) -> None:
        """Install a route; one that is there already stays as it is, whoever made it."""
        arguments = _route_arguments(index, route)
        await self._tolerant(
            self._requests.route("add", prefsrc=route.source.ip_text, **arguments), errno.EEXIST
        )

    async def remove_route(self, index: int, route: KernelRoute) -> None:
        """Take our route away; one that is gone is fine."""
        await self._tolerant(
            self._requests.route("del", **_route_arguments(index, route)),
            errno.ESRCH,
            errno.ENODEV,
        )

    async def _tolerant(self, request: Coroutine[Any, Any, Any], *harmless: int) -> None:
        """Await a request when its turn has come; harmless errors are none."""
        async with self._one_at_a_time:
            try:
                await _os_errors(request)
            except OSError as error:
                if error.errno not in harmless:
                    raise


def _change(message: Any) -> Change | None:
    """None for news of routes other than a default one: applications come and go with those."""
    if message.get("event") not in {"RTM_NEWROUTE", "RTM_DELROUTE"}:
        return Change(int(message.get("index") or 0))
    if message["dst_len"] or message["table"] != MAIN_TABLE:
        return None
    gone = message["event"] == "RTM_DELROUTE"
    replaces = bool(message["header"]["flags"] & NLM_F_REPLACE)
    route = _default_route(message)
    return Change(route.interface, route, gone, replaces)


def _default_route(message: Any) -> DefaultRoute:
    ways = (message.get(name) for name in ("gateway", "via", "multipath"))
    return DefaultRoute(
        message["family"],
        int(message.get("oif") or 0),
        next((str(way) for way in ways if way), ""),
        int(message.get("priority") or 0),
    )


def _usable_address(message: Any) -> InetAddress | None:
    """An address of a dump, unless it is temporary (IPv6), or not yet or never ours to use."""
    text = message.get("local") or message.get("address")
    if not text:
        return None
    ip = ipaddress.ip_address(text)
    flags = message.get("flags") or message["flags"]
    if ip.version == 6 and flags & (IFA_F_TEMPORARY | IFA_F_TENTATIVE | IFA_F_DADFAILED):
        return None
    return InetAddress(ip.packed, message["prefixlen"])


def _address_arguments(index: int, address: InetAddress) -> dict[str, Any]:
    return {"index": index, "address": address.ip_text, "prefixlen": address.port}


def _route_arguments(index: int, route: KernelRoute) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "dst": str(route.target),
        "oif": index,
        "proto": RTPROT_STATIC,
        "priority": METRIC,
        "scope": RT_SCOPE_LINK if route.gateway is None else RT_SCOPE_UNIVERSE,
    }
    if route.gateway is not None:
        arguments["gateway"] = route.gateway.ip_text
    if not route.target.is_ipv4:
        arguments |= {"family": 10, "scope": RT_SCOPE_UNIVERSE}
    return arguments


async def _os_errors(request: Coroutine[Any, Any, _T]) -> _T:
    """Await a request; its error becomes an ``OSError``."""
    try:
        return await request
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code)) from None
