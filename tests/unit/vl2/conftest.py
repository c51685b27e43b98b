from __future__ import annotations

import pytest
from group_bench import CONTROLLER, NETWORK, OWN, PEERS, ROOT, configured
from vl2_bench import Bench

from earthline import effects


@pytest.fixture
def bench():
    """A member of a public network, with a root and six peers in reach."""
    bench = Bench(OWN)
    for node in (CONTROLLER, ROOT, *PEERS):
        bench.meet(node.public)
    bench.underlay.upstreams = (ROOT.address,)
    bench.command(effects.Join(NETWORK))
    bench.advance(0)
    return configured(bench, public=True, com=None)
