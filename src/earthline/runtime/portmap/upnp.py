"""UPnP Internet Gateway Devices, version 1 and 2: WANIPConnection and WANPPPConnection.

async-upnp-client reads descriptions and speaks SOAP. What it fetches is fetched here: from the
gateway alone, without following it anywhere, and no more than a description can be long.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from async_upnp_client.client import UpnpRequester, UpnpService
from async_upnp_client.client_factory import UpnpFactory
from async_upnp_client.const import HttpRequest, HttpResponse
from async_upnp_client.exceptions import UpnpActionError, UpnpConnectionError

from earthline.runtime.portmap.lease import Lease, NotMapped, Site, candidates, reachable
from earthline.runtime.portmap.ssdp import find_descriptions, on_gateway

LEASE_S = 3600
"""What we ask for: a mapping that a crash leaves behind is gone within the hour."""
FOR_EVER = 0
"""A lease without an end, for gateways that know no other."""
REQUEST_S = 5.0
"""How long a gateway may take to answer."""
PAUSE_S = 1.0
"""After a port that the gateway refused (02, 7.7)."""
MAX_BODY = 1 << 17
"""Bytes of a description or answer that are read."""
MAX_REASON = 80
"""Characters of a refusal that are shown."""

NO_SUCH_ENTRY = (713, 714)
CONFLICT = (718, 729)
ONLY_FOR_EVER = 725
"""Error codes of UPnP's WANIPConnection."""

SERVICES = (
    "urn:schemas-upnp-org:service:WANIPConnection:2",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
)


class GatewayRequester(UpnpRequester):
    """HTTP with one host, from one of our addresses, in bounded answers."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def async_http_request(self, http_request: HttpRequest) -> HttpResponse:
        """One request and its answer; the library's errors for anything that is not one."""
        if not on_gateway(http_request.url, self._site.gateway):
            raise UpnpConnectionError(f"{http_request.url} is not on the gateway")
        try:
            return await self._fetch(http_request)
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            raise UpnpConnectionError(repr(error)) from None

    async def _fetch(self, wanted: HttpRequest) -> HttpResponse:
        connector = TCPConnector(local_addr=(self._site.client, 0))
        timeout = ClientTimeout(total=REQUEST_S)
        async with (
            ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session,
            session.request(
                wanted.method,
                wanted.url,
                headers=wanted.headers,
                data=wanted.body,
                allow_redirects=False,
            ) as response,
        ):
            body = bytearray()
            async for chunk in response.content.iter_chunked(1 << 14):
                body += chunk
                if len(body) > MAX_BODY:
                    raise ValueError("the answer is too long")
            text = body.decode("utf-8", "replace")
            return HttpResponse(response.status, dict(response.headers), text)


@dataclass(frozen=True, slots=True)
class Entry:
    """A mapping that the gateway has."""

    client: str
    port: int
    description: str
    lease_s: int


