"""Which news of default routes mean that the host may be somewhere else."""

from __future__ import annotations

import asyncio
import socket

import pytest

from earthline.runtime.base.watch import DEBOUNCE_S
from earthline.runtime.host.default_routes import DefaultRoutes
from earthline.runtime.host.netlink import Change, DefaultRoute

ROUTE = DefaultRoute(socket.AF_INET6, 2, "fe80::1", 1024)
OTHER = DefaultRoute(socket.AF_INET6, 2, "fe80::2", 1024)
OLD = DefaultRoute(socket.AF_INET, 2, "10.0.0.1", 0)
OLD_OTHER = DefaultRoute(socket.AF_INET, 2, "10.0.0.2", 0)


def there(route: DefaultRoute, *, replaces: bool = False) -> Change:
    return Change(route.interface, route, replaces=replaces)


def gone(route: DefaultRoute) -> Change:
    return Change(route.interface, route, gone=True)


def moves(*bursts: list[Change]) -> list[int]:
    """How often a difference was reported, after each burst of news."""
    reports: list[None] = []

    async def run() -> list[int]:
        routes = DefaultRoutes(lambda: reports.append(None))
        watching = asyncio.create_task(routes.watch.run())
        counts = []
        for burst in bursts:
            for change in burst:
                routes.note(change)
            await asyncio.sleep(3 * DEBOUNCE_S)
            counts.append(len(reports))
        watching.cancel()
        return counts

    return asyncio.run(run())


@pytest.mark.parametrize(
    "again", [[there(ROUTE, replaces=True)], [gone(ROUTE), there(ROUTE)]], ids=["replaced", "anew"]
)
def test_route_that_is_set_again_is_no_move(again: list[Change]) -> None:
    assert moves([there(ROUTE)], again, again) == [1, 1, 1]


def test_route_set_anew_is_no_move_though_it_was_there_before_us() -> None:
    assert moves([gone(ROUTE), there(ROUTE)]) == [0]


def test_burst_of_news_is_one_move() -> None:
    assert moves([gone(OLD), gone(ROUTE), there(OTHER)]) == [1]


def test_lost_route_is_a_move_and_so_is_its_return_later() -> None:
    assert moves([there(OLD)], [gone(OLD)], [there(OLD)]) == [1, 2, 3]


def test_route_that_went_untold_is_a_move_when_it_is_back() -> None:
    assert moves([there(OLD)], [there(OLD)]) == [1, 2]


@pytest.mark.parametrize(("one", "other"), [(ROUTE, OTHER), (OLD, OLD_OTHER)])
def test_gateway_that_changes_to_and_fro_is_a_move_each_time(
    one: DefaultRoute, other: DefaultRoute
) -> None:
    there_and_back = [[there(route, replaces=True)] for route in (one, other, one)]
    assert moves(*there_and_back) == [1, 2, 3]


def test_other_metric_is_a_move() -> None:
    slower = DefaultRoute(socket.AF_INET6, 2, "fe80::1", 2048)
    assert moves([there(ROUTE)], [gone(ROUTE), there(slower)]) == [1, 2]


def test_nothing_is_taken_for_known_after_news_were_lost() -> None:
    reports: list[None] = []

    async def run() -> None:
        routes = DefaultRoutes(lambda: reports.append(None))
        watching = asyncio.create_task(routes.watch.run())
        for _ in range(2):
            routes.note(there(ROUTE, replaces=True))
            await asyncio.sleep(3 * DEBOUNCE_S)
            routes.forget()
        watching.cancel()

    asyncio.run(run())
    assert len(reports) == 2
