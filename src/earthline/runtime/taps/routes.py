"""Which kernel routes a network's configuration amounts to on this host (03, 9.3 and 05, 8.5)."""

from __future__ import annotations

from collections.abc import Iterable

from earthline.effects import ConfigureTap, Route
from earthline.runtime.host.netlink import KernelRoute
from earthline.runtime.settings.permissions import Permissions
from earthline.wire.inet import InetAddress

HALVES = {
    4: (InetAddress(bytes(4), 1), InetAddress(b"\x80" + bytes(3), 1)),
    16: (InetAddress(bytes(16), 1), InetAddress(b"\x80" + bytes(15), 1)),
}
"""A default route is installed as two halves, so that the host's own stays untouched."""


def allowed_addresses(command: ConfigureTap, permissions: Permissions) -> list[InetAddress]:
    """The assigned addresses that the user lets us apply, sorted, unique."""
    return sorted({address for address in command.addresses if permissions.allow(address)})


def kernel_routes(
    command: ConfigureTap, permissions: Permissions, *, online: bool
) -> list[KernelRoute]:
    """The routes to install, direct ones first; a default route only while ``online``."""
    addresses = allowed_addresses(command, permissions)
    wanted: dict[InetAddress, KernelRoute] = {}
    for route in sorted(command.routes, key=lambda route: route.via is not None):
        if not permissions.allow(route.target) or (route.target.is_default_route and not online):
            continue
        for target in _targets(route.target):
            if target not in wanted and (kernel := _kernel_route(target, route, addresses)):
                wanted[target] = kernel
    return list(wanted.values())


def _targets(target: InetAddress) -> tuple[InetAddress, ...]:
    return HALVES[len(target.ip)] if target.is_default_route else (target,)


def _kernel_route(
    target: InetAddress, route: Route, addresses: Iterable[InetAddress]
) -> KernelRoute | None:
    """The route on our device; None where it is pointless, impossible, or implied by an address."""
    family = [address for address in addresses if len(address.ip) == len(target.ip)]
    if not family or (route.via is not None and any(a.ip == route.via.ip for a in family)):
        return None
    if any(address.port == target.port and target.contains(address) for address in family):
        return None
    if route.via is not None and len(route.via.ip) != len(target.ip):
        return None
    source = max(family, key=lambda address: common_prefix(address.ip, target.ip))
    return KernelRoute(target, route.via, source)


def common_prefix(one: bytes, other: bytes) -> int:
    """How many leading bits two IPs of one family share."""
    difference = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
    return len(one) * 8 - difference.bit_length()
