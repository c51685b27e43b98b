"""Which addresses a member gets (04, 9.7 to 9.10)."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from controller_lab import LAB, Lab

from earthline.controller.addresses import (
    Addresses,
    AddressPolicy,
    give_addresses,
    rfc4193,
    six_plane,
)
from earthline.controller.coercion import read_address
from earthline.wire.inet import InetAddress


def at(text: str) -> InetAddress:
    address = read_address(text)
    assert address is not None
    return address


def policy(
    *routes: str | tuple[str, str], pools: Sequence[tuple[str, str]] = (), **modes: bool
) -> AddressPolicy:
    pairs = [(route, None) if isinstance(route, str) else route for route in routes]
    return AddressPolicy(
        routes=tuple((at(target), via and at(via)) for target, via in pairs),  # type: ignore[misc]
        pools=tuple((at(start), at(end)) for start, end in pools),
        **modes,
    )


def give(
    policy: AddressPolicy,
    member: int = 0xE2189D2483,
    assigned: Sequence[str] = (),
    *,
    automatic: bool = True,
    taken: Sequence[str] = (),
) -> Addresses:
    used = {at(text).ip for text in taken}
    return give_addresses(
        policy,
        0xB48062DE76000001,
        member,
        [at(text) for text in assigned],
        automatic=automatic,
        taken=used.intersection,
        entropy=random.Random(1).randbytes,
    )


def texts(addresses: Addresses) -> list[str]:
    return [str(ip) for ip in addresses.static_ips]


V4 = policy("10.7.0.0/16", pools=[("10.7.0.10", "10.7.0.99")], pick_ipv4=True)


def test_first_pick_follows_from_the_member_address() -> None:
    assert texts(give(V4)) == ["10.7.0.59/16"]
    assert [ip.ip_text for ip in give(V4).picked] == ["10.7.0.59"]


def test_pick_moves_on_past_taken_addresses_and_wraps() -> None:
    assert texts(give(V4, taken=["10.7.0.59", "10.7.0.60"])) == ["10.7.0.61/16"]
    upper = [f"10.7.0.{last}" for last in range(59, 99)]
    # The end of a pool is never drawn.
    assert texts(give(V4, taken=upper)) == ["10.7.0.10/16"]


def test_full_pool_gives_nothing() -> None:
    everything = [f"10.7.0.{last}" for last in range(10, 99)]
    assert texts(give(V4, taken=everything)) == []


def test_pool_of_one_address_yields_it() -> None:
    one = policy("10.20.0.0/24", pools=[("10.20.0.7", "10.20.0.7")], pick_ipv4=True)
    assert texts(give(one)) == ["10.20.0.7/24"]


def test_unrouted_pool_is_passed_over_for_the_next() -> None:
    pools = [("10.21.0.1", "10.21.0.200"), ("10.20.0.7", "10.20.0.7")]
    assert texts(give(policy("10.20.0.0/24", pools=pools, pick_ipv4=True))) == ["10.20.0.7/24"]


def test_last_octet_255_is_skipped() -> None:
    wide = policy("10.0.0.0/8", pools=[("10.0.0.255", "10.0.1.0")], pick_ipv4=True)
    assert texts(give(wide)) == []


@pytest.mark.parametrize("route", ["10.7.3.4/16", "0.0.0.0/0", "10.8.0.0/16"])
def test_route_that_is_not_exactly_the_network_gives_no_pick(route: str) -> None:
    pools = [("10.7.0.10", "10.7.0.99")]
    assert texts(give(policy(route, pools=pools, pick_ipv4=True))) == []


def test_route_by_way_of_a_gateway_counts_for_ipv4_but_not_for_ipv6() -> None:
    by_way = policy(
        ("10.7.0.0/16", "10.7.0.1"),
        ("fd12::/64", "fd12::1"),
        pools=[("10.7.0.10", "10.7.0.99"), ("fd12::1", "fd12::ffff")],
        pick_ipv4=True,
        pick_ipv6=True,
    )
    assert texts(give(by_way)) == ["10.7.0.59/16"]


def test_backward_pool_is_skipped() -> None:
    assert (
        texts(give(policy("10.7.0.0/16", pools=[("10.7.2.9", "10.7.2.1")], pick_ipv4=True))) == []
    )


def test_assigned_address_takes_the_longest_route_and_prevents_a_pick() -> None:
    routed = policy(
        "10.7.0.0/16",
        "10.7.200.0/24",
        pools=[("10.7.0.10", "10.7.0.99")],
        pick_ipv4=True,
    )
    assert texts(give(routed, assigned=["10.7.200.1", "192.168.50.4"])) == ["10.7.200.1/24"]


def test_unrouted_assigned_address_does_not_prevent_a_pick() -> None:
    assert texts(give(V4, assigned=["192.168.50.4"])) == ["10.7.0.59/16"]


def test_default_route_routes_every_assigned_address() -> None:
    assert texts(give(policy("0.0.0.0/0"), assigned=["192.168.50.4"])) == ["192.168.50.4/0"]


def test_no_automatic_addresses_still_gives_assigned_ones() -> None:
    everything = policy(
        "10.7.0.0/16", pools=[("10.7.0.10", "10.7.0.99")], pick_ipv4=True, rfc4193=True
    )
    given = give(everything, assigned=["10.7.0.5"], automatic=False)
    assert (texts(given), given.emulate_neighbours) == (["10.7.0.5/16"], False)


def test_large_ipv6_pool_starts_with_the_member_address() -> None:
    large = policy("fd12::/64", pools=[("fd12::", "fd12::ffff:ffff:ffff")], pick_ipv6=True)
    assert texts(give(large)) == ["fd12::e2:189d:2483/64"]
    assert texts(give(large, taken=["fd12::e2:189d:2483"])) != ["fd12::e2:189d:2483/64"]


def test_small_ipv6_pool_is_drawn_from_without_its_end() -> None:
    two = policy("fd12::/64", pools=[("fd12::5", "fd12::7")], pick_ipv6=True)
    assert texts(give(two, taken=["fd12::5"])) == ["fd12::6/64"]
    assert texts(give(two, taken=["fd12::5", "fd12::6"])) == []


def test_computed_addresses_are_as_recorded() -> None:
    assert (
        str(rfc4193(0x8056C2E21C000001, 0xDEADBEEF01)) == "fd80:56c2:e21c:0:199:93de:adbe:ef01/88"
    )
    assert str(six_plane(0x8056C2E21C000001, 0xDEADBEEF01)) == "fc9c:56c2:e3de:adbe:ef01::1/40"


def test_more_than_32_addresses_are_cut() -> None:
    assigned = [f"10.7.1.{last}" for last in range(40)]
    assert len(give(policy("10.7.0.0/16"), assigned=assigned).static_ips) == 32


def test_two_members_with_one_first_choice_get_different_addresses_for_ever(lab: Lab) -> None:
    lab.create(
        private=False,
        v4AssignMode="zt",
        routes=[{"target": "10.7.0.0/16"}],
        ipAssignmentPools=[{"ipRangeStart": "10.7.0.10", "ipRangeEnd": "10.7.0.99"}],
    )
    first, second = 5, 5 + 89
    assert [str(ip) for ip in lab.config(first).static_ips] == ["10.7.0.15/16"]
    assert [str(ip) for ip in lab.config(second).static_ips] == ["10.7.0.16/16"]
    lab.authority.delete_member(LAB, first, lab.now)
    assert [str(ip) for ip in lab.config(second).static_ips] == ["10.7.0.16/16"]
    assert [str(ip) for ip in lab.config(first).static_ips] == ["10.7.0.15/16"]


def test_address_that_a_person_assigned_is_never_picked_for_another(lab: Lab) -> None:
    lab.create(
        private=False,
        v4AssignMode="zt",
        routes=[{"target": "10.7.0.0/16"}],
        ipAssignmentPools=[{"ipRangeStart": "10.7.0.10", "ipRangeEnd": "10.7.0.99"}],
    )
    lab.post_member(1, ipAssignments=["10.7.0.15"], authorized=False)
    assert [str(ip) for ip in lab.config(5).static_ips] == ["10.7.0.16/16"]
