"""The network object: defaults of a new one, and what a POST may change (04, 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from earthline.controller.objects.coercion import (
    JsonObject,
    as_array,
    as_bool,
    as_int,
    as_text,
    read_address,
    read_target,
)
from earthline.controller.objects.rules_json import normalise_rules
from earthline.wire.address import format_network
from earthline.wire.network_config import DEFAULT_MTU, MAX_MTU, MIN_MTU

DEFAULT_MULTICAST_LIMIT = 32
"""Recipients of one multicast frame (04, 4.2)."""

_V6_MODES = ("6plane", "rfc4193", "zt")
_NOT_STORED = (
    "clock",
    "authorizedMemberCount",
    "activeMemberCount",
    "totalMemberCount",
    "lastModified",
)


def complete(network: JsonObject, network_id: int, now: int) -> JsonObject:
    """The network with each missing field at its default (04, 4.2); ``now`` in ms for a new one."""
    name = format_network(network_id)
    kept = {key: value for key, value in network.items() if key not in _NOT_STORED}
    return _defaults(now) | kept | {"id": name, "nwid": name, "objtype": "network"}


def apply_post(network: JsonObject, body: JsonObject) -> None:
    """Change a complete network as posted: each key present replaces its whole field (04, 4.2)."""
    for key, rule in _RULES.items():
        if key in body:
            rule(network, body[key])
    # The level does not outlive a POST without it (04, 4.4).
    network["remoteTraceLevel"] = as_int(body.get("remoteTraceLevel"), 0)


def trace_target(value: object) -> str | None:
    """An address of exactly 10 characters, else None."""
    text = as_text(value, "")
    return text if len(text) == 10 else None


def clamp_mtu(mtu: int) -> int:
    """The MTU within what members take: 1280 to 10000 bytes."""
    return min(max(mtu, MIN_MTU), MAX_MTU)


def _defaults(now: int) -> JsonObject:
    return {
        "authTokens": [None],
        "authorizationEndpoint": "",
        "capabilities": [],
        "clientId": "",
        "creationTime": now,
        "dns": [],
        "enableBroadcast": True,
        "ipAssignmentPools": [],
        "mtu": DEFAULT_MTU,
        "multicastLimit": DEFAULT_MULTICAST_LIMIT,
        "name": "",
        "private": True,
        "remoteTraceLevel": 0,
        "remoteTraceTarget": None,
        "revision": 0,
        "routes": [],
        "rules": [{"not": False, "or": False, "type": "ACTION_ACCEPT"}],
        "rulesSource": "",
        "ssoEnabled": False,
        "tags": [],
        "v4AssignMode": {"zt": False},
        "v6AssignMode": dict.fromkeys(_V6_MODES, False),
    }


FIELDS = frozenset(_defaults(0)) | {"id", "nwid", "objtype", "certificateTimeoutWindowSize"}
"""What a stored network has (04, 4.2)."""


# --- structured fields (04, 4.3) ------------------------------------------------------------------


def _v4_mode(posted: object) -> JsonObject:
    if isinstance(posted, dict):
        return {"zt": as_bool(posted.get("zt"), False)}
    return {"zt": posted == "zt"}


def _v6_mode(posted: object) -> JsonObject:
    if isinstance(posted, dict):
        return {mode: as_bool(posted[mode], False) for mode in _V6_MODES if mode in posted}
    words = posted.split(",") if isinstance(posted, str) else []
    return {mode: mode in words for mode in _V6_MODES}


def _route(posted: object) -> JsonObject | None:
    target = read_target(posted.get("target")) if isinstance(posted, dict) else None
    if not isinstance(posted, dict) or target is None:
        return None
    via = read_address(posted.get("via"))
    same_family = via is not None and via.is_ipv4 == target.is_ipv4
    return {"target": str(target), "via": via.ip_text if via and same_family else None}


def _pool(posted: object) -> JsonObject | None:
    if not isinstance(posted, dict):
        return None
    start, end = (read_address(posted.get(key)) for key in ("ipRangeStart", "ipRangeEnd"))
    if start is None or end is None or start.is_ipv4 != end.is_ipv4:
        return None
    return {"ipRangeEnd": end.ip_text, "ipRangeStart": start.ip_text}


def _capability(posted: JsonObject) -> JsonObject:
    return {
        "id": as_int(posted.get("id"), 0),
        "default": as_bool(posted.get("default"), False),
        "rules": normalise_rules(posted.get("rules")),
    }


def _tag(posted: JsonObject) -> JsonObject:
    default = posted.get("default")
    value = None if default is None else as_int(default, 0)
    return {"id": as_int(posted.get("id"), 0), "default": value}


def _dns(network: JsonObject, posted: object) -> None:
    if not isinstance(posted, dict):
        return
    servers = as_array(posted.get("servers"))
    dns = {"domain": posted.get("domain")}
    network["dns"] = dns if servers is None else {**dns, "servers": servers}


def _auth_tokens(posted: object) -> Any:
    if not isinstance(posted, dict):
        return [None]
    tokens = {
        token: expiry
        for token, expiry in posted.items()
        if isinstance(expiry, (int, float)) and not isinstance(expiry, bool) and expiry >= 0
    }
    return tokens or None


# --- what may be posted ---------------------------------------------------------------------------

_Rule = Callable[[JsonObject, object], None]


def _field(key: str, read: Callable[[object], Any]) -> dict[str, _Rule]:
    def rule(network: JsonObject, posted: object) -> None:
        network[key] = read(posted)

    return {key: rule}


def _elements(key: str, read: Callable[[object], JsonObject | None]) -> dict[str, _Rule]:
    """An array whose fit elements are kept; anything else leaves the field as it is."""

    def rule(network: JsonObject, posted: object) -> None:
        if (array := as_array(posted)) is not None:
            read_elements = (read(element) for element in array)
            network[key] = [element for element in read_elements if element is not None]

    return {key: rule}


def _numbered(key: str, read: Callable[[JsonObject], JsonObject]) -> dict[str, _Rule]:
    """An array of objects with an ID: the last of an ID wins, in order of ID."""

    def rule(network: JsonObject, posted: object) -> None:
        if (array := as_array(posted)) is not None:
            found = [read(element) for element in array if isinstance(element, dict)]
            by_id = {element["id"]: element for element in found}
            network[key] = [by_id[number] for number in sorted(by_id)]

    return {key: rule}


def _rules(network: JsonObject, posted: object) -> None:
    if isinstance(posted, list):
        network["rules"] = normalise_rules(posted)


_RULES: dict[str, _Rule] = (
    _field("name", lambda posted: as_text(posted, ""))
    | _field("private", lambda posted: as_bool(posted, True))
    | _field("enableBroadcast", lambda posted: as_bool(posted, False))
    | _field("multicastLimit", lambda posted: as_int(posted, DEFAULT_MULTICAST_LIMIT))
    | _field("mtu", lambda posted: clamp_mtu(as_int(posted, DEFAULT_MTU)))
    | _field("remoteTraceTarget", trace_target)
    | _field("v4AssignMode", _v4_mode)
    | _field("v6AssignMode", _v6_mode)
    | _elements("routes", _route)
    | _elements("ipAssignmentPools", _pool)
    | {"rules": _rules, "dns": _dns}
    | _numbered("capabilities", _capability)
    | _numbered("tags", _tag)
    | _field("authTokens", _auth_tokens)
)
