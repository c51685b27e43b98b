"""A member whose address changes under a running TCP connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from steady import SteadyTcp

from earthline.lab.service import wait_until
from earthline.lab.two_roots import TwoRoots, two_roots


@pytest.fixture(scope="module")
def planet() -> Iterator[TwoRoots]:
    with two_roots() as built:
        yield built


def steady(planet: TwoRoots) -> SteadyTcp:
    return SteadyTcp(planet.near.host, planet.far.host, planet.far.wait_ip(planet.network))


def demand_it_goes_on(planet: TwoRoots, flow: SteadyTcp) -> None:
    numbers = flow.more(300)
    wait_until("the TCP flow goes on", lambda: flow.reached(numbers))
    planet.wait_direct()


def test_tcp_flow_survives_a_new_address_on_the_same_lan(planet: TwoRoots) -> None:
    with steady(planet) as flow:
        wait_until("it flows", lambda: flow.reached(50))
        planet.near.host.move(planet.sites[0])
        demand_it_goes_on(planet, flow)
        assert planet.near.host.address in str(planet.near.status()["config"])


def test_tcp_flow_survives_a_move_behind_another_nat(planet: TwoRoots) -> None:
    with steady(planet) as flow:
        wait_until("it flows", lambda: flow.reached(50))
        planet.near.host.move(planet.cafe)
        demand_it_goes_on(planet, flow)
    path = planet.far.direct_path(planet.near.address)
    assert path is not None
    assert path.startswith(f"{planet.cafe.public_address}/")


def test_default_route_that_comes_long_after_the_address_is_used(planet: TwoRoots) -> None:
    """The sockets are bound by then, and said to lead no further than the cable."""
    near, root = planet.near, planet.roots[0].address
    namespace, uplink = near.host.namespace, near.host.uplink
    way = ["default", *namespace.ip("route", "show", "default").split()[1:]]
    for _ in range(3):
        namespace.ip("address", "flush", "dev", uplink)
        wait_until("its old sockets are gone", lambda: near.direct_path(root) is None)
        namespace.ip("address", "add", str(near.host.interface), "dev", uplink)
        wait_until("it has new ones", lambda: near.host.address in str(near.status()["config"]))
        namespace.ip("route", "add", *way)
        wait_until("it reaches a root", lambda: near.direct_path(root), timeout_s=10)
    planet.wait_direct()


def test_tcp_flow_survives_a_move_of_the_other_end(planet: TwoRoots) -> None:
    with steady(planet) as flow:
        wait_until("it flows", lambda: flow.reached(50))
        planet.far.host.move(planet.cafe)
        demand_it_goes_on(planet, flow)