class Upnp:
    """A `Client` that speaks UPnP. Entries described with ``label`` and any port are our own."""

    name = "upnp"

    def __init__(self, site: Site, label: str) -> None:
        self._site = site
        self._label = label
        self._service: UpnpService | None = None
        self._external_port = 0

    async def map(self, wished: int) -> Lease:
        try:
            service = self._service or await self._discover()
            lease = await self._map(service, wished)
        except NotMapped:
            self._service = None
            raise
        except Exception as error:  # noqa: BLE001 - a library's, over what the gateway made up
            self._service = None
            raise NotMapped(f"the gateway's answer is not understood: {_one_line(error)}") from None
        self._service, self._external_port = service, lease.external.port
        return lease

    async def release(self) -> None:
        if self._service is None:
            return
        try:
            entry = await _entry(self._service, self._external_port)
            if entry is not None and self._is_ours(entry):
                await _call(self._service, "DeletePortMapping", self._external_port)
        except Exception as error:  # noqa: BLE001
            raise NotMapped(f"the mapping could not be removed: {_one_line(error)}") from None

    async def _discover(self) -> UpnpService:
        """The service of the first connection that has an outside address."""
        factory = UpnpFactory(GatewayRequester(self._site), non_strict=True)
        for place in await find_descriptions(self._site):
            device = await factory.async_create_device(place)
            for service in _connections(device.all_services):
                if await _outside_ip(service) is not None:
                    return service
        raise NotMapped("the gateway has no connection with an outside address")

    async def _map(self, service: UpnpService, wished: int) -> Lease:
        ip = await _outside_ip(service)
        if ip is None:
            raise NotMapped("the gateway has no outside address")
        for port in candidates(wished):
            external = reachable(self._site, ip, port)
            entry = await _entry(service, port)
            if entry is not None and not self._is_ours(entry):
                continue
            lease_s = await self._claim(service, port, entry)
            if lease_s is not None:
                return Lease(external, lease_s)
            await asyncio.sleep(PAUSE_S)
        raise NotMapped("all ports near this node's are mapped to other hosts")

    def _is_ours(self, entry: Entry) -> bool:
        """Made by this node, now or in an earlier run, perhaps at another address of the LAN."""
        return entry.description.startswith(self._label)

    async def _claim(self, service: UpnpService, port: int, entry: Entry | None) -> int | None:
        """Have the port mapped to us: the lease in seconds, or None if it is not to be had."""
        if entry is not None and (entry.client, entry.port) == (self._site.client, self._site.port):
            if entry.lease_s == FOR_EVER or entry.lease_s > LEASE_S // 2:
                return entry.lease_s
        elif entry is not None:
            await _call(service, "DeletePortMapping", port)
        try:
            return await self._add(service, port)
        except UpnpActionError as refusal:
            if refusal.error_code in CONFLICT:
                return None
            raise NotMapped(f"the gateway refuses it: {_one_line(refusal)}") from None

    async def _add(self, service: UpnpService, port: int) -> int:
        for lease_s in (LEASE_S, FOR_EVER):
            try:
                await _call(
                    service,
                    "AddPortMapping",
                    port,
                    NewInternalPort=self._site.port,
                    NewInternalClient=self._site.client,
                    NewEnabled=True,
                    NewPortMappingDescription=f"{self._label}{self._site.port}",
                    NewLeaseDuration=lease_s,
                )
            except UpnpActionError as refusal:
                if refusal.error_code != ONLY_FOR_EVER or lease_s == FOR_EVER:
                    raise
            else:
                return lease_s
        raise AssertionError("both leases were tried")


def _connections(services: Iterable[UpnpService]) -> list[UpnpService]:
    known = [service for service in services if service.service_type in SERVICES]
    return sorted(known, key=lambda service: SERVICES.index(service.service_type))


async def _call(service: UpnpService, action: str, port: int, **more: Any) -> Any:
    """An action on the mapping of an external UDP port."""
    return await service.action(action).async_call(
        NewRemoteHost="", NewExternalPort=port, NewProtocol="UDP", **more
    )


async def _outside_ip(service: UpnpService) -> bytes | None:
    """The connection's outside IPv4; None while it has none."""
    found = await service.action("GetExternalIPAddress").async_call()
    try:
        ip = ipaddress.IPv4Address(found["NewExternalIPAddress"])
    except ValueError:
        return None
    return None if ip.is_unspecified else ip.packed


async def _entry(service: UpnpService, port: int) -> Entry | None:
    """What the gateway has at an external port; None: nothing."""
    try:
        found = await _call(service, "GetSpecificPortMappingEntry", port)
    except UpnpActionError as error:
        if error.error_code in NO_SUCH_ENTRY:
            return None
        raise
    return Entry(
        str(found["NewInternalClient"]),
        int(found["NewInternalPort"]),
        str(found["NewPortMappingDescription"] or ""),
        int(found.get("NewLeaseDuration") or FOR_EVER),
    )


def _one_line(error: Exception) -> str:
    """What went wrong, which may be the gateway's own words."""
    text = " ".join(str(part) for part in error.args if part) or repr(error)
    return "".join(c if c.isprintable() else " " for c in text)[:MAX_REASON]
