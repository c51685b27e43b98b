"""Which kernel routes a configuration amounts to (05, 8.5)."""

from __future__ import annotations

from earthline.effects import ConfigureTap, Route
from earthline.runtime.host.netlink import KernelRoute
from earthline.runtime.settings.permissions import Permissions
from earthline.runtime.taps.routes import allowed_addresses, kernel_routes
from earthline.wire.inet import InetAddress

at = InetAddress.parse


def command(addresses, *routes):
    return ConfigureTap(
        1,
        2,
        2800,
        tuple(at(text) for text in addresses),
        tuple(Route(at(target), None if via is None else at(via)) for target, via in routes),
    )


def routes(configured, permissions=None, *, online=True):
    return kernel_routes(configured, permissions or Permissions(), online=online)


def test_route_of_an_own_subnet_is_left_to_the_kernel():
    assert routes(command(["10.7.0.59/16"], ("10.7.0.0/16", None))) == []


def test_direct_route_not_implied_by_an_address_is_installed():
    found = routes(command(["10.20.0.7/24"], ("10.30.0.0/24", None)))
    assert found == [KernelRoute(at("10.30.0.0/24"), None, at("10.20.0.7/24"))]


def test_direct_routes_come_before_gateway_routes():
    configured = command(["10.20.0.7/24"], ("10.41.0.0/24", "10.20.0.1"), ("10.30.0.0/24", None))
    assert [str(route.target) for route in routes(configured)] == ["10.30.0.0/24", "10.41.0.0/24"]


def test_route_by_way_of_ourselves_is_skipped():
    assert routes(command(["10.20.0.7/24"], ("10.40.0.0/24", "10.20.0.7"))) == []


def test_route_without_an_address_of_its_family_is_skipped():
    assert routes(command(["10.20.0.7/24"], ("fd44::/64", None))) == []


def test_source_is_the_address_closest_to_the_target():
    configured = command(["10.20.0.7/24", "10.99.0.3/24"], ("10.98.0.0/16", None))
    assert routes(configured)[0].source == at("10.99.0.3/24")


def test_default_route_is_two_halves_and_only_while_online():
    configured = command(["10.20.0.7/24"], ("0.0.0.0/0", "10.20.0.1"))
    allowed = Permissions(default=True)
    halves = [str(route.target) for route in routes(configured, allowed)]
    assert halves == ["0.0.0.0/1", "128.0.0.0/1"]
    assert routes(configured, allowed, online=False) == []
    assert routes(configured) == []


def test_ipv6_default_route_is_two_halves():
    configured = command(["fd00::7/64"], ("::/0", "fd00::1"))
    halves = [str(route.target) for route in routes(configured, Permissions(default=True))]
    assert halves == ["::/1", "8000::/1"]


def test_route_to_the_public_internet_needs_permission():
    configured = command(["10.20.0.7/24"], ("8.8.8.0/24", "10.20.0.1"))
    assert routes(configured) == []
    assert len(routes(configured, Permissions(global_=True))) == 1


def test_one_route_per_target():
    configured = command(
        ["10.20.0.7/24"], ("10.30.0.0/24", "10.20.0.1"), ("10.30.0.0/24", "10.20.0.2")
    )
    assert [route.gateway for route in routes(configured)] == [at("10.20.0.1")]


def test_gateway_of_the_other_family_is_skipped():
    configured = command(["10.20.0.7/24", "fd00::7/64"], ("10.30.0.0/24", "fd00::1"))
    assert routes(configured) == []


def test_addresses_are_filtered_and_unique():
    configured = command(["10.7.0.1/16", "8.8.8.8/24", "10.7.0.1/16"])
    assert allowed_addresses(configured, Permissions()) == [at("10.7.0.1/16")]
