"""A member of a network to be filled, with peers that fill it."""

from __future__ import annotations

from contextlib import contextmanager
from unittest.mock import patch

from group_bench import CONTROLLER, NETWORK, OWN, OWN_MAC, PEERS, ROOT, configured
from vl2_bench import Bench

from earthline import effects
from earthline.vl2.ground import network
from earthline.wire.mac import mac_bytes
from earthline.wire.multicast import MulticastGroup

HONEST, STRANGER, *OTHERS = PEERS
FEW = 300
"""In place of bounds that take long to reach."""


def member(*, private: bool = False, **changes: object) -> Bench:
    """A member of a network, with a root and six peers in reach."""
    bench = Bench(OWN)
    for node in (CONTROLLER, ROOT, *PEERS):
        bench.meet(node.public)
    bench.underlay.upstreams = (ROOT.address,)
    bench.command(effects.Join(NETWORK))
    bench.advance(0)
    return configured(bench, **({} if private else {"public": True, "com": None}), **changes)


def joined(bench: Bench) -> network.Network:
    return bench.engine._station.networks[NETWORK]


def group(number: int) -> MulticastGroup:
    return MulticastGroup(0x0100_0000_0000 + number, 0)


def numbered(number: int) -> bytes:
    return b"\x08\x00" + number.to_bytes(4, "big")


def frame(to: MulticastGroup, source: int = OWN_MAC, number: int = 0) -> bytes:
    return mac_bytes(to.mac) + mac_bytes(source) + numbered(number)


@contextmanager
def bounded(module, **limits: int):
    """A smaller bound, for tables that are made meanwhile."""
    with patch.multiple(module, **limits):
        yield
