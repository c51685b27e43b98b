"""Deauthorising a member while traffic flows: how soon it is cut off."""

from __future__ import annotations

import time

from earthline.lab import Host
from earthline.lab.service import Service, wait_until
from earthline.lab.watch import Ping

CUT_S = 2.0
"""How soon nobody hears of a deauthorised member any more (03, 4.11)."""


def demand_cut(controller: Service, network: str, member: str, source: Host, target: str) -> None:
    """Have a controller put a member out while ``source`` pings ``target``: it must fall silent."""
    flowing = Ping(source, target)
    wait_until("it flows", lambda: len(flowing.replies) > 5)
    path = f"/controller/network/{network}/member/{member}"
    controller.request("POST", path, {"authorized": False})
    cut_at = time.clock_gettime(time.CLOCK_REALTIME)
    wait_until("it is cut", lambda: flowing.silent(1.5), timeout_s=20)
    flowing.stop()
    assert flowing.replies[-1].at <= cut_at + CUT_S
