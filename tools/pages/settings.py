"""The page of what a user may set: `local.conf`, local permissions, networks and members."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from earthline.controller.objects import member_object, network_object
from earthline.controller.objects.coercion import UnfitObject
from earthline.runtime.settings import bond_settings, setting_types, settings

from .reading import PACKAGE, Undocumented, demand_same, meanings, table, told_fields

HEAD = """# Settings

Made by `tools/references.py` from the code: change the words there.

## local.conf

A JSON object in the home folder. It is read again within 10 s after a change; *start* marks the
keys that wait for the next start. Keys that are not known are kept and shown. A wrong value stops
the start with one line that names its key; while the service runs it is logged, and nothing
changes.
"""

PERMISSIONS = """
## Local permissions of a network

What a network may do to this host: `earthline set NETWORK KEY=VALUE`, or a POST to
`/network/NETWORK`. Kept in `networks.d/NETWORK.local.conf` (05, 2.4).

"""

NETWORKS = """
## Networks of a controller

Fields of a network object, changed by a POST to `/controller/network/NETWORK` (04, 4).

"""

MEMBERS = """
## Members of a controlled network

Fields of a member object, changed by a POST to `/controller/network/NETWORK/member/ADDRESS`
(04, 5).

"""

SECTIONS = (
    (settings.Settings, "", "The whole file"),
    (settings.ServiceSettings, "settings", "`settings`"),
    (settings.OffloadSettings, "", "`settings.offload`"),
    (settings.TcpRelaySettings, "", "`settings.tcpRelay`"),
    (settings.TlsFiles, "", "`settings.tcpRelay.tls`"),
    (bond_settings.BondPolicy, "", "Each of `settings.policies`"),
    (bond_settings.BondLink, "", "Each of `links` of a policy"),
    (bond_settings.LinkQuality, "", "`linkQuality` of a policy"),
    (settings.PhysicalNetwork, "", "Each of `physical`"),
    (settings.VirtualPeer, "", "Each of `virtual`"),
)

KINDS: dict[Any, str] = {
    setting_types.AddressText: "node address",
    setting_types.EndpointText: "`ip/port`",
    setting_types.EndpointV4Text: "`ip/port`, IPv4",
    setting_types.IpNetworkText: "`ip/bits`",
    setting_types.IpText: "IP address",
    setting_types.PrefixText: "text",
    setting_types.PortNumber: "port",
    bool: "yes or no",
    str: "text",
    int: "integer",
    float: "number",
}

PERMISSION_KEYS = {
    "managed": ("allowManaged", "true; or a list of `ip/bits`: only what lies inside of these"),
    "global_": ("allowGlobal", "false"),
    "default": ("allowDefault", "false"),
    "dns": ("allowDNS", "false"),
}

FROM_THE_PATH = frozenset({"id", "nwid", "address", "objtype", "creationTime"})

TRIED: tuple[Any, ...] = (
    True,
    False,
    7,
    "1122334455",
    {"zt": True, "domain": "lan.example", "token": 1},
    [{"target": "10.0.0.0/8", "ipRangeStart": "10.0.0.1", "ipRangeEnd": "10.0.0.9", "id": 1}],
    [{"type": "ACTION_DROP"}],
    ["10.0.0.1"],
    [[1, 2]],
    [1],
)
"""Values of every shape that a field may have: one that a POST may change takes one of them."""


def page() -> str:
    """The whole page."""
    told = told_fields(PACKAGE / "runtime" / "settings" / "settings.py")
    told |= told_fields(PACKAGE / "runtime" / "settings" / "bond_settings.py")
    parts = [HEAD]
    for model, name, title in SECTIONS:
        parts.append(f"\n### {title}\n\n{_about(model)}\n\n")
        parts.append(_section(model, told[model.__name__], when=name == "settings"))
    parts += [PERMISSIONS, _permissions()]
    post = network_object.apply_post
    parts += [NETWORKS, _objects("network", network_object.FIELDS, _network, post)]
    parts += [MEMBERS, _objects("member", member_object.FIELDS, _member, _post_member)]
    return "".join(parts)


def _about(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").replace("``", "`").split())


def _section(model: type[BaseModel], told: dict[str, str], *, when: bool) -> str:
    rows = []
    for name, field in model.model_fields.items():
        if name not in told:
            raise Undocumented(f"{model.__module__}.{model.__name__}.{name} has no words below it")
        row = (f"`{field.alias or name}`", _field_kind(field), _default(field))
        start = ("start",) if name in settings.READ_AT_START else ("",)
        rows.append((*row, *(start if when else ()), told[name]))
    return table(("key", "type", "default", *(("when",) if when else ()), "effect"), rows)


def _field_kind(field: FieldInfo) -> str:
    annotation = field.annotation
    if field.metadata:
        annotation = Annotated[(annotation, *field.metadata)]
    return _kind(annotation)


def _kind(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated and (known := _known(annotation)):
        return known
    if origin is Annotated:
        return _kind(inner[0]) + _bounds(inner[1:])
    if origin in {Union, types.UnionType}:
        return _kind(next(kind for kind in inner if kind is not type(None)))
    if origin is Literal:
        return "one of " + ", ".join(f"`{value}`" for value in inner)
    if origin is list:
        return f"list of {_kind(inner[0])}"
    if origin is dict:
        return f"object by {_kind(inner[0])}"
    return KINDS.get(annotation, "object")


def _known(annotation: Any) -> str | None:
    """The words for a type of `setting_types`, which pydantic takes apart into its rules."""
    base, *rules = get_args(annotation)
    for kind, words in KINDS.items():
        if get_origin(kind) is Annotated and get_args(kind)[0] is base:
            own = [str(rule) for part in get_args(kind)[1:] for rule in _flat(part)]
            if own == [str(rule) for rule in rules]:
                return words
    return None


def _flat(rule: Any) -> list[Any]:
    return list(rule.metadata) if isinstance(rule, FieldInfo) else [rule]


def _bounds(rules: tuple[Any, ...]) -> str:
    flat = [part for rule in rules for part in _flat(rule)]
    low = next((part.ge for part in flat if hasattr(part, "ge")), None)
    high = next((part.le for part in flat if hasattr(part, "le")), None)
    if low is None or high is None:
        return f", at least {low}" if low else ""
    return f", {low} to {high}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return ""
    return "unset" if value is None else f"`{json.dumps(value)}`"


def _permissions() -> str:
    told = told_fields(PACKAGE / "runtime" / "settings" / "permissions.py")["Permissions"]
    rows = [(f"`{key}`", value, told[name]) for name, (key, value) in PERMISSION_KEYS.items()]
    return table(("key", "default", "effect when true"), rows)


def _network() -> Mapping[str, Any]:
    return network_object.complete({}, 1 << 24 | 1, 0)


def _member() -> Mapping[str, Any]:
    return member_object.complete({}, 1 << 24 | 1, 1, 0)


def _post_member(member: dict[str, Any], body: dict[str, Any]) -> None:
    member_object.apply_post(member, body, 0)


def _objects(
    kind: str,
    fields: frozenset[str],
    made: Callable[[], Mapping[str, Any]],
    post: Callable[[dict[str, Any], dict[str, Any]], None],
) -> str:
    """A row for each field: its default in a new object, and whether a POST changes it."""
    told = meanings(kind)
    demand_same(kind, set(fields), told)
    defaults = {name: value for name, value in made().items() if name not in FROM_THE_PATH}
    rows = []
    for name in sorted(fields):
        changed = [dict(made()) for _ in TRIED]
        for held, value in zip(changed, TRIED, strict=True):
            _try(post, held, {name: value})
        may = any(held.get(name) != made().get(name) for held in changed)
        shown = f"`{json.dumps(defaults[name])}`" if name in defaults else ""
        rows.append((f"`{name}`", shown, "yes" if may else "no", told[name]))
    return table(("field", "default", "by POST", "meaning"), rows)


def _try(
    post: Callable[[dict[str, Any], dict[str, Any]], None],
    held: dict[str, Any],
    body: dict[str, Any],
) -> None:
    try:
        post(held, body)
    except UnfitObject:
        return
