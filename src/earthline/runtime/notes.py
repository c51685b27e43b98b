"""What a user should know about a network on this host: what was not applied, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from earthline.runtime.bridge.journal import Bridging
from earthline.runtime.routes import HALVES
from earthline.runtime.taps import Tap

RP_FILTERS = Path("/proc/sys/net/ipv4/conf")
STRICT = 1
"""Packets are dropped whose way back would lead over another interface (RFC 3704)."""


def host_notes(tap: Tap, bridging: Bridging | None, *, online: bool) -> list[str]:
    """One line for each thing that is not as the controller wants it, or not as it should be."""
    notes = [*_refused(tap), *_default_route(tap, online=online), *_names(tap)]
    if bridging is not None and 0 < bridging.mtu < tap.wanted.mtu:
        notes.append(
            f"frames of more than {bridging.mtu} bytes do not reach {bridging.interface}: "
            f"its controller should give this network an MTU of {bridging.mtu}"
        )
    return notes


def _refused(tap: Tap) -> Iterator[str]:
    items = [("address", address) for address in tap.wanted.addresses]
    items += [("route", route.target) for route in tap.wanted.routes]
    for what, item in items:
        if (reason := tap.permissions.refusal(item)) is not None:
            yield f"{what} {item} is not applied: {reason}"


def _default_route(tap: Tap, *, online: bool) -> Iterator[str]:
    offered = any(route.target.is_default_route for route in tap.wanted.routes)
    if offered and tap.permissions.default and not online:
        yield "the default route waits until this node is online"
    if note := reverse_path_note(tap):
        yield note


def reverse_path_note(tap: Tap) -> str:
    """That the kernel drops answers from outside; empty if it does not."""
    if not any(route.target in HALVES[4] for route in tap.routes):
        return ""
    strict = sorted(strict_interfaces())
    if not strict:
        return ""
    return (
        f"{', '.join(strict)} drops what comes from outside while the default route leads "
        "over this network: set net.ipv4.conf.all.rp_filter=2"
    )


def strict_interfaces() -> frozenset[str]:
    """The kernel goes by the larger of an interface's own setting and that for all."""
    settings = {path.parent.name: int(path.read_text()) for path in RP_FILTERS.glob("*/rp_filter")}
    everywhere = settings.pop("all", 0)
    strict = {name for name, own in settings.items() if max(own, everywhere) == STRICT}
    return frozenset(strict - {"lo", "default"})


def _names(tap: Tap) -> Iterator[str]:
    domain = tap.wanted.dns_domain
    if not domain or not tap.wanted.dns_servers:
        return
    if not tap.permissions.dns:
        yield f"the name servers for {domain} are not used: allowDNS is off"
    elif tap.bridge:
        yield f"the name servers for {domain} are not used: a bridged network has no link for them"
    elif tap.names is None and tap.names_error:
        yield f"the name servers for {domain} are not used: {tap.names_error}"
