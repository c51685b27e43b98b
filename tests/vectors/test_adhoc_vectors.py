"""adhoc.json: configurations made up from the network ID (03, 1.3)."""

from __future__ import annotations

import pytest

from earthline.vl2.config.adhoc import NoConfig, synthesise
from earthline.wire.inet import InetAddress
from earthline.wire.mac import mac_of
from earthline.wire.network_config import NetworkConfig

NOW = 1_700_000_000_000

STATUS = {NoConfig.BAD_RANGE: "not_found", NoConfig.UNKNOWN_SHAPE: "requesting_configuration"}


@pytest.mark.vectors("adhoc")
def test_adhoc(document, case):
    network, address = int(case["network_id"], 16), int(case["address"], 16)
    made = synthesise(network, address, NOW)
    if not case["has_config"]:
        assert STATUS[made] == case["status"]
        return
    expected = case["config"]
    assert f"{mac_of(address, network):012x}" == case["mac"]
    assert made == NetworkConfig(
        network=network,
        issued_to=address,
        timestamp=NOW,
        credential_max_delta=expected["credential_time_max_delta"],
        revision=int(expected["revision"], 16),
        flags=int(expected["flags"], 16),
        mtu=expected["mtu"],
        multicast_limit=expected["multicast_limit"],
        public=expected["type"] == 1,
        name=expected["name"],
        specialists=tuple(int(s, 16) for s in expected["specialists"]),
        static_ips=tuple(InetAddress.parse(ip) for ip in expected["static_ips"]),
        rules=bytes.fromhex(case["rules_blob"]),
    )
