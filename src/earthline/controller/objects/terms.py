"""A network's terms: its stored object as the request path reads it (04, 9).

Reading is total: a stored object may lack any field (04, 2.3), and then counts as if it had the
default. The same text is read once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from earthline.controller.objects.addresses import AddressPolicy, Pool
from earthline.controller.objects.coercion import (
    JsonObject,
    as_array,
    as_bool,
    as_hex,
    as_int,
    as_text,
    read_address,
    read_target,
)
from earthline.controller.objects.network_object import (
    DEFAULT_MULTICAST_LIMIT,
    clamp_mtu,
    trace_target,
)
from earthline.controller.objects.rules_json import read_rules
from earthline.wire.credentials.capability import MAX_RULES as MAX_CAPABILITY_RULES
from earthline.wire.inet import InetAddress
from earthline.wire.network_config import DEFAULT_MTU, DNS_SERVERS
from earthline.wire.rules import MAX_RULES, Rule

MAX_NAME = 127
"""Bytes of a network's name, and of its DNS domain."""

DEFAULT_WINDOW_MS = 1_800_000
MIN_WINDOW_MS = 300_000
MAX_WINDOW_MS = 7_200_000
"""Lifetime of credentials: default, least and most (04, 9.1)."""

_U32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class TraceTarget:
    """Where members send trace reports, and how much they report."""

    address: int
    level: int


@dataclass(frozen=True, slots=True)
class NetworkTerms:
    """What a network asks of its members and gives to them."""

    revision: int
    name: str
    private: bool
    broadcast: bool
    mtu: int
    multicast_limit: int
    window_ms: int
    """How far apart the certificates of two members may lie and still agree."""
    trace: TraceTarget
    sso: bool
    rules: tuple[Rule, ...]
    capabilities: Mapping[int, tuple[Rule, ...]]
    default_capabilities: tuple[int, ...]
    default_tags: Mapping[int, int]
    addresses: AddressPolicy
    dns_domain: str
    dns_servers: tuple[InetAddress, ...]
    tokens: Mapping[str, float]
    """Join token to the time it expires at, ms; 0 is never."""


@lru_cache(maxsize=256)
def read_terms(text: str) -> NetworkTerms:
    """The terms in the text of a network object."""
    network: JsonObject = json.loads(text)
    capabilities = _objects(network, "capabilities")
    window = as_int(network.get("certificateTimeoutWindowSize"), DEFAULT_WINDOW_MS)
    dns_domain, dns_servers = _read_dns(network.get("dns"))
    return NetworkTerms(
        revision=as_int(network.get("revision"), 0),
        name=cut(as_text(network.get("name"), "")),
        private=as_bool(network.get("private"), True),
        broadcast=as_bool(network.get("enableBroadcast"), True),
        mtu=clamp_mtu(as_int(network.get("mtu"), DEFAULT_MTU)),
        multicast_limit=as_int(network.get("multicastLimit"), DEFAULT_MULTICAST_LIMIT) & _U32,
        window_ms=min(max(window, MIN_WINDOW_MS), MAX_WINDOW_MS),
        trace=read_trace(network) or TraceTarget(0, 0),
        sso=as_bool(network.get("ssoEnabled"), False),
        rules=read_rules(network.get("rules"), MAX_RULES),
        capabilities=MappingProxyType(
            {
                as_int(capability.get("id"), 0) & _U32: read_rules(
                    capability.get("rules"), MAX_CAPABILITY_RULES
                )
                for capability in capabilities
            }
        ),
        default_capabilities=tuple(
            as_int(capability.get("id"), 0) & _U32
            for capability in capabilities
            if as_bool(capability.get("default"), False)
        ),
        default_tags=MappingProxyType(_read_default_tags(network)),
        addresses=_read_policy(network),
        dns_domain=dns_domain,
        dns_servers=dns_servers,
        tokens=MappingProxyType(_read_tokens(network.get("authTokens"))),
    )


def read_trace(holder: JsonObject) -> TraceTarget | None:
    """The trace target of a network or member, if it has one of 10 characters (04, 9.1)."""
    target = trace_target(holder.get("remoteTraceTarget"))
    if target is None:
        return None
    return TraceTarget(as_hex(target, 0), as_int(holder.get("remoteTraceLevel"), 0))


def cut(text: str) -> str:
    """At most 127 bytes of a text, cut between characters."""
    return text.encode()[:MAX_NAME].decode(errors="ignore")


def _objects(network: JsonObject, key: str) -> list[JsonObject]:
    return [element for element in as_array(network.get(key)) or () if isinstance(element, dict)]


def _read_default_tags(network: JsonObject) -> dict[int, int]:
    """Numeric defaults only: a tag without one is given to those members that have a value."""
    return {
        as_int(tag.get("id"), 0) & _U32: as_int(tag["default"], 0) & _U32
        for tag in _objects(network, "tags")
        if isinstance(tag.get("default"), (int, float))
    }


def _read_policy(network: JsonObject) -> AddressPolicy:
    pools = (_read_pool(pool) for pool in _objects(network, "ipAssignmentPools"))
    v4, v6 = (_object(network.get(key)) for key in ("v4AssignMode", "v6AssignMode"))
    return AddressPolicy(
        routes=tuple(_read_routes(network)),
        pools=tuple(pool for pool in pools if pool is not None),
        pick_ipv4=as_bool(v4.get("zt"), False),
        pick_ipv6=as_bool(v6.get("zt"), False),
        rfc4193=as_bool(v6.get("rfc4193"), False),
        six_plane=as_bool(v6.get("6plane"), False),
    )


def _read_routes(network: JsonObject) -> list[tuple[InetAddress, InetAddress | None]]:
    routes: list[tuple[InetAddress, InetAddress | None]] = []
    for route in _objects(network, "routes"):
        target, via = read_target(route.get("target")), read_address(route.get("via"))
        if target is not None:
            same_family = via is not None and via.is_ipv4 == target.is_ipv4
            routes.append((target, InetAddress(via.ip, 0) if via and same_family else None))
    return routes


def _read_pool(pool: JsonObject) -> Pool | None:
    start, end = read_address(pool.get("ipRangeStart")), read_address(pool.get("ipRangeEnd"))
    if start is None or end is None or start.is_ipv4 != end.is_ipv4:
        return None
    return start, end


def _read_dns(dns: object) -> tuple[str, tuple[InetAddress, ...]]:
    found = _object(dns)
    domain = found.get("domain")
    servers = (read_address(server) for server in as_array(found.get("servers")) or ())
    usable = tuple(server for server in servers if server is not None)
    return cut(domain) if isinstance(domain, str) else "", usable[:DNS_SERVERS]


def _read_tokens(tokens: object) -> dict[str, float]:
    return {
        token: expiry
        for token, expiry in _object(tokens).items()
        if isinstance(expiry, (int, float)) and not isinstance(expiry, bool)
    }


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
