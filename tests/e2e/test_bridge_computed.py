"""A bridge is reached by its computed IPv6 addresses, whose MAC its peers do not ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lan import Lan
from segments import addresses, demand_ping, links, make_network, pool, printer_on

from earthline.lab.service import Service, wait_until
from earthline.lab.topology import Machine
from earthline.wire.computed_ip import rfc4193, six_plane


def computed(service: Service, network: str) -> list[str]:
    """Its RFC 4193 and its 6PLANE address."""
    ids = int(network, 16), int(service.address, 16)
    return [rfc4193(*ids).ip_text, six_plane(*ids).ip_text]


def has_all(service: Service, network: str, device: str) -> bool:
    held = {text.partition("/")[0] for text in addresses(service.host, device)}
    return held >= {*computed(service, network)}


@pytest.fixture(scope="module")
def printer(lan: Lan) -> Machine:
    return printer_on(lan.alice.host, "eth1", "10.67.0.200/24")


@pytest.fixture(scope="module")
def bridged(lan: Lan, printer: Machine) -> Iterator[str]:
    """Alice bridges the network to the LAN of a printer; Bob is a plain member."""
    modes = {"6plane": True, "rfc4193": True, "zt": False}
    body = pool("10.67.0.0/24", "10.67.0.10", "10.67.0.99", v6AssignMode=modes)
    network = make_network(lan.root, body)
    for service in (lan.alice, lan.bob):
        service.join(network)
        service.wait_ip(network)
    lan.root.command("member", "bridge", network, lan.alice.address, "on")
    wait_until("it is an active bridge", lambda: lan.alice.network(network)["bridge"])
    lan.alice.command("bridge", "up", network, "--interface", "eth1", "--rollback", "0")
    wait_until("it has them all", lambda: has_all(lan.alice, network, "br-eth1"))
    yield network
    lan.alice.command("bridge", "down", network)
    assert "br-eth1" not in links(lan.alice.host)


def test_bridge_keeps_its_computed_addresses_and_is_reached_by_them(
    lan: Lan, bridged: str, printer: Machine
) -> None:
    for ip in computed(lan.alice, bridged):
        demand_ping(lan.bob.host, ip)
    for ip in computed(lan.bob, bridged):
        demand_ping(lan.alice.host, ip)
    demand_ping(lan.bob.host, "10.67.0.200")
    for ip in computed(lan.alice, bridged):
        demand_ping(lan.bob.host, ip)
    demand_ping(printer, lan.bob.wait_ip(bridged))
