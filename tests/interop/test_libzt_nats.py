"""An official node out of a PyPI wheel behind one NAT, our node behind another: both go direct."""

from __future__ import annotations

import pytest
from echo import echo_server, exchange
from libzt import LibztNode
from ours import Ours, planet_of_ours

from earthline.lab import NatKind
from earthline.lab.service import wait_until

SIZE = 1 << 18
ECHO_PORT = 7000
FEW = 50
"""Packets by the root that have nothing to do with the flow: it has hundreds."""


@pytest.mark.parametrize(
    ("ours_behind", "libzt_behind"),
    [
        (NatKind.PORT_RESTRICTED, NatKind.PORT_RESTRICTED),
        (NatKind.FULL_CONE, NatKind.SYMMETRIC),
        (NatKind.SYMMETRIC, NatKind.ADDRESS_RESTRICTED),
    ],
)
def test_libzt_and_our_node_go_direct_through_their_nats(
    ours_behind: NatKind, libzt_behind: NatKind
) -> None:
    with planet_of_ours(ours_behind, libzt_behind) as ours, LibztNode(ours.stranger) as libzt:
        libzt.start(ours.planet.data)
        network = ours.root.create_network("10.7.0.0/24", private=False)
        member_ip = ours.join(network)
        libzt.join(network)
        libzt_ip = libzt.wait_ip(network)
        libzt.echo(ECHO_PORT)
        with echo_server(ours.member.host) as port:
            wait_until(
                "no way leads by the root",
                lambda: relayed_by(ours, libzt, member_ip, port, libzt_ip) < FEW,
            )
        assert ours.member.direct_path(libzt.address)


def relayed_by(ours: Ours, libzt: LibztNode, member_ip: str, port: int, libzt_ip: str) -> int:
    """What the root relays while each of the two sends the other something and gets it back."""
    before = ours.root.counter("relayed")
    assert libzt.exchange(member_ip, port, SIZE)
    assert exchange(ours.member.host, libzt_ip, ECHO_PORT, SIZE)
    return ours.root.counter("relayed") - before
