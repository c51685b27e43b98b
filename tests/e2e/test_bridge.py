"""`earthline bridge`: a network and a physical LAN as one Ethernet, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mdns
import pytest
from lan import Lan
from segments import (
    addresses,
    demand_ping,
    links,
    mac_of,
    make_network,
    pool,
    printer_on,
    routes,
)
from tagged import tagged_frame_arrives

from earthline.lab import LabError
from earthline.lab.service import Service, wait_until
from earthline.lab.topology import Machine


def join_as_bridge(root: Service, service: Service, network: str) -> None:
    service.join(network)
    root.command("member", "bridge", network, service.address, "on")
    wait_until("it is an active bridge", lambda: service.network(network)["bridge"])


@dataclass(frozen=True)
class Bridged:
    """Bob is a plain member; Alice bridges the network to the LAN of a printer."""

    lan: Lan
    network: str
    printer: Machine
    bob_ip: str


PRINTER_IP = "10.60.0.200"


@pytest.fixture(scope="module")
def bridged(lan: Lan) -> Iterator[Bridged]:
    network = make_network(lan.root, pool("10.60.0.0/24", "10.60.0.10", "10.60.0.99"))
    printer = printer_on(lan.alice.host, "eth1", f"{PRINTER_IP}/24")
    join_as_bridge(lan.root, lan.alice, network)
    lan.bob.join(network)
    bob_ip = lan.bob.wait_ip(network)
    lan.alice.command("bridge", "up", network, "--interface", "eth1", "--rollback", "0")
    yield Bridged(lan, network, printer, bob_ip)
    lan.alice.command("bridge", "down", network)
    assert "br-eth1" not in links(lan.alice.host)


def test_plain_member_and_bridged_host_find_one_another(bridged: Bridged) -> None:
    bob = bridged.lan.bob.host
    demand_ping(bob, PRINTER_IP)
    demand_ping(bridged.printer, bridged.bob_ip)
    assert mac_of(bridged.printer, "eth0") in bob.run(["ip", "neighbour", "show", PRINTER_IP])
    mac = bridged.lan.bob.network(bridged.network)["mac"]
    assert mac in bridged.printer.run(["ip", "neighbour", "show", bridged.bob_ip])


def test_vlan_tagged_frames_cross_the_bridge(bridged: Bridged) -> None:
    bob, printer = bridged.lan.bob, bridged.printer
    device = bob.device(bridged.network)
    demand_ping(bob.host, PRINTER_IP)
    assert tagged_frame_arrives(bob.host, device, printer, "eth0", 0x6007)
    assert tagged_frame_arrives(printer, "eth0", bob.host, device, 0x6008)


def test_multicast_dns_query_is_answered_across_the_bridge(bridged: Bridged) -> None:
    with mdns.responder(bridged.printer, PRINTER_IP, "printer.local"):
        found = mdns.resolve(bridged.lan.bob.host, bridged.bob_ip, "printer.local")
    assert found == PRINTER_IP


def test_second_way_from_the_lan_to_the_network_is_refused(bridged: Bridged) -> None:
    """Bob gets a cable to the LAN that Alice has bridged: his bridge would close a loop."""
    alice, bob = bridged.lan.alice.host, bridged.lan.bob
    bob.host.namespace.ip(
        "link", "add", "eth7", "type", "veth", "peer", "eth7", "netns", alice.namespace.name
    )
    alice.namespace.ip("link", "set", "eth7", "master", "br-eth1")
    for host in (alice, bob.host):
        host.namespace.ip("link", "set", "eth7", "up")
    join_as_bridge(bridged.lan.root, bob, bridged.network)
    try:
        with pytest.raises(LabError, match="another bridge"):
            bob.command("bridge", "up", bridged.network, "--interface", "eth7")
    finally:
        bob.host.namespace.ip("link", "del", "eth7")
        address = bob.address
        bridged.lan.root.command("member", "bridge", bridged.network, address, "off")
    assert "br-eth7" not in links(bob.host)


def test_bridge_that_is_not_active_says_how_to_make_it_one(bridged: Bridged) -> None:
    root = bridged.lan.root
    network = root.create_network("10.62.0.0/24", private=False)
    root.join(network)
    root.wait_ip(network)
    order = f"earthline member bridge {network} {root.address} on"
    with pytest.raises(LabError, match=order):
        root.command("bridge", "up", network, "--interface", "eth0")
    root.leave(network)


@dataclass(frozen=True)
class Before:
    """How a host looked."""

    addresses: set[str]
    routes: set[tuple[str, str | None, str]]

    @classmethod
    def of(cls, service: Service) -> Before:
        return cls(addresses(service.host, "eth0"), routes(service.host))

    def is_back(self, service: Service) -> bool:
        return self == Before.of(service) and "br-eth0" not in links(service.host)


@pytest.fixture
def over_eth0(lan: Lan) -> Iterator[str]:
    """A network that Bob may bridge to the interface by which he reaches all others."""
    network = make_network(lan.root, pool("10.63.0.0/24", "10.63.0.10", "10.63.0.99"))
    lan.ip(lan.bob)
    join_as_bridge(lan.root, lan.bob, network)
    yield network
    lan.bob.leave(network)


def bridge_eth0(lan: Lan, network: str, *, seconds: int) -> None:
    lan.bob.command(
        "bridge", "up", network, "--interface", "eth0", "--rollback", str(seconds),
        "--yes-move-default-route",
    )  # fmt: skip


def test_way_out_of_the_machine_is_not_moved_without_a_yes(lan: Lan, over_eth0: str) -> None:
    before = Before.of(lan.bob)
    with pytest.raises(LabError, match="--yes-move-default-route"):
        lan.bob.command("bridge", "up", over_eth0, "--interface", "eth0")
    assert before.is_back(lan.bob)


def test_unconfirmed_bridge_is_rolled_back_by_itself(lan: Lan, over_eth0: str) -> None:
    before = Before.of(lan.bob)
    bridge_eth0(lan, over_eth0, seconds=3)
    assert before.addresses <= addresses(lan.bob.host, "br-eth0")
    wait_until("it is rolled back", lambda: before.is_back(lan.bob), timeout_s=15)
    assert "nothing is bridged" in lan.bob.command("bridge", "status")


def test_confirmed_bridge_carries_the_service_itself_until_taken_down(
    lan: Lan, over_eth0: str
) -> None:
    before = Before.of(lan.bob)
    bridge_eth0(lan, over_eth0, seconds=30)
    lan.bob.command("bridge", "confirm", over_eth0)
    assert addresses(lan.bob.host, "eth0") == set()
    assert ("default", "10.20.0.1", "br-eth0") in routes(lan.bob.host)
    demand_ping(lan.alice.host, lan.ip(lan.bob))
    assert f"{over_eth0}" in lan.bob.command("bridge", "status")
    lan.bob.command("bridge", "down", over_eth0)
    assert before.is_back(lan.bob)
    demand_ping(lan.alice.host, lan.ip(lan.bob))


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_bridge_does_not_outlive_the_service(lan: Lan, over_eth0: str, ending: str) -> None:
    before = Before.of(lan.bob)
    service_routes = {route for route in before.routes if route[2] == "eth0"}
    bridge_eth0(lan, over_eth0, seconds=0)
    getattr(lan.bob, ending)()
    if ending == "stop":
        assert addresses(lan.bob.host, "eth0") == before.addresses
        assert routes(lan.bob.host) == service_routes
    else:
        assert "br-eth0" in links(lan.bob.host)
    lan.bob.start()
    wait_until("all is as before", lambda: before.is_back(lan.bob))
    assert not (lan.bob.home / "bridges.json").exists()


def test_leaving_a_bridged_network_gives_the_interface_back(lan: Lan, over_eth0: str) -> None:
    bridge_eth0(lan, over_eth0, seconds=0)
    lan.bob.leave(over_eth0)
    wait_until("the bridge is gone", lambda: "br-eth0" not in links(lan.bob.host))
    wait_until("the address is back", lambda: addresses(lan.bob.host, "eth0"))


@pytest.fixture
def standing(lan: Lan) -> Iterator[None]:
    """Bob's interface ``eth8`` is in a bridge of his own, ``br0``, with an address."""
    host = lan.bob.host
    printer_on(host, "eth8", "10.64.0.200/24", "neighbour")
    host.namespace.ip("link", "add", "br0", "type", "bridge")
    host.namespace.ip("link", "set", "eth8", "master", "br0")
    host.namespace.ip("link", "set", "br0", "up")
    host.namespace.ip("address", "add", "10.65.0.1/24", "dev", "br0")
    yield
    host.namespace.ip("link", "del", "br0")
    host.namespace.ip("link", "del", "eth8")


