"""Where the tertiary port may be mapped: which gateways its sockets lead to."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable

from earthline.runtime.host.netlink import Netlink
from earthline.runtime.portmap.lease import Site
from earthline.runtime.sockets.sockets import Place

MAX_SITES = 4
"""Gateways asked at a time; a host has seldom more than one."""


async def find_sites(netlink: Netlink, places: Iterable[Place], port: int) -> list[Site]:
    """One site for each gateway of the bound IPv4 sockets with this port."""
    sites: list[Site] = []
    for place in places:
        if place.port != port or len(place.ip) != 4:
            continue
        site = await _site_of(netlink, place)
        if site is not None and site.gateway not in {known.gateway for known in sites}:
            sites.append(site)
    return sites[:MAX_SITES]


async def _site_of(netlink: Netlink, place: Place) -> Site | None:
    with contextlib.suppress(OSError):
        index = None if place.device is None else socket.if_nametoindex(place.device)
        gateway = await netlink.gateway(index)
        if gateway is not None:
            client = _local_ip(gateway) if not any(place.ip) else socket.inet_ntoa(place.ip)
            return Site(gateway, client, place.port)
    return None


def _local_ip(gateway: str) -> str:
    """Our address on the way to the gateway, for a socket bound to none in particular."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        trial.connect((gateway, 9))
        return str(trial.getsockname()[0])
