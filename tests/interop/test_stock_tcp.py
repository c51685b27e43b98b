"""A stock daemon without UDP that names our relay in its local.conf."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import stock
from stock import StockService

from earthline.lab import Lab, LabError, NatKind
from earthline.lab.service import Service, wait_until

pytestmark = [
    pytest.mark.skipif(not stock.BINARY, reason="$ZEROTIER_ONE names no stock binary"),
    pytest.mark.timeout(300),
]

SLOW_S = 120
"""It turns to a relay after 60 s without UDP."""


def answers(source: Service, target: str) -> bool:
    with contextlib.suppress(LabError):
        return bool(source.host.run(["ping", "-c1", "-W1", target]))
    return False


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.mark.parametrize("forced", [True, False], ids=["forced", "blocked"])
def test_stock_node_without_udp_is_on_our_network_by_our_relay(lab: Lab, forced: bool) -> None:
    root = Service(lab.host("root"))
    root.configure(tcpRelay={"listen": ["0.0.0.0/443"]})
    root.start()
    planet = root.found_planet()
    member = Service(lab.router("home", NatKind.PORT_RESTRICTED).host("member"))
    member.start(planet.data)
    office = lab.router("office", NatKind.PORT_RESTRICTED, "10.20.0.0/24", udp_blocked=True)
    stranger = StockService(office.host("stranger"))
    stranger.configure(tcpFallbackRelay=f"{root.host.address}/443", forceTcpRelay=forced)
    stranger.start(planet.data)
    stranger.wait_online(SLOW_S)
    assert stranger.status()["tcpFallbackActive"]
    network = root.create_network("10.7.0.0/24", private=False)
    for service in (member, stranger):
        service.join(network)
    here, there = member.wait_ip(network), stranger.wait_ip(network)
    wait_until("it answers", lambda: answers(member, there))
    member.host.run(["ping", "-c3", "-i0.2", "-W5", there])
    stranger.host.run(["ping", "-c3", "-i0.2", "-W5", here])
    assert root.counter("tcp_relay_connections") > 0
