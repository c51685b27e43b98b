"""An official node out of a PyPI wheel as member of our planet and of our controller's networks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from echo import echo_server, exchange
from libzt import LibztNode
from ours import Ours

SIZE = 1 << 20
ECHO_PORT = 7000


@pytest.fixture
def libzt(ours: Ours) -> Iterator[LibztNode]:
    with LibztNode(ours.stranger) as node:
        node.start(ours.planet.data)
        yield node


def demand_tcp_both_ways(ours: Ours, member_ip: str, libzt: LibztNode, libzt_ip: str) -> None:
    with echo_server(ours.member.host) as port:
        assert libzt.exchange(member_ip, port, SIZE)
    assert exchange(ours.member.host, libzt_ip, ECHO_PORT, SIZE)


def test_libzt_joins_a_public_network_talks_tcp_and_returns_after_unplugging(
    ours: Ours, libzt: LibztNode
) -> None:
    network = ours.root.create_network("10.7.0.0/24", private=False)
    member_ip = ours.join(network)
    libzt.join(network)
    libzt_ip = libzt.wait_ip(network)
    libzt.echo(ECHO_PORT)
    demand_tcp_both_ways(ours, member_ip, libzt, libzt_ip)
    ours.stranger.unplug()
    with pytest.raises(OSError, match="timed out"):
        exchange(ours.member.host, libzt_ip, ECHO_PORT, 1)
    ours.stranger.plug()
    demand_tcp_both_ways(ours, member_ip, libzt, libzt_ip)


def test_libzt_gets_into_a_private_network_once_it_is_authorised(
    ours: Ours, libzt: LibztNode
) -> None:
    network = ours.root.create_network("10.8.0.0/24", private=True)
    member_ip = ours.join(network)
    libzt.join(network)
    ours.wait_request(network, libzt.address)
    assert libzt.ip(network) is None
    ours.root.authorize(network, libzt.address)
    libzt_ip = libzt.wait_ip(network)
    libzt.echo(ECHO_PORT)
    demand_tcp_both_ways(ours, member_ip, libzt, libzt_ip)
