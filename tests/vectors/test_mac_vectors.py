"""mac.json: MACs of members and back (01, 5.3)."""

from __future__ import annotations

import pytest

from earthline.wire import mac as macs


def check_classes(case, mac):
    assert macs.format_mac(mac) == case["mac_text"]
    assert macs.parse_mac(case["mac_text"]) == mac
    assert macs.is_multicast(mac) is case["is_multicast"]
    assert macs.is_locally_administered(mac) is case["is_locally_administered"]


def check_derive(case):
    address, network = int(case["address"], 16), int(case["network_id"], 16)
    mac = macs.mac_of(address, network)
    assert f"{mac:012x}" == case["mac"]
    assert mac >> 40 == case["first_octet"]
    assert f"{macs.address_of(mac, network):010x}" == case["back_to_address"]
    check_classes(case, mac)


def check_classify(case):
    mac, network = int(case["mac"], 16), int(case["network_id"], 16)
    check_classes(case, mac)
    assert (mac == macs.BROADCAST) is case["is_broadcast"]
    # The inverse is the same sum whatever the first octet; ours says when it means nothing.
    own = macs.mac_of(int(case["back_to_address"], 16), network)
    assert own & 0xFFFFFFFFFF == mac & 0xFFFFFFFFFF
    belongs = own == mac
    assert macs.address_of(mac, network) == (int(case["back_to_address"], 16) if belongs else None)


@pytest.mark.vectors("mac")
def test_mac(run_check):
    run_check({"derive": check_derive, "classify": check_classify})
