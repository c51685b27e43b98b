"""Where interfaces lead (02, 7.8)."""

from __future__ import annotations

import socket
import sys

from earthline.runtime.sockets import ways as ways_module
from earthline.runtime.sockets.ways import MAX_ROUTES, find_ways, lead_to, routes_by_interface
from earthline.wire.inet import InetAddress

at = InetAddress.parse
HEADING = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"


def line(name, target, mask, flags=1):
    """As the kernel writes it on this machine."""

    def number(text):
        return int.from_bytes(socket.inet_aton(text), sys.byteorder)

    return f"{name} {number(target):08X} 00000000 {flags:04X} 0 0 0 {number(mask):08X} 0 0 0\n"


TABLE = (
    HEADING
    + line("eth0", "0.0.0.0", "0.0.0.0", 3)
    + line("eth1", "10.112.128.0", "255.255.255.0")
    + line("eth1", "10.9.9.9", "255.255.255.255", 5)
    + line("eth1", "10.8.0.0", "255.255.0.0", 0x201)
    + line("eth1", "10.7.0.0", "255.255.0.0", 0)
)


class Router:
    """Only eth0 leads to the internet."""

    def __init__(self):
        self.asked = []

    async def leads_afar(self, index, source, mark):
        self.asked.append((index, source, mark))
        return index == 2


async def test_only_what_does_not_lead_afar_is_limited_to_its_routes(tmp_path, monkeypatch):
    monkeypatch.setattr(ways_module, "ROUTES", tmp_path / "route")
    (tmp_path / "route").write_text(TABLE)
    sources = {at("81.0.0.2").ip: 2, at("10.112.128.10").ip: 3, at("172.17.0.1").ip: 4}
    names = {2: "eth0", 3: "eth1", 4: "docker0"}
    router = Router()
    found = await find_ways(router, {(ip, n): names[n] for ip, n in sources.items()}, 77)
    assert [found[ip, n] for ip, n in sources.items()] == [
        None,
        (at("10.9.9.9/32"), at("10.112.128.0/24")),
        (),
    ]
    assert (3, "10.112.128.10", 77) in router.asked


async def test_table_is_not_read_where_all_interfaces_lead_afar(tmp_path, monkeypatch):
    monkeypatch.setattr(ways_module, "ROUTES", tmp_path / "nowhere")
    assert await find_ways(Router(), {(bytes(4), 2): "eth0"}, 0) == {(bytes(4), 2): None}


def test_interface_with_very_many_routes_leads_everywhere():
    many = "".join(line("eth1", f"10.{n // 250}.{n % 250}.0", "255.255.255.0") for n in range(2000))
    assert MAX_ROUTES < 2000
    assert routes_by_interface(HEADING + many) == {"eth1": None}


def test_ways_lead_to_what_is_in_one_of_them():
    assert lead_to(None, at("8.8.8.8"))
    assert not lead_to((), at("8.8.8.8"))
    assert lead_to((at("10.112.128.0/24"),), at("10.112.128.9/9993"))
    assert not lead_to((at("10.112.128.0/24"),), at("10.112.129.9/9993"))
