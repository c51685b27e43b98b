"""multicastgroup.json: the group in which an IP is resolved (01, 5.4)."""

from __future__ import annotations

import pytest

from earthline.wire.inet import InetAddress
from earthline.wire.multicast import group_of_ip, read_group
from earthline.wire.reader import Reader


def check_group(case):
    group = group_of_ip(InetAddress.parse(case["ip"]).ip)
    assert f"{group.mac:012x}" == case["mac"]
    assert group.adi == case["adi"]
    assert f"{group.adi:08x}" == case["adi_hex"]
    assert read_group(Reader(group.emit())) == group


@pytest.mark.vectors("multicastgroup")
def test_multicastgroup(run_check):
    run_check({None: check_group})
