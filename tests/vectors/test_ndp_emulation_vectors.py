"""ndp_emulation.json: neighbour solicitations answered locally (03, 8.8)."""

from __future__ import annotations

import pytest

from earthline.vl2.frames.neighbour import emulate
from earthline.wire.inet import InetAddress


@pytest.mark.vectors("ndp_emulation")
def test_ndp_emulation(document, case):
    ethertype = case["ether_type"].to_bytes(2, "big").hex()
    frame = case["destination_mac"] + case["source_mac"] + ethertype + case["frame"]
    # Without the network's flag the switch does not even ask.
    answer = None
    if case["ndp_emulation_flag"]:
        answer = emulate(
            bytes.fromhex(frame),
            int(case["network_id"], 16),
            int(case["self_address"], 16),
            [InetAddress.parse(ip) for ip in case["static_ips"]],
        )
    expected = [
        bytes.fromhex(back["destination_mac"] + back["source_mac"])
        + back["ether_type"].to_bytes(2, "big")
        + bytes.fromhex(back["frame"])
        for back in case["frames_back_to_tap"]
    ]
    assert ([] if answer is None else [answer]) == expected
    assert (answer is None) is case["goes_out_as_multicast"]
