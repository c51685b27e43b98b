"""packet_compressed.json: LZ4 payloads, hostile ones among them (01, 3.11)."""

from __future__ import annotations

import pytest

from earthline import _native
from earthline.wire.packet import Header


def check_compress(case):
    packet = bytes.fromhex(case["packet"])
    output = _native.compress(packet)
    assert Header.parse(output).compressed is case["compressed"]
    if case.get("exact_bytes_required"):
        assert output.hex() == case["output"]
    assert _native.decompress(output) == packet
    assert _native.decompress(bytes.fromhex(case["output"])) == packet
    if case["compressed"]:
        assert len(output) < len(packet)


def check_uncompress(case):
    output = _native.decompress(bytes.fromhex(case["packet"]))
    assert (output is not None) is case["ok"]
    if output is not None:
        assert output.hex() == case["output"]


@pytest.mark.vectors("packet_compressed")
def test_packet_compressed(run_check):
    run_check({"compress": check_compress, "uncompress": check_uncompress})
