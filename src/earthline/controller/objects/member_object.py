"""The member object: defaults of a new one, and what a POST may change (04, 5)."""

from __future__ import annotations

from earthline.controller.objects.coercion import (
    JsonObject,
    UnfitObject,
    as_array,
    as_bool,
    as_int,
    as_text,
    read_address,
)
from earthline.controller.objects.network_object import trace_target
from earthline.wire.address import format_address, format_network

_U32 = 0xFFFFFFFF

_NOT_STORED = (
    "clock",
    "physicalAddr",
    "recentLog",
    "lastModified",
    "lastRequestMetaData",
    "authenticationURL",
    "authenticationClientID",
)


def complete(member: JsonObject, network_id: int, address: int, now: int) -> JsonObject:
    """The member with every missing field at its default (04, 5.2); ``now`` in ms for a new one."""
    name = format_address(address)
    kept = {key: value for key, value in member.items() if key not in _NOT_STORED}
    fixed = {
        "id": name,
        "address": name,
        "nwid": format_network(network_id),
        "objtype": "member",
    }
    return _defaults(now) | kept | fixed


def apply_post(member: JsonObject, body: JsonObject, now: int) -> None:
    """Change a complete member as posted (04, 5.3). `UnfitObject` leaves it half changed."""
    for key in ("activeBridge", "noAutoAssignIps"):
        if key in body:
            member[key] = as_bool(body[key], False)
    if "name" in body:
        member["name"] = as_text(body["name"], "")
    if "authenticationExpiryTime" in body:
        member["authenticationExpiryTime"] = as_int(body["authenticationExpiryTime"], 0)
    if "remoteTraceTarget" in body:
        member["remoteTraceTarget"] = trace_target(body["remoteTraceTarget"])
    member["remoteTraceLevel"] = as_int(body.get("remoteTraceLevel"), 0)
    if "authorized" in body:
        _authorise(member, as_bool(body["authorized"], False), now)
    _apply_arrays(member, body)


def admit(member: JsonObject, credential_type: str, credential: str | None, now: int) -> None:
    """Record that the member became authorised, and by what (04, 8, item 7)."""
    member["authorized"] = True
    member["lastAuthorizedTime"] = now
    member["lastAuthorizedCredentialType"] = credential_type
    member["lastAuthorizedCredential"] = credential


def is_authorised(member: JsonObject) -> bool:
    """Whether the controller lets the member in."""
    return as_bool(member.get("authorized"), False)


def is_bridge(member: JsonObject) -> bool:
    """Whether all members are told that it is an active bridge, whether it is let in or not."""
    return as_bool(member.get("activeBridge"), False)


def tag_values(member: JsonObject) -> dict[int, int]:
    """The member's own tags, ID to value."""
    pairs = (pair for pair in as_array(member.get("tags")) or () if _is_pair(pair))
    return {as_int(pair[0], 0) & _U32: as_int(pair[1], 0) & _U32 for pair in pairs}


def _defaults(now: int) -> JsonObject:
    return {
        "activeBridge": False,
        "authenticationExpiryTime": 0,
        "authorized": False,
        "capabilities": [],
        "creationTime": now,
        "ipAssignments": [],
        "lastAuthorizedCredential": None,
        "lastAuthorizedCredentialType": None,
        "lastAuthorizedTime": 0,
        "lastDeauthorizedTime": 0,
        "noAutoAssignIps": False,
        "remoteTraceLevel": 0,
        "remoteTraceTarget": None,
        "revision": 0,
        "ssoExempt": False,
        "tags": [],
        "vMajor": -1,
        "vMinor": -1,
        "vProto": -1,
        "vRev": -1,
    }


FIELDS = frozenset(_defaults(0)) | {"id", "address", "nwid", "objtype", "identity", "name"}
"""What a stored member has (04, 5.2)."""


def _authorise(member: JsonObject, authorised: bool, now: int) -> None:
    if authorised == is_authorised(member):
        return
    if authorised:
        admit(member, "api", None, now)
    else:
        member["authorized"] = False
        member["lastDeauthorizedTime"] = now


def _apply_arrays(member: JsonObject, body: JsonObject) -> None:
    if (assignments := as_array(body.get("ipAssignments"))) is not None:
        member["ipAssignments"] = _plain_addresses(assignments)
    if as_array(body.get("tags")) is not None:
        member["tags"] = [list(pair) for pair in sorted(tag_values(body).items())]
    if (capabilities := as_array(body.get("capabilities"))) is not None:
        member["capabilities"] = sorted({as_int(number, 0) for number in capabilities})


def _plain_addresses(posted: list[object]) -> list[str]:
    if not all(isinstance(text, str) for text in posted):
        raise UnfitObject("every element of ipAssignments must be a string")
    found = (read_address(text) for text in posted)
    return list(dict.fromkeys(address.ip_text for address in found if address is not None))


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2
