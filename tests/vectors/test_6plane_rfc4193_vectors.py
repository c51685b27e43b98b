"""6plane_rfc4193.json: computed IPv6 addresses (03, 9.1; 01, 5.3)."""

from __future__ import annotations

import pytest

from earthline.wire.computed_ip import rfc4193, six_plane
from earthline.wire.inet import InetAddress
from earthline.wire.mac import link_local_of


def check_managed(case):
    network, address = int(case["network_id"], 16), int(case["address"], 16)
    assert str(six_plane(network, address)) == case["sixplane"]
    assert six_plane(network, address).ip.hex() == case["sixplane_bytes"]
    assert str(rfc4193(network, address)) == case["rfc4193"]
    assert rfc4193(network, address).ip.hex() == case["rfc4193_bytes"]


def check_link_local(case):
    ip = link_local_of(int(case["mac"], 16))
    assert ip.hex() == case["ip_bytes"]
    assert InetAddress(ip, case["prefix_bits"]).ip_text == case["ip"]


@pytest.mark.vectors("6plane_rfc4193")
def test_6plane_rfc4193(run_check):
    run_check({"managed": check_managed, "link_local": check_link_local})
