"""An official node out of a PyPI wheel under rules about tags, capabilities and ownership.

Its TCP/IP stack is in user space and sends nothing but its own IP packets, so what takes raw frames
(802.1Q, a spoofed source of its own) is tried with a stock daemon, in ``test_stock_rights.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from echo import echo_server, exchange
from libzt import LibztNode
from ours import Ours, planet_of_ours
from rights import (
    CAPABILITY,
    CONNECTIONS_BY_CAPABILITY,
    DEPARTMENT,
    OTHER,
    OURS,
    SAME_DEPARTMENT,
    TCP,
    Guarded,
    Json,
    demand_apart,
    demand_reach,
    only_owned_sources,
)

from earthline.lab.service import wait_until

ECHO_PORT = 7000
SIZE = 1 << 16


@dataclass(frozen=True)
class Mixed:
    """Our planet and member, and a libzt node behind another NAT."""

    ours: Ours
    libzt: LibztNode

    def network(self, net: str, body: Json) -> Guarded:
        """A network of our controller with both members on it, who have spoken to one another."""
        guarded = Guarded.make(self.ours.root, net, body)
        guarded.let_in(self.ours.member)
        self.libzt.join(guarded.network)
        guarded.change(self.libzt.address, {"authorized": True})
        demand_reach(self.ours.member.host, self.libzt.wait_ip(guarded.network))
        return guarded

    def exchanged(self, target: str) -> bool:
        """Whether our member opens a connection to libzt's echo server."""
        try:
            return exchange(self.ours.member.host, target, ECHO_PORT, SIZE)
        except TimeoutError:
            return False


@pytest.fixture(scope="module")
def mixed() -> Iterator[Mixed]:
    with planet_of_ours() as ours, LibztNode(ours.stranger) as node:
        node.start(ours.planet.data)
        node.echo(ECHO_PORT)
        yield Mixed(ours, node)


def test_libzt_is_kept_apart_while_it_is_in_another_department(mixed: Mixed) -> None:
    guarded = mixed.network("10.91.1", SAME_DEPARTMENT)
    host, target = mixed.ours.member.host, mixed.libzt.wait_ip(guarded.network)
    for address in (mixed.libzt.address, mixed.ours.member.address):
        guarded.change(address, {"tags": [[DEPARTMENT, OTHER]]})
        demand_apart(host, target)
        guarded.change(address, {"tags": [[DEPARTMENT, OURS]]})
        demand_reach(host, target)
    assert mixed.exchanged(target)


@pytest.mark.timeout(240)
def test_only_the_holder_of_a_capability_connects_to_the_other(mixed: Mixed) -> None:
    guarded = mixed.network("10.91.2", CONNECTIONS_BY_CAPABILITY)
    own, target = (m.wait_ip(guarded.network) for m in (mixed.ours.member, mixed.libzt))
    guarded.change(mixed.libzt.address, {"capabilities": [CAPABILITY]})
    with echo_server(mixed.ours.member.host) as port:
        wait_until("libzt may", lambda: mixed.libzt.exchange(own, port, SIZE))
        assert not mixed.exchanged(target)
        guarded.change(mixed.libzt.address, {"capabilities": []})
        guarded.change(mixed.ours.member.address, {"capabilities": [CAPABILITY]})
        wait_until("we may", lambda: mixed.exchanged(target))
        with pytest.raises(OSError, match="zts_connect"):
            mixed.libzt.exchange(own, port, SIZE)


def test_libzt_takes_nothing_from_an_address_that_is_not_its_senders(mixed: Mixed) -> None:
    guarded = mixed.network("10.91.3", only_owned_sources(TCP, "receiver"))
    host, target = mixed.ours.member.host, mixed.libzt.wait_ip(guarded.network)
    device, own = (f(guarded.network) for f in (mixed.ours.member.device, mixed.ours.member.ip))
    assert mixed.exchanged(target)
    # The kernel sends from what the route prefers: now from an address nobody was given.
    spoofed = "10.91.3.250"
    host.namespace.ip("address", "add", f"{spoofed}/32", "dev", device)
    host.namespace.ip("route", "add", target, "dev", device, "src", spoofed)
    assert not mixed.exchanged(target)
    host.namespace.ip("route", "replace", target, "dev", device, "src", str(own))
    assert mixed.exchanged(target)
