"""A stock member at its busiest is never gated by us (02, 4.10)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stock
from ours import Ours, planet_of_ours
from segments import make_network, pool
from stock import StockService

from earthline.lab.service import Service, wait_until

pytestmark = [
    pytest.mark.skipif(not stock.BINARY, reason="$ZEROTIER_ONE names no stock binary"),
    pytest.mark.timeout(300),
]

NETWORKS = 30
AS_AT_STOCK_NODES = {"gated_network_credentials", "gated_echo"}
"""Gates that stock nodes have, too, and that members of several networks meet (02, 4.10)."""


@pytest.fixture(scope="module")
def ours() -> Iterator[Ours]:
    with planet_of_ours() as ours:
        yield ours


def gated(service: Service) -> dict[str, int]:
    counters = service.counters()
    ours = {name: count for name, count in counters.items() if name.startswith("gated_")}
    unknown = {"multicast_gather_unannounced": counters.get("multicast_gather_unannounced", 0)}
    return {n: c for n, c in (ours | unknown).items() if c and n not in AS_AT_STOCK_NODES}


def test_stock_member_that_joins_many_networks_and_scans_one_is_not_gated(ours: Ours) -> None:
    root = ours.root
    networks = [
        make_network(root, pool(f"{net}.0/24", f"{net}.1", f"{net}.254", private=True))
        for net in (f"10.77.{number}" for number in range(NETWORKS))
    ]
    stranger = StockService(ours.stranger)
    stranger.start(ours.planet.data)
    stranger.wait_online()
    for network in networks:
        stranger.join(network)
    for network in networks:
        ours.wait_request(network, stranger.address)
    for network in networks:
        member = f"/controller/network/{network}/member/{stranger.address}"
        root.request("POST", member, {"authorized": True})
    for network in networks:
        wait_until("it is on", lambda n=network: stranger.network(n).get("status") == "OK")
    ip = ours.join(networks[0])

    scan = "for n in $(seq 1 254); do ping -c1 -W1 10.77.0.$n >/dev/null & done; wait"
    ours.stranger.run(["sh", "-c", scan])
    assert ours.stranger.run(["ping", "-c3", "-W2", ip])
    assert gated(root) == {}
    assert gated(ours.member) == {}
