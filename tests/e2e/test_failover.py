"""Roots that are killed, and firewalls that come and go, under flows between two members."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from steady import CountedPing, SteadyTcp

from earthline.lab.service import wait_until
from earthline.lab.two_roots import TwoRoots, two_roots


@pytest.fixture(scope="module")
def standing() -> Iterator[TwoRoots]:
    with two_roots() as built:
        yield built


@pytest.fixture
def planet(standing: TwoRoots) -> TwoRoots:
    """Two members that reach each other directly, and both roots, whatever was done before."""
    standing.gather()
    return standing


def steady(planet: TwoRoots) -> SteadyTcp:
    return SteadyTcp(planet.near.host, planet.far.host, planet.far.wait_ip(planet.network))


def counted(planet: TwoRoots) -> CountedPing:
    return CountedPing(planet.near.host, planet.far.wait_ip(planet.network))


def test_relayed_ping_and_tcp_flow_go_on_by_the_other_root_when_theirs_is_killed(
    planet: TwoRoots,
) -> None:
    planet.part()
    ping = counted(planet)
    with steady(planet) as flow:
        wait_until("it flows", lambda: flow.reached(50))
        relay = planet.relaying_root()
        relay.kill()
        replies, numbers = ping.answered, flow.more(300)
        wait_until("the TCP flow goes on", lambda: flow.reached(numbers))
        wait_until("the ping goes on", lambda: ping.answered > replies + 20)
    (other,) = (root for root in planet.roots if root is not relay)
    assert other.counter("relayed") > 0
    assert ping.lost() < 50


def test_direct_flow_loses_no_ping_while_every_root_is_killed(planet: TwoRoots) -> None:
    ping = counted(planet)
    with steady(planet) as flow:
        wait_until("it flows", lambda: flow.reached(50) and ping.answered > 5)
        for root in planet.roots:
            root.kill()
            numbers, replies = flow.more(300), ping.answered
            wait_until("the TCP flow goes on", lambda n=numbers: flow.reached(n))
            wait_until("the ping goes on", lambda r=replies: ping.answered > r + 30)
    assert ping.lost() <= 1
    assert planet.near.direct_path(planet.far.address)


def test_restarted_member_meets_a_cached_peer_again_without_any_root(planet: TwoRoots) -> None:
    far = planet.far.address
    for root in planet.roots:
        root.kill()
    assert planet.near.stop() == 0
    planet.near.start()
    wait_until("the two meet again", planet.answers)
    assert planet.near.direct_path(far)


def test_members_between_whom_udp_is_blocked_are_relayed_until_it_is_not(planet: TwoRoots) -> None:
    planet.part()
    with steady(planet) as flow:
        wait_until("it flows by a root", lambda: flow.reached(100))
        assert planet.near.direct_path(planet.far.address) is None
        planet.lab.reunite()
        planet.wait_direct()
        numbers = flow.more(100)
        wait_until("it flows directly", lambda: flow.reached(numbers))
