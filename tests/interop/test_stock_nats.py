"""Stock daemons and ours behind NATs: whoever is client, root or moon, both ends go direct."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import stock
from ours import planet_of_ours
from reach import demand_direct, demand_lan
from segments import make_network, ping, pool
from steady import SteadyTcp
from stock import StockService

from earthline.lab import Host, Lab, NatKind
from earthline.lab.nat import PLAIN_MASQUERADE
from earthline.lab.planet import make_moon, make_planet
from earthline.lab.service import Service, wait_until

pytestmark = [
    pytest.mark.skipif(not stock.BINARY, reason="$ZEROTIER_ONE names no stock binary"),
    pytest.mark.timeout(600),
]

SETTLED_S = 300
"""A stock node takes one to four minutes to pass over a root that is gone (02, 8.2)."""


@pytest.mark.parametrize(
    ("ours_behind", "stock_behind"),
    [
        (NatKind.PORT_RESTRICTED, NatKind.PORT_RESTRICTED),
        (NatKind.FULL_CONE, NatKind.SYMMETRIC),
        (NatKind.SYMMETRIC, NatKind.ADDRESS_RESTRICTED),
    ],
)
def test_stock_client_of_our_root_goes_direct_through_nats(
    ours_behind: NatKind, stock_behind: NatKind
) -> None:
    with planet_of_ours(ours_behind, stock_behind) as ours:
        stranger = StockService(ours.stranger)
        stranger.start(ours.planet.data)
        stranger.wait_online()
        network = ours.root.create_network("10.7.0.0/24", private=False)
        ours.join(network)
        stranger.join(network)
        demand_lan(network, ours.member, stranger)
        demand_direct(network, ours.member, stranger)


def test_stock_client_goes_direct_where_both_routers_masquerade_and_filter_nothing() -> None:
    with Lab() as lab:
        root = Service(lab.host("root"))
        root.start()
        planet = root.found_planet().data
        home = lab.router("home", NatKind.PORT_RESTRICTED)
        office = lab.router("office", NatKind.PORT_RESTRICTED, "10.20.0.0/24")
        for router in (home, office):
            router.namespace.nft(PLAIN_MASQUERADE)
        ours, theirs = Service(home.host("ours")), StockService(office.host("theirs"))
        network = root.create_network("10.7.0.0/24", private=False)
        for member in (ours, theirs):
            member.start(planet)
            member.wait_online()
            member.join(network)
        demand_lan(network, ours, theirs)
        demand_direct(network, ours, theirs)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (NatKind.PORT_RESTRICTED, NatKind.PORT_RESTRICTED),
        (NatKind.SYMMETRIC, NatKind.ADDRESS_RESTRICTED),
    ],
)
def test_our_nodes_on_a_stock_root_go_direct_through_nats(here: NatKind, there: NatKind) -> None:
    with Lab() as lab:
        root = StockService(lab.host("root"))
        one = Service(lab.router("home", here).host("one"))
        other = Service(lab.router("office", there, "10.20.0.0/24").host("other"))
        planet = make_planet(root)
        for service in (root, one, other):
            service.start(planet)
        network = joined(root, one, other)
        demand_lan(network, one, other)
        demand_direct(network, one, other)


@pytest.mark.parametrize("lunar", [StockService, Service], ids=["stock moon", "our moon"])
def test_members_behind_nats_meet_by_a_moon_when_the_planet_is_gone(
    lunar: Callable[[Host], Service],
) -> None:
    with Lab() as lab:
        root, moon = Service(lab.host("root")), lunar(lab.host("moon"))
        home = lab.router("home", NatKind.PORT_RESTRICTED)
        office = lab.router("office", NatKind.PORT_RESTRICTED, "10.20.0.0/24")
        ours, theirs = Service(home.host("ours")), StockService(office.host("theirs"))
        world, planet = make_moon(moon), make_planet(root)
        for service in (root, moon, ours, theirs):
            service.start(planet)
        network = joined(root, ours, theirs)
        for member in (ours, theirs):
            orbit(member, world, moon.address)
        lab.part(home, office)
        root.kill()
        target = theirs.wait_ip(network)
        wait_until("relayed by the moon", lambda: ping(ours.host, target), timeout_s=SETTLED_S)
        lab.reunite()
        demand_direct(network, ours, theirs)
        demand_lan(network, ours, theirs)


def joined(controller: Service, *members: Service) -> str:
    """A network of the controller that the members are on."""
    for service in members:
        service.wait_online()
    body = pool("10.7.0.0/24", "10.7.0.1", "10.7.0.254")
    network = make_network(controller, body)
    for member in members:
        member.join(network)
    for member in members:
        member.wait_ip(network)
    return network


def orbit(member: Service, world: str, seed: str) -> None:
    """Have it find the moon by its seed, and reach the seed."""
    member.request("POST", f"/moon/{world[6:]}", {"seed": seed})
    wait_until(
        f"{member.host.name} holds the moon",
        lambda: any(moon["id"] == world and not moon["waiting"] for moon in moons(member)),
        timeout_s=SETTLED_S,
    )
    assert member.peers()[seed]["role"] == "MOON"
    wait_until("the moon is reached", lambda: member.direct_path(seed), timeout_s=SETTLED_S)


def moons(member: Service) -> list[dict[str, object]]:
    held: list[dict[str, object]] = member.request("GET", "/moon")
    return held


@pytest.mark.parametrize("policy", ["active-backup", "balance-rr"])
def test_stock_node_that_bonds_its_paths_works_with_ours(policy: str) -> None:
    with planet_of_ours() as ours:
        stranger = StockService(ours.stranger)
        stranger.configure(defaultBondingPolicy=policy)
        stranger.start(ours.planet.data)
        stranger.wait_online()
        network = ours.root.create_network("10.7.0.0/24", private=False)
        target = ours.join(network)
        stranger.join(network)
        demand_lan(network, stranger, ours.member)
        demand_direct(network, stranger, ours.member)
        wait_until(
            "it bonds", lambda: stranger.peers()[ours.member.address]["isBonded"], timeout_s=60
        )
        with SteadyTcp(stranger.host, ours.member.host, target) as flow:
            # It keeps the paths of a peer without QoS reports for 15 s at first (02, 10.3).
            numbers = flow.more(2_500)
            wait_until("the flow goes on", lambda: flow.reached(numbers), timeout_s=SETTLED_S)
        demand_lan(network, stranger, ours.member)
