"""The physical side of the node: its UDP sockets and what the settings say of physical networks.

Kept up with the host's interfaces, with ``local.conf``, and with being offline (02, 7.6, 7.8, 9).
"""

from __future__ import annotations

from collections.abc import Callable

from earthline._native import Switch
from earthline.effects import SocketsChanged
from earthline.node import Node
from earthline.runtime.clock import now_ms
from earthline.runtime.netlink import Netlink
from earthline.runtime.physical import path_allowed, physical_networks
from earthline.runtime.settings import SettingsFile
from earthline.runtime.sockets import (
    WILDCARDS,
    Place,
    Ports,
    Sockets,
    UdpDriver,
    random_port,
    wanted_places,
)
from earthline.runtime.taps import Taps
from earthline.runtime.watch import Watch

REBIND_S = 30.0
OFFLINE_MS = 120_000
"""So long offline, and the secondary port is changed (02, 7.6)."""


class Underlay:
    """The sockets of one node, and the physical networks it may use."""

    def __init__(
        self,
        settings: SettingsFile,
        ports: Ports,
        driver: UdpDriver,
        report: Callable[[SocketsChanged], None],
        *,
        netlink: Netlink,
        taps: Taps,
    ) -> None:
        """``report`` hands the node what is bound, whenever that changes; ``taps`` are our own."""
        self._settings = settings
        self._netlink = netlink
        self._taps = taps
        self._offline_since = 0
        self.sockets = Sockets(driver, report, ports)
        self.rebind = Watch("sockets", REBIND_S, self.refresh)

    async def refresh(self) -> None:
        """Bind what is wanted now and close what is not."""
        self._change_secondary()
        own = self._taps.by_device
        try:
            interfaces = await self._netlink.interfaces()
        except OSError:
            if self.sockets.bound:
                raise  # what is bound serves until the next pass
            places = [Place(ip, port, None) for ip in WILDCARDS for port in self.sockets.ports]
        else:
            physical = self._taps.without_managed(interfaces)
            places = wanted_places(physical, self._settings.parsed, self.sockets.ports, own)
        self.sockets.refresh(places)

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
        node.peers.physical.configure(physical_networks(settings))
        node.peers.local.path_allowed = lambda peer, end: path_allowed(settings, peer, end)
        self.rebind.wake()

    def _change_secondary(self) -> None:
        """Some NATs mishandle one port for ever: try another while nobody answers (02, 7.6)."""
        settings = self._settings.parsed.settings
        free = settings.allow_secondary_port and settings.secondary_port == 0
        offline = self._offline_since and now_ms() - self._offline_since > OFFLINE_MS
        if free and offline:
            primary = self.sockets.ports.primary
            self.sockets.ports = Ports(primary, random_port({primary}))
            self._offline_since = now_ms()
