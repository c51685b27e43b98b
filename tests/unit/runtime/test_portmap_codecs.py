"""Bytes of PCP, NAT-PMP and SSDP: the layouts of the RFCs, and whatever a gateway may make up."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthline.runtime.portmap import natpmp, pcp, ssdp
from earthline.runtime.portmap.lease import Lease, NotMapped, Site, candidates, reachable
from earthline.wire.inet import InetAddress
from earthline.wire.reader import Malformed

NONCE = bytes(range(12))
MAPPED = bytes(10) + b"\xff\xff"
GATEWAY = "192.168.1.1"
SITE = Site(GATEWAY, "192.168.1.7", 40000)


def pcp_answer(
    result=0, nonce=NONCE, protocol=17, internal=40000, ip=MAPPED + bytes([80, 1, 2, 3])
):
    head = struct.pack(">BBBBII12x", 2, 0x81, 0, result, 600, 77)
    return head + nonce + struct.pack(">B3xHH", protocol, internal, 40001) + ip


def test_pcp_question_has_the_layout_of_rfc_6887():
    question = pcp.MapQuestion(NONCE, bytes([192, 168, 1, 7]), 40000, 40001, 600)
    assert question.emit().hex() == (
        "02010000" "00000258" "00000000000000000000ffff" "c0a80107"
        "000102030405060708090a0b" "11000000" "9c40" "9c41" "00000000000000000000ffff" "00000000"
    )  # fmt: skip


def test_pcp_answer_is_read():
    answer = pcp.parse_map_answer(pcp_answer(), NONCE, 40000)
    assert answer == pcp.MapAnswer(0, 600, 40001, bytes([80, 1, 2, 3]))


@pytest.mark.parametrize(
    "answer",
    [
        pcp_answer(nonce=bytes(12)),
        pcp_answer(protocol=6),
        pcp_answer(internal=40002),
        pcp_answer()[:59],
        b"\x02\x80" + pcp_answer()[2:],
        b"\x02\x01" + pcp_answer()[2:],
        b"",
    ],
)
def test_pcp_answer_to_somebody_elses_question_is_passed_over(answer):
    with pytest.raises(Malformed):
        pcp.parse_map_answer(answer, NONCE, 40000)


def test_pcp_refusal_must_know_the_nonce_too():
    assert pcp.parse_map_answer(pcp_answer(result=2), NONCE, 40000).result == 2
    with pytest.raises(Malformed):
        pcp.parse_map_answer(pcp_answer(result=2, nonce=bytes(12)), NONCE, 40000)


def test_gateway_that_speaks_only_nat_pmp_says_so_in_its_own_layout():
    answer = pcp.parse_map_answer(bytes.fromhex("0081000100000005"), NONCE, 40000)
    assert answer.result == pcp.UNSUPPORTED_VERSION


def test_nat_pmp_has_the_layout_of_rfc_6886():
    assert natpmp.ADDRESS_QUESTION.hex() == "0000"
    assert natpmp.map_question(40000, 40001, 600).hex() == "000100009c409c4100000258"
    address = bytes.fromhex("008000000000004d50010203")
    assert natpmp.parse_address_answer(address) == bytes([80, 1, 2, 3])
    mapped = bytes.fromhex("008100000000004d9c409c4100000258")
    assert natpmp.parse_map_answer(mapped, 40000) == natpmp.MapAnswer(0, 40001, 600)


def test_nat_pmp_refusals_have_a_reason():
    with pytest.raises(NotMapped, match="no address itself"):
        natpmp.parse_address_answer(bytes.fromhex("008000030000004d"))
    assert natpmp.parse_map_answer(bytes.fromhex("008100020000004d"), 40000).result == 2


@pytest.mark.parametrize("answer", ["", "0081", "00820000", "02810000", "008100000000004d9c409c41"])
def test_nat_pmp_answer_that_is_none_is_passed_over(answer):
    with pytest.raises(Malformed):
        natpmp.parse_map_answer(bytes.fromhex(answer), 40000)


def test_nat_pmp_answer_about_another_port_is_passed_over():
    mapped = bytes.fromhex("008100000000004d9c409c4100000258")
    with pytest.raises(Malformed):
        natpmp.parse_map_answer(mapped, 40009)


@settings(deadline=None)
@given(st.binary(max_size=80), st.binary(min_size=12, max_size=12))
def test_any_bytes_are_an_answer_or_passed_over(data, nonce):
    parsers = (
        lambda: pcp.parse_map_answer(data, nonce, 40000),
        lambda: pcp.parse_map_answer(b"\x02\x81" + data, nonce, 40000),
        lambda: natpmp.parse_map_answer(data, 40000),
        lambda: natpmp.parse_address_answer(b"\x00\x80" + data),
    )
    for parse in parsers:
        with contextlib.suppress(Malformed, NotMapped):
            parse()


def ssdp_answer(location, status="HTTP/1.1 200 OK"):
    return f"{status}\r\nST: x\r\nLocation: {location}\r\n\r\n".encode()


def test_search_is_an_m_search():
    request = ssdp.search_request(ssdp.TARGETS[0])
    assert request.startswith(b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n")
    assert request.endswith(b"InternetGatewayDevice:2\r\n\r\n")


def test_place_of_the_description_is_taken_from_the_gateway():
    place = f"http://{GATEWAY}:5000/root.xml"
    assert ssdp.parse_answer(ssdp_answer(place), GATEWAY) == place


@pytest.mark.parametrize(
    "answer",
    [
        ssdp_answer("http://192.168.1.66:5000/root.xml"),
        ssdp_answer("http://192.168.1.1@evil.example/root.xml"),
        ssdp_answer("https://192.168.1.1/root.xml"),
        ssdp_answer("file:///etc/passwd"),
        ssdp_answer("http://192.168.1.1:99999/root.xml"),
        ssdp_answer("http://[192.168.1.1/root.xml"),
        ssdp_answer(f"http://{GATEWAY}/", status="NOTIFY * HTTP/1.1"),
        ssdp_answer(f"http://{GATEWAY}/", status="HTTP/1.1 404 Not Found"),
        ssdp_answer(f"http://{GATEWAY}/" + 5000 * "a"),
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"",
    ],
)
def test_place_that_is_not_on_the_gateway_is_passed_over(answer):
    assert ssdp.parse_answer(answer, GATEWAY) is None


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_name_a_place_on_the_gateway_or_none(data):
    for answer in (data, b"HTTP/1.1 200 OK\r\nLOCATION: http://" + data):
        place = ssdp.parse_answer(answer, GATEWAY)
        assert place is None or ssdp.on_gateway(place, GATEWAY)


@pytest.mark.parametrize(
    "named",
    ["0.0.0.0/5", "127.0.0.1/5", "80.0.0.1/0", "28.0.0.1/5", "192.168.1.7/5", "192.168.1.66/5"],
)
def test_outside_address_that_cannot_be_is_refused(named):
    with pytest.raises(NotMapped):
        reachable(SITE, *InetAddress.parse(named))


@pytest.mark.parametrize("named", ["80.0.0.1/5", "192.168.2.7/5", "100.64.0.9/5"])
def test_outside_address_may_be_that_of_another_nat(named):
    assert reachable(SITE, *InetAddress.parse(named)) == InetAddress.parse(named)


def test_external_ports_are_tried_upwards_and_wrap():
    ports = list(candidates(65534))
    assert len(ports) == 60
    assert ports[:4] == [65534, 65535, 1025, 1026]


@pytest.mark.parametrize(
    ("lifetime_s", "renew_in_s"), [(0, 120), (1, 10), (100, 50), (600, 120), (0xFFFFFFFF, 120)]
)
def test_renewal_is_at_half_life_neither_busy_nor_late(lifetime_s, renew_in_s):
    assert Lease(InetAddress(bytes([80, 0, 0, 1]), 5), lifetime_s).renew_in_s == renew_in_s


def test_nat_pmp_answer_that_maps_no_port_is_passed_over():
    with pytest.raises(Malformed):
        natpmp.parse_map_answer(bytes.fromhex("008100000000004d9c40000000000258"), 40000)
    released = natpmp.parse_map_answer(bytes.fromhex("008100000000004d9c40000000000000"), 40000)
    assert released == natpmp.MapAnswer(0)
