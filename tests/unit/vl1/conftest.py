"""Fixtures of the peer engine's tests."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from vl1_internet import Host, Internet, planet

from earthline.wire.world import World


@dataclass
class Trio:
    """One root and two leaves that know its planet."""

    net: Internet
    root: Host
    ann: Host
    bob: Host
    planet: World

    def start(self) -> Trio:
        for host in (self.root, self.ann, self.bob):
            host.start(self.planet)
        self.net.run(200)
        return self


@pytest.fixture
def net() -> Internet:
    return Internet()


@pytest.fixture
def trio(net: Internet) -> Trio:
    """Not started yet."""
    root = net.host(1, "192.168.1.1/9993")
    ann = net.host(2, "192.168.2.2/9993")
    bob = net.host(3, "192.168.3.3/9993")
    return Trio(net, root, ann, bob, planet(root))
