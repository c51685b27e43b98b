"""Multicast groups the kernel listens to on a virtual device (03, 8.1 and 8.2)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from earthline.runtime.netlink import Interface
from earthline.wire.inet import InetAddress
from earthline.wire.multicast import group_of_ip

KERNEL_TABLE = Path("/proc/net/dev_mcast")
"""Lines of index, name, reference count, count of global uses, MAC: ``2 eth0 1 0 333300000001``."""


def kernel_groups(table: str) -> dict[str, set[int]]:
    """Multicast MACs by device name, from the text of the kernel's table."""
    groups: dict[str, set[int]] = {}
    for line in table.splitlines():
        fields = line.split()
        if len(fields) >= 5:
            groups.setdefault(fields[1], set()).add(int(fields[4], 16))
    return groups


def groups_of(macs: Iterable[int], addresses: Iterable[InetAddress]) -> tuple[tuple[int, int], ...]:
    """(MAC, ADI) of all groups of a device: the kernel's, and one for resolving each address."""
    groups = {(mac, 0) for mac in macs}
    for address in addresses:
        group = group_of_ip(address.ip)
        groups.add((group.mac, group.adi))
    return tuple(sorted(groups))


def scan(interfaces: Iterable[Interface]) -> dict[str, tuple[tuple[int, int], ...]]:
    """The groups of each of these devices as they are now."""
    macs = kernel_groups(KERNEL_TABLE.read_text())
    return {
        interface.name: groups_of(macs.get(interface.name, ()), interface.addresses)
        for interface in interfaces
    }
