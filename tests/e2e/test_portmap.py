"""Ports mapped by a real gateway: by PCP, NAT-PMP and UPnP in turn."""

from __future__ import annotations

import pytest
from gateway import DAEMON, Gateway, Mapped, ask_for_port

from earthline.lab import Lab, NatKind
from earthline.lab.service import Service, wait_until
from earthline.lab.topology import Router

pytestmark = pytest.mark.skipif(
    DAEMON is None, reason="miniupnpd is not installed; use: apt-get install miniupnpd-nftables"
)
PORT = 41000


@pytest.fixture
def home(lab: Lab) -> Router:
    return lab.router("home", NatKind.SYMMETRIC, "192.168.1.0/24")


def wanting(router: Router, **settings: object) -> Service:
    """A service on a host behind the router, whose third port is a known one."""
    service = Service(router.host("alice"))
    service.configure(tertiaryPort=PORT, **settings)
    return service


def mapped_to(service: Service, external: int = PORT) -> Mapped:
    return Mapped(external, service.host.address, PORT)


@pytest.mark.parametrize(
    ("protocol", "igd_v1"),
    [("pcp", False), ("nat-pmp", False), ("upnp", False), ("upnp", True)],
)
def test_mapped_port_gives_a_direct_path_between_two_symmetric_nats(
    lab: Lab, home: Router, protocol: str, igd_v1: bool
) -> None:
    gateway = Gateway(home, protocol, igd_v1=igd_v1)
    root = Service(lab.host("root"))
    root.start()
    planet = root.found_planet()
    alice = wanting(home, portSpray=False)
    bob = Service(lab.router("office", NatKind.SYMMETRIC, "10.20.0.0/24").host("bob"))
    bob.configure(portSpray=False)
    for service in (alice, bob):
        service.start(planet.data, wait=False)
    for service in (alice, bob):
        service.wait_ready()
    wait_until("the port is mapped", lambda: gateway.mapped() == [mapped_to(alice)])
    assert f'"protocol": "{protocol}"' in alice.process.output
    ip = alice.wait_ip(planet.earth), bob.wait_ip(planet.earth)
    bob.host.run(["ping", "-c3", "-i0.2", "-W5", ip[0]])
    way = wait_until("the path is direct", lambda: bob.direct_path(alice.address), timeout_s=60)
    assert way == f"{home.public_address}/{PORT}"
    assert alice.stop() == 0
    assert gateway.mapped() == []


@pytest.mark.parametrize("protocol", ["pcp", "nat-pmp", "upnp"])
def test_port_of_another_host_is_not_stolen(home: Router, protocol: str) -> None:
    neighbour = home.host("neighbour")
    gateway = Gateway(home, protocol, friend=neighbour.address)
    assert ask_for_port(neighbour, home.gateway, PORT) == PORT
    theirs = Mapped(PORT, neighbour.address, PORT)
    alice = wanting(home)
    alice.start()
    wait_until("a second port is mapped", lambda: len(gateway.mapped()) == 2)
    assert sorted(gateway.mapped(), key=str) == sorted(
        [theirs, mapped_to(alice, PORT + 1)], key=str
    )
    assert alice.stop() == 0
    assert gateway.mapped() == [theirs]


@pytest.mark.parametrize("protocol", ["pcp", "nat-pmp", "upnp"])
def test_mapping_that_a_crash_left_is_used_again(home: Router, protocol: str) -> None:
    gateway = Gateway(home, protocol)
    alice = wanting(home)
    alice.start()
    wait_until("the port is mapped", lambda: alice.process.output.count("port_mapped") == 1)
    assert gateway.mapped() == [mapped_to(alice)]
    alice.kill()
    assert gateway.mapped() == [mapped_to(alice)]
    alice.start()
    wait_until("it is mapped again", lambda: alice.process.output.count("port_mapped") == 2)
    assert gateway.mapped() == [mapped_to(alice)]
    assert alice.stop() == 0
    assert gateway.mapped() == []


def test_port_mapping_is_switched_off_and_on_while_running(home: Router) -> None:
    gateway = Gateway(home, "pcp")
    alice = wanting(home)
    alice.start()
    wait_until("the port is mapped", lambda: gateway.mapped() == [mapped_to(alice)])
    here = f"{alice.host.address}/{PORT}"

    def listening() -> bool:
        return here in alice.status()["config"]["settings"]["listeningOn"]

    assert listening()
    alice.request("POST", "/config/settings", {"portMappingEnabled": False})
    wait_until("the mapping is gone", lambda: gateway.mapped() == [])
    wait_until("its socket is closed", lambda: not listening())
    alice.request("POST", "/config/settings", {"portMappingEnabled": True})
    wait_until("the port is mapped again", lambda: gateway.mapped() == [mapped_to(alice)])
    assert listening()


def test_gateway_that_maps_nothing_is_no_fault(home: Router) -> None:
    alice = wanting(home)
    alice.start()
    wait_until("all was tried", lambda: "port_not_mapped" in alice.process.output, timeout_s=60)
    assert alice.stop() == 0
