"""Who may call, before anything is routed (05, 7.2): the source first, then the token."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from earthline.api.http.answers import StockJson

OPEN_PATHS = ("/sso", "/health")
METRICS_PATH = "/metrics"
BEARER = b"bearer"


class Keys(Protocol):
    """What opens the gate; asked at each request, since settings change."""

    @property
    def token(self) -> str: ...
    @property
    def metrics_token(self) -> str: ...
    @property
    def management_networks(self) -> Sequence[str]: ...


class Gate:
    """ASGI layer that answers 401 ``{}`` to whoever may not pass."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and not self._may_pass(scope):
            await StockJson({}, 401)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def may_call_back(self, scope: Scope) -> bool:
        """Whether the answer may be a script, which any page can have its reader's browser run.

        What everybody here may read is not for everybody's web pages; the rest is refused without
        a token.
        """
        return not is_open(scope["path"]) or self._knows(scope, self._keys.token)

    def _may_pass(self, scope: Scope) -> bool:
        path = scope["path"]
        if path == METRICS_PATH:
            return self._knows(scope, self._keys.token, self._keys.metrics_token)
        if not self._near(scope):
            return False
        if is_open(path):
            return True
        return self._knows(scope, self._keys.token)

    def _near(self, scope: Scope) -> bool:
        client = scope.get("client")
        return client is not None and source_allowed(client[0], self._keys.management_networks)

    def _knows(self, scope: Scope, *tokens: str) -> bool:
        given = presented_token(scope)
        if given is None:
            return False
        # Every comparison is made, so that the time tells nothing.
        matches = [hmac.compare_digest(given, token.encode()) for token in tokens]
        return any(matches)


def is_open(path: str) -> bool:
    """Whether everybody who is near may have it."""
    return path in OPEN_PATHS or path.startswith("/app")


def source_allowed(source: str, networks: Sequence[str]) -> bool:
    """Whether an IP is ours, or in a network that may manage this node."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback or address == ipaddress.ip_address("fe80::1"):
        return True
    return any(address in ipaddress.ip_network(text, strict=False) for text in networks)


def presented_token(scope: Scope) -> bytes | None:
    """The token of the request: of the places it may stand in, the first present decides."""
    pairs: list[tuple[bytes, bytes]] = list(scope["headers"])
    headers = dict(reversed(pairs))
    if b"x-zt1-auth" in headers:
        return headers[b"x-zt1-auth"]
    query: dict[str, list[str]] = parse_qs(
        scope["query_string"].decode("latin-1"), keep_blank_values=True
    )
    if "auth" in query:
        return query["auth"][0].encode("utf-8", "surrogateescape")
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == BEARER else None
