"""Whether an interface may be bridged to a network, and by which: each no says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from earthline.runtime.bridge.kernel import Link
from earthline.runtime.taps.devices import NAME_MAX, device_names, name_fault
from earthline.wire.address import controller_of, format_address, format_network


class BridgeRefused(Exception):
    """Why not, in one line."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for."""

    network: int
    interface: str
    bridge: str | None = None
    roll_back_ms: int = 0
    """Undo unless confirmed within this time; 0: stay."""
    move_default_route: bool = False
    """The interface may carry the way out of this machine."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The interface, and the bridge it is in or is to be in."""

    interface: Link
    bridge: str
    existing: Link | None
    """The bridge where it stands already."""


def choose_bridge(wish: Wish, device: str, links: Mapping[str, Link]) -> Choice:
    """Find the bridge for a wish; `BridgeRefused` where an interface will not do.

    ``device`` is the network's own interface.
    """
    interface = links.get(wish.interface)
    if interface is None:
        raise BridgeRefused(f"there is no interface {wish.interface}: `ip link` lists them")
    if interface.name in {"lo", device}:
        raise BridgeRefused(
            f"{interface.name} is not a physical interface: `ip link` lists those there are"
        )
    existing = _bridge_of(interface, links)
    if existing is None:
        return Choice(interface, _free_name(wish, links), None)
    if wish.bridge not in {None, existing.name}:
        raise BridgeRefused(
            f"{interface.name} is in bridge {existing.name}, not {wish.bridge}: leave --bridge out"
        )
    _demand_no_loop(wish.network, existing, links)
    return Choice(interface, existing.name, existing)


def _bridge_of(interface: Link, links: Mapping[str, Link]) -> Link | None:
    if interface.kind == "bridge":
        return interface
    if not interface.master:
        return None
    master = next(link for link in links.values() if link.index == interface.master)
    if master.kind != "bridge":
        raise BridgeRefused(
            f"{interface.name} is a part of {master.name} ({master.kind}): bridge that"
        )
    return master


def _free_name(wish: Wish, links: Mapping[str, Link]) -> str:
    name = wish.bridge or f"br-{wish.interface}"[:NAME_MAX]
    if fault := name_fault(name):
        raise BridgeRefused(f"{name!r} is not a name for an interface: {fault}")
    if name in links:
        raise BridgeRefused(f"{name} exists, and {wish.interface} is not in it: choose --bridge")
    return name


def _demand_no_loop(network: int, bridge: Link, links: Mapping[str, Link]) -> None:
    """No port of a standing bridge may lead to the network: a frame would circle for ever."""
    names = set(device_names(network))
    for link in links.values():
        if link.master == bridge.index and link.name in names:
            raise BridgeRefused(
                f"a loop: {bridge.name} already reaches {format_network(network)} through "
                f"{link.name}: take one of the two out of it"
            )


def demand_active_bridge(network: int, address: int, is_bridge: bool) -> None:
    """Only an active bridge may send for others (03, 7.3): the controller must say so."""
    if not is_bridge:
        network_id, member = format_network(network), format_address(address)
        raise BridgeRefused(
            f"this node is not an active bridge of {network_id}: on its controller "
            f"{format_address(controller_of(network))} run "
            f"`earthline member bridge {network_id} {member} on`"
        )


def demand_movable(wish: Wish, choice: Choice, carries_default_route: bool) -> None:
    """The way to this machine is not moved without asking: it may be how the user came here."""
    if carries_default_route and choice.existing is None and not wish.move_default_route:
        raise BridgeRefused(
            f"{wish.interface} carries the default route: if connections to this machine may move "
            "to a bridge, pass --yes-move-default-route"
        )
