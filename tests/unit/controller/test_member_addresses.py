"""Which addresses a member gets (04, 9.7 to 9.10)."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import pytest
from controller_lab import LAB, Lab

from earthline.controller.objects.addresses import (
    Addresses,
    AddressPolicy,
    give_addresses,
    rfc4193,
    six_plane,
)
from earthline.controller.objects.coercion import read_address
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
    # The end of a pool comes last.
    assert texts(give(V4, taken=upper)) == ["10.7.0.10/16"]


def test_full_pool_gives_nothing() -> None:
    everything = [f"10.7.0.{last}" for last in range(10, 99)]
    assert texts(give(V4, taken=everything)) == ["10.7.0.99/16"]
    assert texts(give(V4, taken=[*everything, "10.7.0.99"])) == []


def test_pool_of_one_address_yields_it() -> None:
    one = policy("10.20.0.0/24", pools=[("10.20.0.7", "10.20.0.7")], pick_ipv4=True)
    assert texts(give(one)) == ["10.20.0.7/24"]


def test_unrouted_pool_is_passed_over_for_the_next() -> None:
    pools = [("10.21.0.1", "10.21.0.200"), ("10.20.0.7", "10.20.0.7")]
    assert texts(give(policy("10.20.0.0/24", pools=pools, pick_ipv4=True))) == ["10.20.0.7/24"]


@pytest.mark.parametrize(
    ("route", "first", "last"),
    [
        ("10.20.0.0/24", "10.20.0.7", "10.20.0.8"),
        ("10.20.0.0/31", "10.20.0.0", "10.20.0.1"),
        ("10.20.0.7/32", "10.20.0.7", "10.20.0.7"),
        ("10.20.0.4/30", "10.20.0.5", "10.20.0.6"),
        ("10.0.0.0/8", "10.0.0.255", "10.0.1.0"),
        ("fd12::/64", "fd12::7", "fd12::8"),
        ("fd12::6/127", "fd12::6", "fd12::7"),
    ],
)
def test_every_address_of_a_small_pool_is_given(route: str, first: str, last: str) -> None:
    small = policy(route, pools=[(first, last)], pick_ipv4=True, pick_ipv6=True)
    prefix = route.partition("/")[2]
    one = texts(give(small))[0]
    others = texts(give(small, taken=[one.partition("/")[0]]))
    assert {one, *others} == {f"{first}/{prefix}", f"{last}/{prefix}"}
    assert texts(give(small, taken=[first, last])) == []


@pytest.mark.parametrize(
    ("routes", "first", "last", "usable"),
    [
        (["10.7.0.128/25"], "10.7.0.128", "10.7.0.129", "10.7.0.129/25"),
        (["10.7.0.128/25"], "10.7.0.254", "10.7.0.255", "10.7.0.254/25"),
        (["10.7.0.0/16", "10.7.0.128/25"], "10.7.0.128", "10.7.0.129", "10.7.0.129/25"),
        (["fd12::/64"], "fd12::", "fd12::1", "fd12::1/64"),
    ],
)
def test_address_and_broadcast_of_a_subnet_are_never_given(
    routes: list[str], first: str, last: str, usable: str
) -> None:
    pool = policy(*routes, pools=[(first, last)], pick_ipv4=True, pick_ipv6=True)
    assert texts(give(pool)) == [usable]
    assert texts(give(pool, taken=[usable.partition("/")[0]])) == []


def test_last_octet_255_comes_last() -> None:
    wide = policy("10.0.0.0/8", pools=[("10.0.0.255", "10.0.1.0")], pick_ipv4=True)
    assert texts(give(wide)) == ["10.0.1.0/8"]


@pytest.mark.parametrize("route", ["0.0.0.0/0", "10.8.0.0/16"])
def test_route_that_is_not_over_the_pool_gives_no_pick(route: str) -> None:
    pools = [("10.7.0.10", "10.7.0.99")]
    assert texts(give(policy(route, pools=pools, pick_ipv4=True))) == []


def test_route_by_way_of_a_gateway_gives_no_pick() -> None:
    by_way = policy(
        ("10.7.0.0/16", "10.7.0.1"),
        ("fd12::/64", "fd12::1"),
        pools=[("10.7.0.10", "10.7.0.99"), ("fd12::1", "fd12::ffff")],
        pick_ipv4=True,
        pick_ipv6=True,
    )
    assert texts(give(by_way)) == []
    # As stock does: a person may want it.
    assert texts(give(by_way, assigned=["10.7.0.59"])) == ["10.7.0.59/16"]


@pytest.mark.parametrize(
    ("routes", "pool", "prefix"),
    [
        ([("10.0.0.0/8", "10.7.1.1"), "10.7.1.0/24"], ("10.7.1.10", "10.7.1.99"), 24),
        (["10.0.0.0/8", "10.7.1.0/24"], ("10.7.1.10", "10.7.1.99"), 24),
        (["10.7.1.0/24", "10.0.0.0/8"], ("10.7.1.10", "10.7.1.99"), 24),
        ([("10.7.1.0/26", "10.7.1.65"), "10.7.1.0/24"], ("10.7.1.10", "10.7.1.20"), 24),
        (["fd12::/64", "fd12::/48"], ("fd12::1", "fd12::ffff"), 64),
    ],
)
def test_first_and_later_configurations_have_one_prefix(
    routes: list[str | tuple[str, str]], pool: tuple[str, str], prefix: int
) -> None:
    routed = policy(*routes, pools=[pool], pick_ipv4=True, pick_ipv6=True)
    (first,) = give(routed).static_ips
    assert first.port == prefix
    assert give(routed, assigned=[first.ip_text]).static_ips == [first]


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


def test_small_ipv6_pool_is_drawn_from() -> None:
    two = policy("fd12::/64", pools=[("fd12::5", "fd12::7")], pick_ipv6=True)
    assert texts(give(two, taken=["fd12::5", "fd12::7"])) == ["fd12::6/64"]
    assert texts(give(two, taken=["fd12::5", "fd12::6"])) == ["fd12::7/64"]
    assert texts(give(two, taken=["fd12::5", "fd12::6", "fd12::7"])) == []


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


POOL = [{"ipRangeStart": "10.7.0.10", "ipRangeEnd": "10.7.0.99"}]


@pytest.mark.parametrize(
    ("target", "stored"),
    [
        ("10.7.0.5/24", "10.7.0.0/24"),
        ("10.7.0.0/24", "10.7.0.0/24"),
        ("fd12::5/64", "fd12::/64"),
        ("10.7.0.5/32", "10.7.0.5/32"),
        ("10.9.0.5", "10.9.0.5/0"),
    ],
)
def test_route_is_stored_without_host_bits(lab: Lab, target: str, stored: str) -> None:
    lab.create(routes=[{"target": target}])
    assert lab.authority.get_network(LAB)["routes"] == [{"target": stored, "via": None}]  # type: ignore[index]


def test_members_of_a_route_with_host_bits_get_addresses(lab: Lab) -> None:
    lab.create(
        private=False,
        v4AssignMode="zt",
        v6AssignMode="zt",
        routes=[{"target": "10.7.0.5/24"}, {"target": "fd12::5/64"}],
        ipAssignmentPools=[*POOL, {"ipRangeStart": "fd12::1", "ipRangeEnd": "fd12::1"}],
    )
    config = lab.config(5)
    assert [str(ip) for ip in config.static_ips] == ["fd12::1/64", "10.7.0.15/24"]
    assert [str(route.target) for route in config.routes] == ["10.7.0.0/24", "fd12::/64"]


def test_stored_route_with_host_bits_is_read_without(lab: Lab) -> None:
    """As earlier releases and other controllers stored it."""
    lab.create(private=False, v4AssignMode="zt", ipAssignmentPools=POOL)
    stored = json.loads(lab.store.read_network(LAB) or "")
    stored["routes"] = [{"target": "10.7.0.5/24", "via": None}]
    lab.store.write_network(LAB, json.dumps(stored))
    assert [str(ip) for ip in lab.config(5).static_ips] == ["10.7.0.15/24"]


def test_address_assigned_twice_is_kept_once(lab: Lab) -> None:
    lab.create(routes=[{"target": "10.7.0.0/24"}])
    lab.post_member(ipAssignments=["10.7.0.5", "10.7.0.6/24", "10.7.0.5/24"])
    assert lab.member()["ipAssignments"] == ["10.7.0.5", "10.7.0.6"]


def test_address_that_was_stored_twice_is_given_once() -> None:
    given = give(policy("10.7.0.0/24"), assigned=["10.7.0.5", "10.7.0.5"])
    assert texts(given) == ["10.7.0.5/24"]


def move_to(lab: Lab, target: str, first: str, last: str) -> list[str]:
    """Another subnet, and what the member gets there."""
    pools = [{"ipRangeStart": first, "ipRangeEnd": last}]
    lab.create(routes=[{"target": target}], ipAssignmentPools=pools)
    return [str(ip) for ip in lab.config().static_ips]


def test_picked_address_of_a_former_subnet_stays_dead_when_the_route_becomes_wider(
    lab: Lab,
) -> None:
    lab.create(private=False, v4AssignMode="zt")
    assert move_to(lab, "192.168.123.0/24", "192.168.123.10", "192.168.123.10") != []
    assert move_to(lab, "192.168.5.0/24", "192.168.5.20", "192.168.5.20") == ["192.168.5.20/24"]
    wide = move_to(lab, "192.168.0.0/16", "192.168.5.20", "192.168.5.20")
    assert wide == ["192.168.5.20/16"]
    assert lab.member()["ipAssignments"] == ["192.168.5.20"]


def test_picked_address_survives_a_route_that_is_gone_for_a_while(lab: Lab) -> None:
    lab.create(private=False, v4AssignMode="zt")
    assert move_to(lab, "10.7.0.0/24", "10.7.0.10", "10.7.0.10") == ["10.7.0.10/24"]
    lab.create(routes=[])
    assert lab.config().static_ips == ()
    lab.create(routes=[{"target": "10.7.0.0/24"}])
    assert [str(ip) for ip in lab.config().static_ips] == ["10.7.0.10/24"]


def test_assigned_address_in_no_route_is_left_to_persons(lab: Lab) -> None:
    lab.create(private=False, v4AssignMode="zt")
    lab.post_member(ipAssignments=["192.168.9.1"])
    move_to(lab, "10.7.0.0/24", "10.7.0.10", "10.7.0.10")
    assert lab.member()["ipAssignments"] == ["192.168.9.1", "10.7.0.10"]
