"""What the switch is told of peers: sessions, routes, known paths, the relay; differences only."""

from __future__ import annotations

from dataclasses import dataclass

from earthline.effects import (
    InstallPaths,
    InstallRelay,
    InstallRoute,
    InstallSession,
    Path,
    RemoveSession,
)
from earthline.vl1.ground.local import Local
from earthline.vl1.paths.mtu import PathSizes
from earthline.vl1.peers.peer import Peer
from earthline.vl1.peers.physical import PhysicalNetworks
from earthline.vl1.peers.routes import Route, Routes
from earthline.vl1.peers.topology import Topology
from earthline.wire.address import format_address
from earthline.wire.inet import InetAddress


@dataclass(slots=True)
class Installed:
    """What the switch holds for one peer."""

    suite: int
    route: InstallRoute
    paths: tuple[Path, ...] = ()


class SwitchTables:
    """Mirrors the switch's tables."""

    def __init__(
        self,
        local: Local,
        topology: Topology,
        routes: Routes,
        physical: PhysicalNetworks,
        sizes: PathSizes,
    ) -> None:
        self._local = local
        self._topology = topology
        self._routes = routes
        self._physical = physical
        self._sizes = sizes
        self._installed: dict[int, Installed] = {}
        self._relay = InstallRelay(open=False, upstream=0, path=None)

    def update(self, peer: Peer, now: int) -> bool:
        """Bring a peer's entries up to date; whether a route appeared where there was none."""
        entry, suite = self._installed.get(peer.address), peer.suite
        if entry is None or entry.suite != suite:
            public_key = peer.identity.public_key
            self._local.emit(InstallSession(peer.address, peer.key, suite, public_key))
        if entry is None:
            entry = Installed(suite, InstallRoute(peer.address, None, direct=False))
            self._installed[peer.address] = entry
        entry.suite = suite
        self._update_paths(peer, entry)
        return self._update_route(peer, entry, now)

    def _update_paths(self, peer: Peer, entry: Installed) -> None:
        paths = tuple(sorted(slot.path.key for slot in peer.slots))
        if paths != entry.paths:
            entry.paths = paths
            self._local.emit(InstallPaths(peer.address, paths))

    def _update_route(self, peer: Peer, entry: Installed, now: int) -> bool:
        before = entry.route
        after = self._route_entry(peer, self._routes.of(peer, now))
        if after == before:
            return False
        entry.route = after
        self._local.emit(after)
        self._report(before, after)
        return before.path is None

    def _route_entry(self, peer: Peer, route: Route | None) -> InstallRoute:
        if route is None:
            return InstallRoute(peer.address, None, direct=False)
        endpoint = route.path.address
        # Behind a relay there may be any path: what the way to the relay carries says nothing.
        own = self._sizes.of(peer.address, route.path) if route.direct else None
        return InstallRoute(
            peer.address,
            route.path.key,
            route.direct,
            self._physical.mtu(endpoint) if own is None else own,
            self._physical.trusted_path_id(endpoint),
        )

    def _report(self, before: InstallRoute, after: InstallRoute) -> None:
        """Say when a peer becomes direct, or falls back to its relay or to nothing."""
        address = format_address(after.address)
        if after.direct and not before.direct:
            self._local.report("peer_direct", address=address, path=_text(after.path))
        elif after.path is not None and not after.direct and (before.direct or not before.path):
            self._local.report("peer_relayed", address=address)
        elif after.path is None:
            self._local.report("peer_unreachable", address=address)

    def remove(self, address: int) -> None:
        """Take a forgotten peer's entries out of the switch."""
        if self._installed.pop(address, None) is not None:
            self._local.emit(RemoveSession(address))

    def update_relay(self, now: int) -> bool:
        """Bring the relay's entry up to date; whether it changed."""
        relay = self._routes.relay(now)
        path = None if relay.path is None else relay.path.key
        entry = InstallRelay(self._topology.worlds.acting_as_upstream, relay.upstream, path)
        if entry == self._relay:
            return False
        self._relay = entry
        self._local.emit(entry)
        return True

    def route_of(self, address: int) -> InstallRoute | None:
        """The installed route of a peer, if it leads anywhere."""
        entry = self._installed.get(address)
        return None if entry is None or entry.route.path is None else entry.route


def _text(path: Path | None) -> str:
    return "" if path is None else str(InetAddress(path[1], path[2]))
