"""A stock daemon and ours on one Ethernet: bridges, VLANs, IPv6, multicast, and being put out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mdns
import pytest
import stock
from cutting import demand_cut
from ours import Ours, planet_of_ours
from segments import demand_ping, mac_of, make_network, pool, printer_on
from stock import StockService
from tagged import tagged_frame_arrives
from theirs import Theirs, planet_of_theirs

from earthline.lab.service import Service, wait_until
from earthline.lab.topology import Machine

pytestmark = [
    pytest.mark.skipif(not stock.BINARY, reason="$ZEROTIER_ONE names no stock binary"),
    pytest.mark.timeout(240),
]


@dataclass(frozen=True)
class Mixed:
    """Our planet, our member, and a stock node behind another NAT."""

    ours: Ours
    stranger: StockService

    def join(self, network: str) -> None:
        for service in (self.ours.member, self.stranger):
            service.join(network)
            self.ours.root.authorize(network, service.address)
        for service in (self.ours.member, self.stranger):
            wait_until("it is on", lambda s=service: s.network(network).get("status") == "OK")


@pytest.fixture(scope="module")
def mixed() -> Iterator[Mixed]:
    with planet_of_ours() as ours:
        stranger = StockService(ours.stranger)
        stranger.start(ours.planet.data)
        stranger.wait_online()
        yield Mixed(ours, stranger)


def ipv6_of(service: Service, network: str, prefix: str) -> str:
    texts = service.network(network)["assignedAddresses"]
    return next(text.partition("/")[0] for text in texts if text.startswith(prefix))


def test_stock_node_and_ours_ping_by_6plane_and_rfc4193(mixed: Mixed) -> None:
    modes = {"6plane": True, "rfc4193": True, "zt": False}
    network = make_network(mixed.ours.root, {"private": True, "v6AssignMode": modes})
    mixed.join(network)
    ours, theirs = mixed.ours.member, mixed.stranger
    for prefix in ("fc", "fd"):
        demand_ping(ours.host, ipv6_of(theirs, network, prefix))
        demand_ping(theirs.host, ipv6_of(ours, network, prefix))


def test_multicast_dns_is_answered_between_a_stock_node_and_ours(mixed: Mixed) -> None:
    network = make_network(mixed.ours.root, pool("10.81.0.0/24", "10.81.0.10", "10.81.0.99"))
    mixed.join(network)
    for one, other in (
        (mixed.ours.member, mixed.stranger),
        (mixed.stranger, mixed.ours.member),
    ):
        source, target = one.wait_ip(network), other.wait_ip(network)
        with mdns.responder(other.host, target, "other.local"):
            assert mdns.resolve(one.host, source, "other.local") == target


def demand_one_ethernet(plain: Service, network: str, printer: Machine, printer_ip: str) -> None:
    """A plain member on the other side finds what is behind the bridge, and is found."""
    device = plain.device(network)
    demand_ping(plain.host, printer_ip)
    demand_ping(printer, plain.wait_ip(network))
    assert mac_of(printer, "eth0") in plain.host.run(["ip", "neighbour", "show", printer_ip])
    assert tagged_frame_arrives(plain.host, device, printer, "eth0", 0x6007)
    assert tagged_frame_arrives(printer, "eth0", plain.host, device, 0x6008)
    with mdns.responder(printer, printer_ip, "printer.local"):
        assert mdns.resolve(plain.host, plain.wait_ip(network), "printer.local") == printer_ip


def join_with_bridge(root: Service, bridge: Service, plain: Service, network: str) -> None:
    bridge.join(network)
    root.command("member", "bridge", network, bridge.address, "on")
    wait_until("it is an active bridge", lambda: bridge.network(network)["bridge"])
    plain.join(network)
    plain.wait_ip(network)


def test_stock_member_is_on_one_ethernet_with_the_lan_behind_our_bridge(mixed: Mixed) -> None:
    ours, root = mixed.ours.member, mixed.ours.root
    network = make_network(root, pool("10.82.0.0/24", "10.82.0.10", "10.82.0.99"))
    printer = printer_on(ours.host, "eth1", "10.82.0.200/24", "printer1")
    join_with_bridge(root, ours, mixed.stranger, network)
    ours.command("bridge", "up", network, "--interface", "eth1", "--rollback", "0")
    demand_one_ethernet(mixed.stranger, network, printer, "10.82.0.200")
    ours.command("bridge", "down", network)


def test_our_member_is_on_one_ethernet_with_the_lan_behind_a_stock_bridge(mixed: Mixed) -> None:
    ours, root, theirs = mixed.ours.member, mixed.ours.root, mixed.stranger
    network = make_network(root, pool("10.83.0.0/24", "10.83.0.10", "10.83.0.99"))
    printer = printer_on(theirs.host, "eth2", "10.83.0.200/24", "printer2")
    join_with_bridge(root, theirs, ours, network)
    ip = theirs.host.namespace.ip
    ip("link", "add", "br0", "type", "bridge")
    for port in ("eth2", theirs.device(network)):
        ip("link", "set", port, "master", "br0")
    ip("link", "set", "br0", "up")
    demand_one_ethernet(ours, network, printer, "10.83.0.200")


@pytest.mark.parametrize(("leaver", "net"), [("ours", "10.84.0"), ("theirs", "10.85.0")])
def test_our_controller_puts_a_member_out_while_traffic_flows(
    mixed: Mixed, leaver: str, net: str
) -> None:
    body = pool(f"{net}.0/24", f"{net}.10", f"{net}.99", private=True)
    network = make_network(mixed.ours.root, body)
    mixed.join(network)
    out, other = mixed.ours.member, mixed.stranger
    if leaver == "theirs":
        out, other = other, out
    target = out.wait_ip(network)
    demand_ping(other.host, target)
    demand_cut(mixed.ours.root, network, out.address, other.host, target)


@pytest.fixture(scope="module")
def theirs() -> Iterator[Theirs]:
    with planet_of_theirs() as planet:
        yield planet


@pytest.mark.parametrize(("leaver", "net"), [("ours", "10.86.0"), ("theirs", "10.87.0")])
def test_stock_controller_puts_a_member_out_while_traffic_flows(
    theirs: Theirs, leaver: str, net: str
) -> None:
    network = theirs.root.create_network(f"{net}.0/24", private=True)
    out, other = theirs.guest, theirs.member
    if leaver == "theirs":
        out, other = other, out
    for service in (out, other):
        service.join(network)
        theirs.root.authorize(network, service.address)
    target = out.wait_ip(network)
    demand_ping(other.host, target)
    demand_cut(theirs.root, network, out.address, other.host, target)
