"""Jumbo frames below the virtual network: found and used where they pass, and only there."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator

import pytest
from segments import demand_ping, make_network, pool

from earthline.lab import Host, Lab, NatKind
from earthline.lab.service import Service, wait_until
from earthline.lab.transfer import random_file, send_file

STOCK = os.environ.get("ZEROTIER_ONE", "")
ETHERNET, JUMBO = 1_472, 8_972
JUMBO_LINK = 9_000
FILE = 20 << 20


class World:
    """A root that is a controller, with a public network; every cable carries jumbo frames."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.root = Service(self.host("root"))
        self.root.start()
        self.planet = self.root.found_planet().data
        self.network = make_network(self.root, pool("10.9.0.0/24", "10.9.0.10", "10.9.0.99"))

    def host(self, name: str) -> Host:
        host = self.lab.host(name)
        host.set_mtu(JUMBO_LINK)
        return host

    def host_behind_narrow_router(self, name: str) -> Host:
        """Only the router's own uplink is of Ethernet's usual size."""
        host = self.lab.router(f"{name}-home", NatKind.PORT_RESTRICTED).host(name)
        host.set_mtu(JUMBO_LINK)
        return host

    def member(self, host: Host, *, program: str = "", settings: object = None) -> Service:
        service = Service(host, program=[program] if program else ())
        if settings is not None:
            (service.home / "local.conf").write_text(json.dumps({"settings": settings}))
        service.start(self.planet)
        service.join(self.network)
        return service

    def ip(self, service: Service) -> str:
        return service.wait_ip(self.network)


@pytest.fixture
def world(lab: Lab) -> World:
    return World(lab)


@contextlib.contextmanager
def pinging(source: Service, target: str) -> Iterator[None]:
    """Frames flow both ways all the time."""
    demand_ping(source.host, target)
    process = source.host.start(["ping", "-i0.2", "-s2000", target])
    yield
    process.kill()


def path_to(service: Service, peer: str) -> dict[str, object]:
    """The preferred path to a peer; empty while there is none."""
    paths = service.peers().get(peer, {}).get("earthline", {}).get("paths", ())
    return next((path for path in paths if path["preferred"]), {})


def wait_settled(service: Service, peer: str, mtu: int) -> None:
    wait_until(
        f"{service.host.name} has found {mtu}",
        lambda: path_to(service, peer).items() >= {"mtu": mtu, "mtuSearched": True}.items(),
        timeout_s=60,
    )


def demand_file(source: Service, target: Service, ip: str) -> None:
    path = random_file(source.host.directory / "file", FILE)
    assert send_file(source.host, target.host, ip, path).intact


@pytest.mark.timeout(180)
def test_jumbo_path_is_found_shown_and_used(world: World) -> None:
    alice, bob = world.member(world.host("alice")), world.member(world.host("bob"))
    ip = world.ip(bob)
    with pinging(alice, ip):
        wait_settled(alice, bob.address, JUMBO)
        wait_settled(bob, alice.address, JUMBO)
    alice.host.run(["ping", "-c5", "-i0.2", "-W2", "-s2700", "-Mdo", ip])
    demand_file(alice, bob, ip)
    demand_file(bob, alice, world.ip(alice))
    assert str(JUMBO) in alice.command("peers")
    found = {finding["id"] for finding in json.loads(alice.command("doctor", "--json"))["findings"]}
    assert "path_mtu_found" in found
    assert "large_datagrams_lost" not in found


@pytest.mark.timeout(180)
def test_router_of_ethernet_size_in_between_is_found_out_and_traffic_flows(world: World) -> None:
    alice = world.member(world.host_behind_narrow_router("alice"))
    bob = world.member(world.host("bob"))
    ip = world.ip(bob)
    with pinging(alice, ip):
        wait_settled(alice, bob.address, ETHERNET)
        wait_settled(bob, alice.address, ETHERNET)
    demand_file(alice, bob, ip)
    demand_file(bob, alice, world.ip(alice))


@pytest.mark.timeout(180)
def test_cable_that_shrinks_under_a_flow_is_noticed(world: World) -> None:
    alice, bob = world.member(world.host("alice")), world.member(world.host("bob"))
    ip = world.ip(bob)
    with pinging(alice, ip):
        wait_settled(alice, bob.address, JUMBO)
        bob.host.set_mtu(1_500)
        for here, there in ((alice, bob), (bob, alice)):
            wait_until(
                f"{here.host.name} has noticed",
                lambda h=here, t=there.address: int(str(path_to(h, t)["mtu"])) <= ETHERNET,
                timeout_s=60,
            )
    demand_file(alice, bob, ip)


@pytest.mark.timeout(180)
def test_switched_off_nothing_is_searched_and_segments_may_be_made_to_fit(world: World) -> None:
    settings = {"pathMtuDiscovery": False, "mssClamp": True}
    alice = world.member(world.host("alice"), settings=settings)
    bob = world.member(world.host("bob"))
    ip = world.ip(bob)
    with pinging(alice, ip):
        wait_settled(bob, alice.address, JUMBO)
        assert path_to(alice, bob.address).items() >= {"mtu": 1_432, "mtuSearched": False}.items()
    demand_file(alice, bob, ip)


@pytest.mark.timeout(180)
@pytest.mark.skipif(not STOCK, reason="$ZEROTIER_ONE names no stock binary")
def test_stock_peer_is_never_sent_more_than_its_buffers_hold(world: World) -> None:
    alice = world.member(world.host("alice"))
    stock = world.member(world.host("stock"), program=STOCK)
    ip = world.ip(stock)
    with pinging(alice, ip):
        wait_settled(alice, stock.address, ETHERNET)
    demand_file(alice, stock, ip)
    demand_file(stock, alice, world.ip(alice))
    assert path_to(alice, stock.address)["mtu"] == ETHERNET
