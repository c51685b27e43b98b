"""A node with its own TCP/IP stack beside ours with every offload and with none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from echo import echo_server, exchange
from libzt import LibztNode
from offloads import OFFLOADS, has_vnet_header
from ours import Ours, planet_of_ours

SIZE = 4 << 20
ECHO_PORT = 7000


@dataclass(frozen=True)
class Mixed:
    """Our member and a libzt node on one network."""

    ours: Ours
    libzt: LibztNode
    network: str


@pytest.fixture(scope="module")
def mixed() -> Iterator[Mixed]:
    with planet_of_ours() as ours, LibztNode(ours.stranger) as libzt:
        libzt.start(ours.planet.data)
        network = ours.root.create_network("10.7.0.0/24", private=False)
        ours.join(network)
        libzt.join(network)
        libzt.wait_ip(network)
        libzt.echo(ECHO_PORT)
        yield Mixed(ours, libzt, network)


@pytest.mark.parametrize("is_on", [True, False], ids=["all on", "all off"])
def test_tcp_with_libzt_arrives_intact_both_ways(mixed: Mixed, is_on: bool) -> None:
    member, libzt, network = mixed.ours.member, mixed.libzt, mixed.network
    member.stop()
    member.configure(offload=dict.fromkeys(OFFLOADS, is_on))
    member.start()
    ip = member.wait_ip(network)
    assert has_vnet_header(member.host, member.device(network)) == is_on
    with echo_server(member.host) as port:
        assert libzt.exchange(ip, port, SIZE)
    assert exchange(member.host, libzt.wait_ip(network), ECHO_PORT, SIZE)
