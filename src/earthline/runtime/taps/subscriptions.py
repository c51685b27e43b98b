"""Multicast groups the kernel listens to on a virtual device (03, 8.1 and 8.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from earthline.effects import SubscriptionsChanged
from earthline.runtime.base.watch import Watch
from earthline.runtime.host.netlink import Netlink
from earthline.runtime.taps.taps import Taps
from earthline.wire.inet import InetAddress
from earthline.wire.multicast import group_of_ip

KERNEL_TABLE = Path("/proc/net/dev_mcast")
"""Lines of index, name, reference count, count of global uses, MAC: ``2 eth0 1 0 333300000001``."""

SCAN_S = 5.0
"""The kernel does not tell of groups."""


class Subscriptions:
    """Has the node know the groups of our devices.

    The kernel tells of addresses, so those of the whole host, which may have hundreds of
    interfaces, are only asked for when some of ours may have changed.
    """

    def __init__(
        self, netlink: Netlink, taps: Taps, report: Callable[[SubscriptionsChanged], None]
    ) -> None:
        self.watch = Watch("subscriptions", SCAN_S, self.look)
        self._netlink = netlink
        self._taps = taps
        self._report = report
        self._addresses: dict[int, tuple[InetAddress, ...]] = {}
        self._stale = True
        self._known: dict[int, tuple[tuple[int, int], ...]] = {}

    def changed(self) -> None:
        """Addresses of our devices, or the devices, may be others now."""
        self._stale = True
        self.watch.wake()

    def forget(self, network: int) -> None:
        """The network was left; when it is joined again, nothing is known of it."""
        self._known.pop(network, None)

    async def look(self) -> None:
        """Compare what the kernel has with what the node knows, and report the difference."""
        if self._stale:
            self._stale = False
            try:
                interfaces = await self._netlink.interfaces()
            except OSError:
                self._stale = True
                raise
            self._addresses = {i.index: i.addresses for i in interfaces}
        self._compare()

    def _compare(self) -> None:
        macs = kernel_groups(KERNEL_TABLE.read_text())
        for index, network in self._taps.by_index.items():
            if index not in self._addresses:
                continue  # younger than what was read: it is told of
            groups = groups_of(macs.get(index, ()), self._addresses[index])
            if self._known.get(network) != groups:
                self._known[network] = groups
                self._report(SubscriptionsChanged(network, groups))


def kernel_groups(table: str) -> dict[int, set[int]]:
    """Multicast MACs by the index of the device, from the text of the kernel's table."""
    groups: dict[int, set[int]] = {}
    for line in table.splitlines():
        fields = line.split()
        if len(fields) >= 5:
            groups.setdefault(int(fields[0]), set()).add(int(fields[4], 16))
    return groups


def groups_of(macs: Iterable[int], addresses: Iterable[InetAddress]) -> tuple[tuple[int, int], ...]:
    """(MAC, ADI) of all groups of a device: the kernel's, and one for resolving each address."""
    groups = {(mac, 0) for mac in macs}
    for address in addresses:
        group = group_of_ip(address.ip)
        groups.add((group.mac, group.adi))
    return tuple(sorted(groups))
