"""A multicast flood of a stock daemon, which has no budget of its own, is cut where it arrives."""

from __future__ import annotations

import pytest
import stock
from ours import Ours
from segments import demand_ping
from stock import StockService

from earthline.lab.flood import listen, start_flood
from earthline.lab.service import wait_until

pytestmark = [
    pytest.mark.skipif(not stock.BINARY, reason="$ZEROTIER_ONE names no stock binary"),
    pytest.mark.timeout(240),
]

RATE, SECONDS = 10_000, 3
PUNTS = 500
"""Far below the frames that pass; what else goes on meanwhile punts some."""


def test_flood_of_a_stock_member_is_cut_by_its_receiver_without_python(ours: Ours) -> None:
    stranger = StockService(ours.stranger)
    stranger.start(ours.planet.data)
    stranger.wait_online()
    network = ours.root.create_network("10.89.0.0/24", private=False)
    for service in (ours.root, stranger):
        service.join(network)
    target, source, third = (
        ours.join(network),
        stranger.wait_ip(network),
        ours.root.wait_ip(network),
    )
    demand_ping(ours.member.host, third)
    with listen(ours.member.host, target):
        received = ours.member.counter("frames_rx")

        def arrives() -> bool:
            start_flood(stranger.host, source, 50, 1).finish(10)
            return ours.member.counter("frames_rx") - received > 50

        wait_until("the group is known", arrives, timeout_s=60)
        dropped, punts = (ours.member.counter(n) for n in ("drop_receive_budget", "punts"))
        flood = start_flood(stranger.host, source, RATE, SECONDS)
        answers = ours.member.host.run(["ping", "-q", "-c20", "-i0.1", "-W5", third])
        assert " 20 received" in answers
        sent = int(flood.finish(20).split()[-1])
        wait_until(
            "what was over budget is counted",
            lambda: ours.member.counter("drop_receive_budget") - dropped > sent // 4,
        )
    assert ours.member.counter("punts") - punts < PUNTS
