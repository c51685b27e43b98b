"""Finding the gateway's UPnP description on the local network, and nowhere else (UDA 1.1, 1.3).

The search is multicast with TTL 1 on the one interface that leads to the gateway. Answers count
only if the gateway itself sent them, and if they name a place on the gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from earthline.runtime.portmap.lease import NotMapped, Site

GROUP = ("239.255.255.250", 1900)
"""Multicast address and port of SSDP."""
SEARCH_S = 5.0
"""How long a search lasts (02, 7.7)."""
AGAIN_S = 1.0
"""The question is repeated after this time: multicast is lost easily on Wi-Fi."""
STRAGGLERS_S = 0.3
"""One device answers for each of its services: the first place is nearly always the only one."""
MAX_ANSWER = 4096
"""Bytes of an answer that are read."""
MAX_PLACES = 4
"""Descriptions of devices that are fetched."""
TARGETS = (
    "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
    "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
)


def search_request(target: str) -> bytes:
    """An M-SEARCH for devices of a kind."""
    lines = (
        "M-SEARCH * HTTP/1.1",
        f"HOST: {GROUP[0]}:{GROUP[1]}",
        'MAN: "ssdp:discover"',
        "MX: 2",
        f"ST: {target}",
    )
    return "\r\n".join((*lines, "", "")).encode()


def parse_answer(data: bytes, gateway: str) -> str | None:
    """Where the description is; None if that is not on the gateway, or this is no answer."""
    if len(data) > MAX_ANSWER:
        return None
    status, *lines = data.decode("latin-1").split("\r\n")
    if not status.startswith("HTTP/1.") or status.split()[1:2] != ["200"]:
        return None
    headers = (line.partition(":") for line in lines)
    places = (value.strip() for name, _, value in headers if name.strip().lower() == "location")
    return next((place for place in places if on_gateway(place, gateway)), None)


def on_gateway(url: str, gateway: str) -> bool:
    """Whether a URL is plain HTTP at the gateway's own address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme == "http" and parts.hostname == gateway and port != 0


class _Listener(asyncio.DatagramProtocol):
    """Collects places."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self.places: list[str] = []
        self.found = asyncio.Event()

    def datagram_received(self, data: bytes, source: tuple[Any, ...]) -> None:
        if source[0] != self._gateway or len(self.places) >= MAX_PLACES:
            return
        place = parse_answer(data, self._gateway)
        if place is not None and place not in self.places:
            self.places.append(place)
            self.found.set()


async def find_descriptions(site: Site) -> list[str]:
    """The URLs of the gateway's descriptions; `NotMapped` if it has none."""
    try:
        sender = _socket(site.client)
        transport, listener = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Listener(site.gateway), sock=sender
        )
    except OSError as error:
        raise NotMapped(f"no search: {error.strerror or error}") from None
    try:
        await _search(transport, listener, map(search_request, TARGETS))
    finally:
        transport.close()
    if not listener.places:
        raise NotMapped("the gateway does not answer")
    return listener.places


async def _search(
    transport: asyncio.DatagramTransport, listener: _Listener, requests: Iterable[bytes]
) -> None:
    asked = list(requests)
    for wait_s in (AGAIN_S, SEARCH_S - AGAIN_S):
        for request in asked:
            transport.sendto(request, GROUP)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await listener.found.wait()
            await asyncio.sleep(STRAGGLERS_S)
            return


def _socket(client: str) -> socket.socket:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(client))
        sender.bind((client, 0))
    except OSError:
        sender.close()
        raise
    return sender
