"""The physical side of the node: its UDP sockets, the port that a gateway maps to one of them, and
what the settings say of physical networks.

Kept up with the host's interfaces, with ``local.conf``, and with being offline (02, 7.6-7.8, 9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice

from earthline._native import Switch
from earthline.effects import Configure, SocketsChanged, SocketsOpened
from earthline.node import Node
from earthline.runtime.base.clock import now_ms
from earthline.runtime.base.watch import Watch
from earthline.runtime.host.netlink import Interface, Netlink
from earthline.runtime.portmap.lease import Site
from earthline.runtime.portmap.mapper import PortMapper
from earthline.runtime.portmap.protocols import protocols_of
from earthline.runtime.portmap.sites import find_sites
from earthline.runtime.settings.physical import node_settings
from earthline.runtime.settings.settings import SettingsFile
from earthline.runtime.sockets.extra_sockets import ExtraSockets
from earthline.runtime.sockets.sockets import (
    MAX_SOCKETS,
    Ports,
    Sockets,
    UdpDriver,
    favourite_port,
    follow_settings,
    random_port,
    usable_addresses,
    wanted_places,
    wildcard_places,
)
from earthline.runtime.sockets.ways import Source, Ways, find_ways, lead_to
from earthline.runtime.taps.taps import Taps
from earthline.wire.identity import SecretIdentity
from earthline.wire.inet import InetAddress

REBIND_S = 30.0
"""Interfaces are looked at this often, should the kernel have told nothing (02, 7.8)."""
OFFLINE_MS = 120_000
"""So long offline, and the secondary port is changed (02, 7.6)."""


class Underlay:
    """The sockets of one node, and the physical networks it may use."""

    def __init__(
        self,
        settings: SettingsFile,
        ports: Ports,
        driver: UdpDriver,
        report: Callable[[SocketsChanged | SocketsOpened], None],
        *,
        identity: SecretIdentity,
        netlink: Netlink,
        taps: Taps,
    ) -> None:
        """``report`` hands the node what is bound, whenever that changes; ``taps`` are our own."""
        self._settings = settings
        self._netlink = netlink
        self._taps = taps
        self._favourite = favourite_port(identity.address)
        self._offline_since = 0
        self._mark = settings.parsed.settings.socket_mark
        self.sockets = Sockets(driver, report, ports)
        self.extra = ExtraSockets(driver, self.sockets, report)
        self._leading: list[tuple[str, Ways]] = []
        """The devices with a usable IPv4 address, and where they lead."""
        self.rebind = Watch("sockets", REBIND_S, self.refresh)
        self.mapper = PortMapper(
            self._may_map, self._sites, protocols_of(identity), self.sockets.set_mapped
        )

    async def refresh(self) -> None:
        """Bind what is wanted now and close what is not."""
        self._change_secondary()
        try:
            interfaces = await self._netlink.interfaces()
        except OSError:
            if self.sockets.bound:
                raise  # what is bound serves until the next pass
            ways: dict[Source, Ways] = {}
            places = wildcard_places(self._settings.parsed, self.sockets.ports)
        else:
            own = self._taps.names_among(interfaces)
            physical = self._taps.without_managed(interfaces)
            ways = await self._find_ways(usable_addresses(physical, self._settings.parsed, own))
            places = wanted_places(physical, self._settings.parsed, self.sockets.ports, own)
        self.sockets.refresh(places, ways)
        self._taps.reverse_path.follow({p.index: p.device for p in places if p.device})
        self.mapper.wake()

    async def _find_ways(
        self, usable: Iterable[tuple[bytes, Interface | None]]
    ) -> dict[Source, Ways]:
        few = islice(usable, MAX_SOCKETS)
        names = {(ip, at.index): at.name for ip, at in few if len(ip) == 4 and at is not None}
        ways = await find_ways(self._netlink, names, self._mark)
        self._leading = [(name, ways[source]) for source, name in names.items()]
        return ways

    def uplinks(self, to: InetAddress) -> list[str]:
        """The devices that lead to an IPv4 address."""
        return list(dict.fromkeys(name for name, ways in self._leading if lead_to(ways, to)))

    def _may_map(self) -> bool:
        settings = self._settings.parsed.settings
        return settings.port_mapping_enabled and not settings.force_tcp_relay

    async def _sites(self) -> list[Site]:
        return await find_sites(self._netlink, self.sockets.places, self.sockets.ports.tertiary)

    def set_online(self, online: bool, now: int) -> None:
        """Whether an upstream answers."""
        if online:
            self._offline_since = 0
        elif not self._offline_since:
            self._offline_since = now

    def apply_settings(self, node: Node, switch: Switch) -> None:
        """Take over what the settings say of physical networks, as of now."""
        settings = self._settings.parsed
        switch.set_trusted_networks(settings.trusted_networks())
        node.send(Configure(node_settings(settings)), now_ms())
        self.sockets.ports = follow_settings(settings, self.sockets.ports, self._favourite)
        switch.set_mss_clamp(settings.settings.mss_clamp)
        self.rebind.wake()

    def _change_secondary(self) -> None:
        """Some NATs mishandle one port for ever: try another while nobody answers (02, 7.6)."""
        settings = self._settings.parsed.settings
        free = settings.allow_secondary_port and settings.secondary_port == 0
        offline = self._offline_since and now_ms() - self._offline_since > OFFLINE_MS
        if free and offline:
            ports = self.sockets.ports
            self.sockets.ports = replace(ports, secondary=random_port(set(ports)))
            self._offline_since = now_ms()
