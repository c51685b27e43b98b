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


def test_tcp_flow_survives_a_move_of_the_other_end(planet: TwoRoots) -> None:
    with steady(planet) as flow:
        wait_until("it flows", lambda: flow.reached(50))
        planet.far.host.move(planet.cafe)
        demand_it_goes_on(planet, flow)
