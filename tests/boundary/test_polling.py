"""Programs that ask every few seconds redraw when an answer is another one: it is not, unasked."""

from __future__ import annotations

import socket

from earthline.lab.service import Service, wait_until

STILL = (
    "/status",
    "/health",
    "/network",
    "/network/{network}",
    "/config",
    "/moon",
    "/controller",
    "/controller/network",
    "/controller/network/{network}",
    "/controller/network/{network}/member",
    "/controller/network/{network}/member/{address}",
    "/earthline/planet",
    "/earthline/bridge",
)
"""All but the peers, of which stock too tells when they were heard last."""


def answers(node: Service, network: str) -> dict[str, object]:
    found = {}
    for path in STILL:
        answer = node.request("GET", path.format(network=network, address=node.address))
        if isinstance(answer, dict):
            answer.pop("clock", None)  # stock's has one, too
        found[path] = answer
    return found


def make_traffic(node: Service) -> None:
    """To hosts that are not there, until it is counted."""
    counted = node.counter("punts_taken")
    with node.host.inside(), socket.socket(type=socket.SOCK_DGRAM) as sender:
        for last in range(2, 12):
            sender.sendto(b"is anybody there?", (f"10.44.0.{last}", 9))
    wait_until("it is counted", lambda: node.counter("punts_taken") > counted)


def test_answers_are_the_same_as_long_as_nothing_happens_but_traffic(member) -> None:
    node, network = member
    node.found_planet()

    def settled() -> bool:
        """Whether its host has told all its groups, and it has found its place."""
        before = answers(node, network)
        make_traffic(node)
        return answers(node, network) == before

    wait_until("it settles", settled)
    before = answers(node, network)
    for _ in range(3):
        make_traffic(node)
    assert answers(node, network) == before


def test_start_is_told_instead_of_a_time_that_grows(caller) -> None:
    ours = caller.service.status()["earthline"]
    assert caller.service.request("GET", "/health")["clock"] > ours["startedAt"] > 1_600_000_000_000
