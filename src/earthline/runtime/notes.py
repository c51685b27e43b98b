"""What a user should know about a network on this host: what was not applied, and why."""

from __future__ import annotations

from collections.abc import Iterator

from earthline.runtime.bridge.journal import Bridging
from earthline.runtime.taps.taps import Tap


def host_notes(tap: Tap, bridging: Bridging | None, *, online: bool) -> list[str]:
    """One line for each thing that is not as the controller wants it, or not as it should be."""
    notes = [tap.wish_error] if tap.wish_error else []
    notes += [*_refused(tap), *_default_route(tap, online=online), *_names(tap)]
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
    if not offered or not tap.permissions.default:
        return
    if not online:
        yield "the default route waits until this node is online"
    elif tap.default_error:
        yield f"the default route is not applied: {tap.default_error}"


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
