"""A stock daemon on our planet and network, and our node on a stock planet and network."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

import pytest
import stock
from ours import Ours
from stock import StockService
from theirs import Theirs, planet_of_theirs

from earthline.lab import Host, LabError
from earthline.lab.service import Service, wait_until
from earthline.lab.transfer import random_file, send_file

pytestmark = pytest.mark.skipif(not stock.BINARY, reason="$ZEROTIER_ONE names no stock binary")

SMALL = 1 << 20
LARGE = 100 << 20


@dataclass(frozen=True)
class Member:
    """A member of the network under test."""

    service: Service
    network: str

    @property
    def host(self) -> Host:
        return self.service.host

    @property
    def ip(self) -> str:
        return self.service.wait_ip(self.network)

    @property
    def mac(self) -> str:
        return str(self.service.network(self.network)["mac"])

    @property
    def link_local(self) -> str:
        """The address that a kernel makes of the MAC (RFC 4291, appendix A)."""
        octets = bytes.fromhex(self.mac.replace(":", ""))
        host = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
        return str(ip_address(b"\xfe\x80" + bytes(6) + host))


def answers(source: Member, target: Member) -> bool:
    with contextlib.suppress(LabError):
        return bool(source.host.run(["ping", "-c1", "-W1", target.ip]))
    return False


def demand_ping(source: Member, target: Member) -> None:
    """First one answer, since a stock node looks for new groups of its port every 5 s only."""
    wait_until(f"{target.host.name} answers a ping", lambda: answers(source, target))
    source.host.run(["ping", "-c3", "-i0.2", "-W5", target.ip])
    assert target.mac in source.host.run(["ip", "neighbour", "show", target.ip])


def demand_multicast_ping(source: Member, target: Member) -> None:
    group = f"ff02::1%{source.service.device(source.network)}"
    answers = source.host.run(["ping", "-6", "-n", "-c10", "-i0.5", "-W5", group])
    assert target.link_local in answers


def demand_file(source: Member, target: Member, size: int) -> None:
    path = random_file(source.host.directory / "file", size)
    assert send_file(source.host, target.host, target.ip, path).intact


def demand_direct(one: Member, other: Member) -> None:
    for here, there in ((one, other), (other, one)):
        address = there.service.address
        wait_until("the path is direct", lambda h=here, a=address: h.service.direct_path(a))


@pytest.fixture
def stranger(ours: Ours) -> StockService:
    service = StockService(ours.stranger)
    service.start(ours.planet.data)
    service.wait_online()
    return service


@pytest.mark.timeout(240)
def test_stock_node_on_our_public_network_pings_copies_and_returns_after_unplugging(
    ours: Ours, stranger: StockService
) -> None:
    network = ours.root.create_network("10.7.0.0/24", private=False)
    ours.join(network)
    stranger.join(network)
    one, other = Member(ours.member, network), Member(stranger, network)
    demand_ping(one, other)
    demand_ping(other, one)
    demand_direct(one, other)
    demand_multicast_ping(one, other)
    demand_multicast_ping(other, one)
    demand_file(one, other, LARGE)
    demand_file(other, one, LARGE)
    ours.stranger.unplug()
    assert not answers(one, other)
    ours.stranger.plug()
    demand_ping(one, other)


def test_stock_node_gets_into_our_private_network_once_it_is_authorised(
    ours: Ours, stranger: StockService
) -> None:
    network = ours.root.create_network("10.8.0.0/24", private=True)
    ours.join(network)
    stranger.join(network)
    wait_until("refusal", lambda: stranger.network(network).get("status") == "ACCESS_DENIED")
    assert "ACCESS_DENIED" in stranger.client("listnetworks")
    ours.root.authorize(network, stranger.address)
    one, other = Member(ours.member, network), Member(stranger, network)
    demand_ping(one, other)
    demand_ping(other, one)
    demand_file(other, one, SMALL)


@pytest.fixture
def theirs() -> Iterator[Theirs]:
    with planet_of_theirs() as planet:
        yield planet


@pytest.mark.timeout(240)
def test_our_node_is_a_plain_member_of_a_stock_network(theirs: Theirs) -> None:
    network = theirs.root.create_network("10.9.0.0/24", private=True)
    for service in (theirs.member, theirs.guest):
        service.join(network)
        theirs.root.authorize(network, service.address)
    one, other = Member(theirs.guest, network), Member(theirs.member, network)
    demand_ping(one, other)
    demand_ping(other, one)
    demand_direct(one, other)
    demand_multicast_ping(one, other)
    demand_multicast_ping(other, one)
    demand_file(one, other, LARGE)
    demand_file(other, one, LARGE)


def test_our_node_refuses_to_join_an_earth_on_a_stock_planet(theirs: Theirs) -> None:
    assert theirs.guest.request("GET", "/network") == []
    assert theirs.guest.status()["earthline"]["earth"] is None
