"""Reading what the kernel tells: gateways, ICMP errors, packets on the wire."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct

import pytest

from earthline.diagnosis.snapshot import Gateway, Udp
from earthline.runtime.host.netlink import Interface
from earthline.runtime.probes import surroundings
from earthline.runtime.probes.icmp import Complaint, Told, meaning
from earthline.runtime.probes.surroundings import read_gateways, sends_anew, sight_of
from earthline.runtime.probes.twin import TwinWatch
from earthline.runtime.probes.udp import UdpProbe
from earthline.runtime.probes.wire import WireWatch
from earthline.runtime.settings.settings import Settings
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
        (ROOT4, Complaint("80.9.0.1", 3, 0), Udp.UNREACHABLE),
        (ROOT4, Complaint("80.9.0.1", 3, 1), Udp.UNREACHABLE),
        (ROOT4, Complaint("192.168.1.5", 3, 1), Udp.UNREACHABLE),
        (ROOT4, Complaint("80.9.0.1", 3, 4), None),
        (ROOT4, Complaint("80.9.0.1", 11, 0), None),
        (ROOT6, Complaint("2001:db8::1", 1, 4), Udp.REFUSED),
        (ROOT6, Complaint("2001:db8::9", 1, 1), Udp.REJECTED),
        (ROOT6, Complaint("2001:db8::9", 1, 0), Udp.UNREACHABLE),
        (ROOT6, Complaint("2001:db8::9", 3, 3), None),
    ],
)
def test_icmp_error_means_what_its_sender_may_know(endpoint, complaint, expected):
    told = meaning(complaint, endpoint, {"192.168.1.5"})
    assert (None if told is None else told.udp) is expected


def test_router_that_cannot_reach_a_root_is_named_and_this_host_is_not():
    own = {"192.168.1.5"}
    assert meaning(Complaint("80.9.0.1", 3, 1), ROOT4, own) == Told(Udp.UNREACHABLE, "80.9.0.1")
    assert meaning(Complaint("192.168.1.5", 3, 1), ROOT4, own) == Told(Udp.UNREACHABLE)


class Reporting:
    """A socket with an ICMP error that waits to be told, like the kernel's."""

    def __init__(self, error, offender, kind, code):
        self.waiting = error
        self.sent = []
        address = bytes(4) + socket.inet_aton(offender) + bytes(8)
        extended = struct.pack("=IBBBBII", error, 2, kind, code, 0, 0, 0)
        self._queue = [[(socket.IPPROTO_IP, 11, extended + address)]]

    def getsockopt(self, _level, name):
        assert name == socket.SO_ERROR
        self.waiting, error = 0, self.waiting
        return error

    def send(self, datagram):
        if self.waiting:
            raise OSError(self.waiting, "told of an ICMP error")
        self.sent.append(datagram)

    def recvmsg(self, *_sizes):
        if not self._queue:
            raise BlockingIOError
        return b"", self._queue.pop(), 0, None

    def close(self):
        pass


@pytest.mark.parametrize("offender", ["80.9.0.1", "192.168.1.5"], ids=["router", "ourselves"])
@pytest.mark.parametrize("error", [errno.ENETUNREACH, errno.EHOSTUNREACH])
def test_icmp_error_is_no_missing_route_and_keeps_nothing_from_being_sent(error, offender):
    probe = UdpProbe(at("127.0.0.1/9"), 1, 2)
    with probe:
        probe._socket.close()
        probe._socket = kernel = Reporting(error, offender, 3, 1)
        probe.send()
        assert kernel.sent == [b"\0"]
        assert probe.told({"192.168.1.5"}).udp is Udp.UNREACHABLE


def test_icmp_error_that_comes_while_sending_is_no_missing_route():
    class Late(Reporting):
        def getsockopt(self, *_):
            return 0

    probe = UdpProbe(at("127.0.0.1/9"), 1, 2)
    with probe:
        probe._socket.close()
        probe._socket = Late(errno.EHOSTUNREACH, "80.9.0.1", 11, 0)
        probe.send()
        assert probe.told(()).udp is Udp.SILENT


def test_unreachable_hides_nothing_that_says_more():
    probe = UdpProbe(at("127.0.0.1/9"), 1, 2)
    with probe:
        probe._take(Told(Udp.REJECTED, "80.9.0.1"))
        probe._take(Told(Udp.UNREACHABLE, "80.9.0.2"))
        assert probe.told(()) == Told(Udp.REJECTED, "80.9.0.1")