@pytest.mark.usefixtures("standing")
def test_bridge_of_the_user_is_joined_and_left_as_it_was(lan: Lan) -> None:
    routed = [{"target": "10.64.0.0/24"}, {"target": "10.66.0.0/16", "via": "10.64.0.1"}]
    body = pool("10.64.0.0/24", "10.64.0.10", "10.64.0.99", routes=routed)
    network = make_network(lan.root, body)
    lan.bob.join(network)
    own = lan.bob.wait_ip(network)
    join_as_bridge(lan.root, lan.bob, network)
    lan.bob.command("bridge", "up", network, "--interface", "eth8", "--rollback", "0")
    wait_until("it has the address", lambda: f"{own}/24" in addresses(lan.bob.host, "br0"))
    wait_until("and the route", lambda: any(r[2] == "br0" and r[1] for r in routes(lan.bob.host)))
    lan.root.join(network)
    lan.root.wait_ip(network)
    demand_ping(lan.root.host, "10.64.0.200")
    demand_ping(lan.root.host, own)
    lan.bob.kill()
    assert f"{own}/24" in addresses(lan.bob.host, "br0")
    lan.bob.start()
    assert addresses(lan.bob.host, "br0") == {"10.65.0.1/24"}
    assert not any(route[1] and route[2] == "br0" for route in routes(lan.bob.host))
    for service in (lan.root, lan.bob):
        service.leave(network)
