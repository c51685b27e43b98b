"""Links, their addresses and their routes, as bridging needs them from the kernel."""

from __future__ import annotations

import errno
import ipaddress
import os
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from pyroute2.iproute.linux import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

_T = TypeVar("_T")

IFF_UP = 0x01
IFA_F_PERMANENT = 0x80
RT_TABLE_MAIN = 254
RTN_UNICAST = 1
RTPROT_KERNEL, RTPROT_RA = 2, 9
MADE_BY_ITSELF = frozenset({RTPROT_KERNEL, RTPROT_RA})
"""Routes that come back with their address, or with the next router advertisement."""
GONE = (errno.ENODEV, errno.EADDRNOTAVAIL, errno.ESRCH)


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface."""

    index: int
    name: str
    kind: str
    """Such as ``bridge``, ``veth``, ``tun``; empty for hardware."""
    master: int
    """Index of the interface it is a port of; 0 if of none."""
    up: bool
    mac: str
    mtu: int


class BridgeKernel:
    """One netlink socket in this network namespace. Methods raise ``OSError``."""

    def __init__(self) -> None:
        connect: Any = AsyncIPRoute  # the library is not typed
        self._socket = connect()

    async def __aenter__(self) -> Self:
        await self._socket.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._socket.__aexit__(kind, error, trace)

    async def links(self) -> dict[str, Link]:
        """Every interface by name."""

        async def dump() -> list[Link]:
            return [_link(message) async for message in await self._socket.get_links()]

        return {link.name: link for link in await _os_errors(dump())}

    async def make_bridge(self, name: str, mac: str) -> int:
        """A new bridge that is up, forwards at once and filters no multicast; its index.

        With the MAC of the interface it takes over for, so that the LAN sees the same station.
        """
        arguments = {"br_forward_delay": 0, "br_stp_state": 0, "br_mcast_snooping": 0}
        await self._link("add", ifname=name, kind="bridge", address=mac, **arguments)
        index = (await self.links())[name].index
        await self._link("set", index=index, state="up")
        return index

    async def delete_link(self, index: int) -> None:
        await _os_errors(self._socket.link("del", index=index), *GONE)

    async def set_master(self, index: int, master: int) -> None:
        """Make an interface a port of a bridge, or (0) of none."""
        await _os_errors(
            self._socket.link("set", index=index, master=master), *(() if master else GONE)
        )

    async def set_up(self, index: int, up: bool) -> None:
        await self._link("set", index=index, state="up" if up else "down")

    async def addresses(self, index: int) -> list[str]:
        """``ip/length`` of what an interface keeps: not what IPv6 makes up by itself."""

        async def dump() -> list[str]:
            return [
                f"{message.get('local') or message.get('address')}/{message['prefixlen']}"
                async for message in await self._socket.get_addr(index=index)
                if _is_kept(message)
            ]

        return await _os_errors(dump())

    async def add_address(self, index: int, text: str) -> None:
        await _os_errors(self._address("add", index, text), errno.EEXIST)

    async def remove_address(self, index: int, text: str) -> None:
        await _os_errors(self._address("del", index, text), *GONE)

    async def routes(self, index: int) -> list[dict[str, Any]]:
        """Routes of the main table over an interface that would not come back by themselves.

        As arguments of `add_route`; those without a gateway first, since gateways need them.
        """

        async def dump() -> list[dict[str, Any]]:
            messages = await self._socket.get_routes(oif=index, table=RT_TABLE_MAIN)
            return [_route(message) async for message in messages if _is_set(message)]

        return sorted(await _os_errors(dump()), key=lambda route: "gateway" in route)

    async def add_route(self, index: int, route: dict[str, Any]) -> None:
        await _os_errors(self._socket.route("add", oif=index, **route), errno.EEXIST)

    async def remove_routes_from(self, index: int, source: str) -> None:
        """Take away the routes over an interface that prefer a source address."""
        for route in await self.routes(index):
            if route.get("prefsrc") == source:
                await _os_errors(self._socket.route("del", oif=index, **route), *GONE)

    async def carries_default_route(self, index: int) -> bool:
        """Whether the way out of this machine leads over the interface."""

        async def dump() -> bool:
            messages = await self._socket.get_routes(oif=index, table=RT_TABLE_MAIN)
            return any([message["dst_len"] == 0 async for message in messages])

        return await _os_errors(dump())

    async def _link(self, command: str, **arguments: Any) -> None:
        await _os_errors(self._socket.link(command, **arguments))

    async def _address(self, command: str, index: int, text: str) -> None:
        interface = ipaddress.ip_interface(text)
        arguments: dict[str, Any] = {
            "index": index,
            "address": str(interface.ip),
            "prefixlen": interface.network.prefixlen,
        }
        if command == "add" and interface.version == 4 and interface.network.prefixlen < 31:
            arguments["broadcast"] = str(interface.network.broadcast_address)
        await self._socket.addr(command, **arguments)


def _link(message: Any) -> Link:
    information = message.get("linkinfo")
    return Link(
        message["index"],
        message.get("ifname"),
        (information.get("kind") if information else None) or "",
        message.get("master") or 0,
        bool(message["flags"] & IFF_UP),
        message.get("address") or "",
        message.get("mtu") or 0,
    )


def _is_kept(message: Any) -> bool:
    text = message.get("local") or message.get("address")
    if not text:
        return False
    address = ipaddress.ip_address(text)
    if address.version == 4:
        return True
    flags = message.get("flags") or message["flags"]
    return bool(flags & IFA_F_PERMANENT) and not address.is_link_local


def _is_set(message: Any) -> bool:
    return message["type"] == RTN_UNICAST and message["proto"] not in MADE_BY_ITSELF


def _route(message: Any) -> dict[str, Any]:
    route: dict[str, Any] = {
        "family": message["family"],
        "proto": message["proto"],
        "scope": message["scope"],
        "dst": f"{message.get('dst') or _zero(message)}/{message['dst_len']}",
    }
    for ours, theirs in (("gateway", "gateway"), ("priority", "priority"), ("prefsrc", "prefsrc")):
        if (value := message.get(theirs)) is not None:
            route[ours] = value
    return route


def _zero(message: Any) -> str:
    return "0.0.0.0" if message["family"] == 2 else "::"


async def _os_errors(request: Coroutine[Any, Any, _T], *harmless: int) -> _T | Any:
    """Await a request; its error becomes an ``OSError``, a harmless one nothing."""
    try:
        return await request
    except NetlinkError as error:
        if error.code in harmless:
            return None
        raise OSError(error.code, os.strerror(error.code)) from None
