"""Multicast groups of a device (03, 8.1 and 8.2)."""

from __future__ import annotations

import pytest

from earthline.runtime.host.netlink import Interface
from earthline.runtime.taps import subscriptions
from earthline.runtime.taps.subscriptions import Subscriptions, groups_of, kernel_groups
from earthline.wire.inet import InetAddress

NETWORK = 0xB48062DE76000001
TABLE = """\
2    eth0            1     0     333300000001
2    eth0            1     0     01005e000001
7    ztnl3gfxtx      1     0     333300000001
7    ztnl3gfxtx      2     0     3333ffebfae1
nonsense
"""


def test_kernel_table_is_read_by_device():
    assert kernel_groups(TABLE) == {
        2: {0x333300000001, 0x01005E000001},
        7: {0x333300000001, 0x3333FFEBFAE1},
    }


def test_each_address_adds_its_resolution_group():
    addresses = [InetAddress.parse("10.7.0.59/16"), InetAddress.parse("fd12::e6cb/64")]
    assert groups_of({0x01005E000001}, addresses) == (
        (0x01005E000001, 0),
        (0x3333FF00E6CB, 0),
        (0xFFFFFFFFFFFF, 168230971),
    )


class Kernel:
    """Netlink and our devices at once; counts how often all of the host is asked for."""

    def __init__(self):
        self.address = "10.7.0.59/16"
        self.asked = 0
        self.by_index = {7: NETWORK}

    async def interfaces(self):
        self.asked += 1
        return [Interface(7, "ztnl3gfxtx", True, (InetAddress.parse(self.address),))]


@pytest.fixture
def table(monkeypatch, tmp_path):
    table = tmp_path / "dev_mcast"
    table.write_text(TABLE)
    monkeypatch.setattr(subscriptions, "KERNEL_TABLE", table)
    return table


async def passes(watched, count):
    """So many looks at the kernel, one after the other."""
    for _ in range(count):
        await watched.look()


async def test_host_is_asked_for_its_addresses_only_when_some_changed(table):
    kernel, reports = Kernel(), []
    watched = Subscriptions(kernel, kernel, reports.append)
    await passes(watched, 5)
    assert (kernel.asked, len(reports)) == (1, 1)
    kernel.address = "10.7.0.60/16"
    watched.changed()
    await passes(watched, 5)
    assert kernel.asked == 2
    assert (0xFFFFFFFFFFFF, 0x0A07003C) in reports[1].groups


async def test_group_that_an_application_joins_is_told_of_though_no_address_changed(table):
    kernel, reports = Kernel(), []
    watched = Subscriptions(kernel, kernel, reports.append)
    await passes(watched, 1)
    table.write_text(f"{TABLE}7    ztnl3gfxtx      1     0     333300001234\n")
    await passes(watched, 1)
    assert (0x333300001234, 0) in reports[1].groups
    assert kernel.asked == 1


async def test_renamed_device_keeps_its_groups(table):
    kernel, reports = Kernel(), []
    watched = Subscriptions(kernel, kernel, reports.append)
    await passes(watched, 1)
    table.write_text(TABLE.replace("ztnl3gfxtx", "office0"))
    watched.changed()
    await passes(watched, 1)
    assert len(reports) == 1
    assert (0x3333FFEBFAE1, 0) in reports[0].groups
