"""A multicast flood stays in Rust, is cut to the budget, and leaves the others alone."""

from __future__ import annotations

from lan import Lan

from earthline.lab.flood import listen, start_flood
from earthline.lab.service import wait_until

RATE, SECONDS = 10_000, 3
PUNTS = 2_000
"""The burst that a group may send before its members are gathered, and what else goes on."""


def test_flood_of_a_member_is_cut_without_python_and_every_ping_is_answered(lan: Lan) -> None:
    flooder, other = lan.alice, lan.bob
    source, target, third = lan.ip(flooder), lan.ip(other), lan.ip(lan.root)
    with listen(other.host, target):
        # A few frames, until the group has a member and its entry is settled.
        before = other.counter("frames_rx")

        def arrives() -> bool:
            start_flood(flooder.host, source, 50, 1).finish(10)
            return other.counter("frames_rx") - before > 50

        wait_until("the group is known", arrives)
        punts = [service.counter("punts") for service in (flooder, other)]
        received, dropped = other.counter("frames_rx"), flooder.counter("drop_send_budget")
        flood = start_flood(flooder.host, source, RATE, SECONDS)
        for ip in (third, source):
            answers = other.host.run(["ping", "-q", "-c10", "-i0.1", "-W5", ip])
            assert " 10 received" in answers
        sent = int(flood.finish(20).split()[-1])
        wait_until(
            "what was over budget is counted",
            lambda: flooder.counter("drop_send_budget") - dropped > sent // 2,
        )
        assert other.counter("frames_rx") - received < sent // 2
    for service, count in zip((flooder, other), punts, strict=True):
        assert service.counter("punts") - count < PUNTS
