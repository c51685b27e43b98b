"""Hosts with a copied identity find one another by way of a stock root, and one alone nobody."""

from __future__ import annotations

import shutil

import pytest
import stock
from stock import StockService

from earthline.lab import Lab
from earthline.lab.planet import make_planet
from earthline.lab.service import Service, wait_until

pytestmark = [
    pytest.mark.skipif(not stock.BINARY, reason="$ZEROTIER_ONE names no stock binary"),
    pytest.mark.timeout(600),
]


def test_copied_identity_is_told_of_by_way_of_a_stock_root() -> None:
    with Lab() as lab:
        one, copy = (Service(lab.host(name)) for name in ("one", "copy"))
        root = StockService(lab.host("root"))
        planet = make_planet(root)
        for service in (root, one):
            service.start(planet)
        one.wait_online()
        wait_until("its call comes back", lambda: one.counter("twin_none"), timeout_s=90)
        assert glance(one)["cause"] != "identity_cloned"
        shutil.copytree(one.home, copy.home, dirs_exist_ok=True)
        copy.start()
        for node, other in ((one, copy), (copy, one)):
            wait_until(
                f"{node.host.name} is told",
                lambda node=node, other=other: f"{other.host.address}/" in glance(node)["line"],
                timeout_s=400,
            )


def glance(service: Service) -> dict[str, str]:
    found: dict[str, str] = service.request("GET", "/earthline/doctor/glance")
    return found
