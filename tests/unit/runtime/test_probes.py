"""Reading what the kernel tells: gateways, ICMP errors, packets on the wire."""

from __future__ import annotations

import pytest

from earthline.diagnosis.snapshot import Gateway, Udp
from earthline.runtime.netlink import Interface
from earthline.runtime.probes.icmp import Complaint, meaning
from earthline.runtime.probes.surroundings import read_gateways, sight_of
from earthline.runtime.settings import Settings
from earthline.wire.inet import InetAddress

at = InetAddress.parse
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
wlan0\t00000000\t0100000A\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
""".splitlines()
NEIGHBOURS = """\
IP address       HW type     Flags       HW address            Mask     Device
192.168.1.1      0x1         0x2         02:00:00:00:00:01     *        eth0
10.0.0.1         0x1         0x0         00:00:00:00:00:00     *        wlan0
""".splitlines()
ROOT4, ROOT6 = at("80.1.0.1/9993"), at("2001:db8::1/9993")


def test_default_routes_give_gateways_and_whether_they_answer():
    assert list(read_gateways(ROUTES, NEIGHBOURS)) == [
        Gateway("192.168.1.1", "eth0", answers=True),
        Gateway("10.0.0.1", "wlan0", answers=False),
    ]
    assert next(read_gateways(ROUTES, [])).answers is None
    assert list(read_gateways([], [])) == []


@pytest.mark.parametrize(
    ("endpoint", "complaint", "expected"),
    [
        (ROOT4, Complaint("80.1.0.1", 3, 3), Udp.REFUSED),
        (ROOT4, Complaint("10.0.0.1", 3, 3), Udp.REJECTED),
        (ROOT4, Complaint("80.1.0.1", 3, 13), Udp.REJECTED),
        (ROOT4, Complaint("192.168.1.5", 3, 3), Udp.UNSENDABLE),
        (ROOT4, Complaint("80.9.0.1", 3, 1), None),
        (ROOT4, Complaint("80.9.0.1", 3, 4), None),
        (ROOT4, Complaint("80.9.0.1", 11, 0), None),
        (ROOT6, Complaint("2001:db8::1", 1, 4), Udp.REFUSED),
        (ROOT6, Complaint("2001:db8::9", 1, 1), Udp.REJECTED),
        (ROOT6, Complaint("2001:db8::9", 3, 3), None),
    ],
)
def test_icmp_error_means_what_its_sender_may_know(endpoint, complaint, expected):
    told = meaning(complaint, endpoint, {"192.168.1.5"})
    assert (None if told is None else told.udp) is expected


def test_interfaces_are_shown_with_why_they_are_not_used():
    addresses = ("127.0.0.1/8",), ("10.1.0.5/24",), ("169.254.1.1/16",)
    names = ("lo", "tun0", "nowhere0")
    interfaces = [
        Interface(n, name, True, tuple(at(text) for text in texts))
        for n, (name, texts) in enumerate(zip(names, addresses, strict=True))
    ]
    tun, nowhere = sight_of(interfaces, Settings(), ())
    assert "virtual" in tun.why_not
    assert nowhere.why_not == "it has no carrier: no cable, no wireless network"
    assert nowhere.unused == ("169.254.1.1 (link-local: it reaches nobody beyond the wire)",)


def test_bind_list_decides_alone_which_interfaces_count():
    settings = Settings.model_validate({"settings": {"bind": ["10.1.0.5"]}})
    addresses = (at("10.1.0.5/24"), at("10.1.0.6/24"))
    one = Interface(2, "tun0", True, addresses)
    other = Interface(3, "eth9", True, (at("10.2.0.5/24"),))
    tun, eth = sight_of([one, other], settings, ())
    assert tun.unused == ("10.1.0.6 (`bind` in local.conf does not name it)",)
    assert tun.why_not == "it has no carrier: no cable, no wireless network"
    assert eth.why_not == "`bind` in local.conf names none of its addresses"
