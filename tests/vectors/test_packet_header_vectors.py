"""packet_header.json: headers, suites, trusted paths, the mask of HELLO tails (01, 3 and 4.1)."""

from __future__ import annotations

import pytest

from earthline._native import SessionKey
from earthline.wire.packet import (
    FRAGMENT_HEADER_LENGTH,
    HEADER_LENGTH,
    FragmentHeader,
    Header,
    increment_hops,
    seal_trusted,
    with_suite,
)


def check_header(case):
    packet = bytes.fromhex(case["bytes"])
    header = Header.parse(packet)
    assert header.packet_id == int(case["packet_id"], 16)
    assert header.destination == int(case["destination"], 16)
    assert header.source == int(case["source"], 16)
    assert header.fragmented is case["fragmented"]
    assert header.hops == case["hops"]
    assert header.suite == case["cipher"]
    assert header.encrypted is case["is_encrypted"]
    assert header.mac.hex() == case["mac_field"]
    assert header.verb == case["verb"]
    assert header.compressed is case["compressed"]
    assert len(packet) - HEADER_LENGTH == case["payload_length"]
    assert f"{increment_hops(header.flags):02x}" == case["flags_after_hop_increment"]


def check_set_cipher(case):
    assert with_suite(case["flags_before"], case["cipher"]) == case["flags_after"]


def check_trusted_path(case):
    packet = bytes.fromhex(case["packet"])
    wire = seal_trusted(packet, int(case["trusted_path_id"], 16))
    assert wire.hex() == case["wire"]
    assert Header.parse(wire).trusted_path_id == int(case["trusted_path_id"], 16)
    assert (SessionKey(bytes(48)).open(wire) is not None) is case["dearmor_ok"]


def check_fragment_header(case):
    datagram = bytes.fromhex(case["bytes"])
    header = FragmentHeader.parse(datagram)
    assert header.packet_id == int(case["packet_id"], 16)
    assert header.destination == int(case["destination"], 16)
    assert header.total == case["total_fragments"]
    assert header.number == case["fragment_number"]
    assert header.hops == case["hops"]
    assert datagram[FRAGMENT_HEADER_LENGTH:].hex() == case["payload"]
    assert (header.hops + 1) & 0x07 == case["hops_byte_after_increment"]


def check_crypt_field(case):
    packet = bytes.fromhex(case["packet"])
    start, end = case["offset"], case["offset"] + case["length"]
    session = SessionKey(bytes.fromhex(case["key"]))
    masked = session.mask_hello_tail(int.from_bytes(packet[:8], "big"), packet[start:end])
    assert (packet[:start] + masked + packet[end:]).hex() == case["output"]


CHECKS = {
    "header": check_header,
    "set_cipher": check_set_cipher,
    "trusted_path": check_trusted_path,
    "fragment_header": check_fragment_header,
    "crypt_field": check_crypt_field,
}


@pytest.mark.vectors("packet_header")
def test_packet_header(run_check):
    run_check(CHECKS)