def test_interfaces_are_shown_with_why_they_are_not_used():
    addresses = ("127.0.0.1/8",), ("10.1.0.5/24",), ("169.254.1.1/16",)
    names = ("lo", "tun0", "nowhere0")
    interfaces = [
        Interface(n, name, True, tuple(at(text) for text in texts))
        for n, (name, texts) in enumerate(zip(names, addresses, strict=True))
    ]
    tun, nowhere = sight_of(interfaces, Settings(), ())
    assert "virtual" in tun.why_not
    assert nowhere.why_not == "it has no carrier: no cable, or no wireless network"
    assert nowhere.unused == ("169.254.1.1 (link-local: it reaches nobody beyond the wire)",)


def test_tunnels_that_send_anew_are_told_from_those_that_send_on(monkeypatch, tmp_path):
    monkeypatch.setattr(surroundings, "_NET", tmp_path)
    devices = {"wg0": "DEVTYPE=wireguard\nINTERFACE=wg0\n", "vpn0": "", "gre1": "", "eth0": ""}
    for name, said in devices.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "uevent").write_text(said)
    (tmp_path / "vpn0" / "tun_flags").write_text("0x1001\n")
    assert {name for name in devices if sends_anew(name)} == {"wg0", "vpn0"}
    assert not sends_anew("gone0")


def test_bind_list_decides_alone_which_interfaces_count():
    settings = Settings.model_validate({"settings": {"bind": ["10.1.0.5"]}})
    addresses = (at("10.1.0.5/24"), at("10.1.0.6/24"))
    one = Interface(2, "tun0", True, addresses)
    other = Interface(3, "eth9", True, (at("10.2.0.5/24"),))
    tun, eth = sight_of([one, other], settings, ())
    assert tun.unused == ("10.1.0.6 (`bind` in local.conf does not list it)",)
    assert tun.why_not == "it has no carrier: no cable, or no wireless network"
    assert eth.why_not == "`bind` in local.conf lists none of its addresses"


async def test_error_is_seen_after_datagrams_went_both_ways():
    there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with here, there:
        there.bind(("127.0.0.1", 0))
        here.bind(("127.0.0.1", 0))
        end, port = InetAddress.parse(f"127.0.0.1/{there.getsockname()[1]}"), here.getsockname()[1]
        try:
            watch = WireWatch(end, {port}).__enter__()
        except PermissionError:
            pytest.skip("packets on interfaces may not be watched")
        try:
            here.sendto(b"question", there.getsockname())
            there.sendto(b"answer", here.getsockname())
            await until(lambda: watch.left and watch.came)
            assert watch.complaint is None
            there.close()
            here.sendto(b"question", ("127.0.0.1", end.port))
            await until(lambda: watch.complaint is not None)
        finally:
            watch.__exit__(None, None, None)
    assert watch.complaint == Complaint("127.0.0.1", 3, 3)


async def until(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


def test_more_packets_of_our_own_than_we_sent_are_another_hosts():
    came = 0
    watch = TwinWatch(lambda: came)
    watch.sent(2)
    assert watch.strange == 0
    came = 2
    assert watch.strange == 0
    came = 5
    assert watch.strange == 3
    watch.sent(2)
    came = 7
    assert watch.strange == 3


def test_packets_that_crossed_ours_are_another_hosts():
    """Each host got those of the other: as many as it has sent."""
    came = 0
    first, second = TwinWatch(lambda: 0), TwinWatch(lambda: came)
    first.take_stock()
    first.sent(1)
    came = 1
    second.take_stock()
    second.sent(1)
    assert second.strange == 1
    assert first.strange == 0


async def test_error_about_another_port_says_nothing_of_the_endpoint():
    """The doctor asks other ports of the host as well."""
    here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with here, there:
        here.bind(("127.0.0.1", 0))
        there.bind(("127.0.0.1", 0))
        end = InetAddress.parse(f"127.0.0.1/{there.getsockname()[1]}")
        beside = InetAddress(end.ip, end.port ^ 1)
        try:
            watch = WireWatch(end, {here.getsockname()[1]}).__enter__()
            other = WireWatch(beside, {here.getsockname()[1]}).__enter__()
        except PermissionError:
            pytest.skip("packets on interfaces may not be watched")
        try:
            here.sendto(b"question", ("127.0.0.1", beside.port))
            await until(lambda: other.complaint is not None)
        finally:
            watch.__exit__(None, None, None)
            other.__exit__(None, None, None)
    assert watch.complaint is None


def test_own_address_is_no_firewalls_when_its_port_is_closed():
    here = at("192.168.1.5/9993")
    told = meaning(Complaint("192.168.1.5", 3, 3), here, {"192.168.1.5"})
    assert told == Told(Udp.REFUSED, "192.168.1.5")
