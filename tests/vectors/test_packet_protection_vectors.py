"""packet_salsa_poly.json and packet_aes_gmac_siv.json: suites 0, 1 and 3 (01, 3.5 and 3.6)."""

from __future__ import annotations

import pytest

from earthline._native import SessionKey
from earthline.wire.packet import HEADER_LENGTH, build

FLAGS = 18
"""Offset of the flags byte."""


def check_armor(case):
    session = SessionKey(bytes.fromhex(case["key"]))
    plain = build(
        int(case.get("packet_id") or case["packet_id_before"], 16),
        int(case["destination"], 16),
        int(case["source"], 16),
        case["verb"] | case["verb_flags"],
        bytes.fromhex(case["payload"]),
        fragmented=case["fragmented_flag"],
    )
    wire = session.seal(plain, case["cipher"])
    assert wire.hex() == case["wire"]
    assert wire[:8].hex() == case.get("packet_id_on_wire", case.get("packet_id"))
    check_opens(session, wire, plain, case["dearmor_ok"])
    if "hops_in_transit" in case:
        relayed = with_hops(wire, case["hops_in_transit"])
        assert case.get("flags_byte_with_hops", f"{relayed[FLAGS]:02x}") == f"{relayed[FLAGS]:02x}"
        check_opens(session, relayed, plain, case["dearmor_ok_with_hops"])


def with_hops(wire, hops):
    return wire[:FLAGS] + bytes([wire[FLAGS] & 0xF8 | hops]) + wire[FLAGS + 1 :]


def check_opens(session, wire, plain, expected):
    opened = session.open(wire)
    assert (opened is not None) is expected
    if opened is not None:
        assert opened[HEADER_LENGTH - 1 :] == plain[HEADER_LENGTH - 1 :]
        assert opened[FLAGS] == wire[FLAGS]


def check_dearmor(case):
    session = SessionKey(bytes.fromhex(case["key"]))
    if "aes_k0" in case:
        assert session.aes_k0.hex() == case["aes_k0"]
        assert session.aes_k1.hex() == case["aes_k1"]
    opened = session.open(bytes.fromhex(case["wire"]))
    assert (opened is not None) is case["dearmor_ok"]


CHECKS = {"armor": check_armor, "dearmor": check_dearmor}


@pytest.mark.vectors("packet_salsa_poly")
def test_packet_salsa_poly(run_check):
    run_check(CHECKS)


@pytest.mark.vectors("packet_aes_gmac_siv")
def test_packet_aes_gmac_siv(run_check):
    run_check(CHECKS)
