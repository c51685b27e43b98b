"""Multicast groups of a device (03, 8.1 and 8.2)."""

from __future__ import annotations

from earthline.runtime.subscriptions import groups_of, kernel_groups
from earthline.wire.inet import InetAddress

TABLE = """\
2    eth0            1     0     333300000001
2    eth0            1     0     01005e000001
7    ztnl3gfxtx      1     0     333300000001
7    ztnl3gfxtx      2     0     3333ffebfae1
nonsense
"""


def test_kernel_table_is_read_by_device():
    assert kernel_groups(TABLE) == {
        "eth0": {0x333300000001, 0x01005E000001},
        "ztnl3gfxtx": {0x333300000001, 0x3333FFEBFAE1},
    }


def test_each_address_adds_its_resolution_group():
    addresses = [InetAddress.parse("10.7.0.59/16"), InetAddress.parse("fd12::e6cb/64")]
    assert groups_of({0x01005E000001}, addresses) == (
        (0x01005E000001, 0),
        (0x3333FF00E6CB, 0),
        (0xFFFFFFFFFFFF, 168230971),
    )
