"""A planet of stock nodes with one of ours as a guest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import stock
from stock import StockService

from earthline.lab import Lab, NatKind
from earthline.lab.service import Service


@dataclass(frozen=True)
class Theirs:
    """A stock root and controller, a stock node behind a NAT, and our node behind another."""

    root: StockService
    member: StockService
    guest: Service


@contextlib.contextmanager
def planet_of_theirs() -> Iterator[Theirs]:
    with Lab() as lab:
        root = StockService(lab.host("root"))
        planet = stock.make_planet(root.home, f"{root.host.address}/{root.port}")
        member = StockService(lab.router("home", NatKind.PORT_RESTRICTED).host("member"))
        office = lab.router("office", NatKind.FULL_CONE, "10.20.0.0/24")
        guest = Service(office.host("guest"))
        for service in (root, member, guest):
            service.start(planet)
        for service in (member, guest):
            service.wait_online()
        yield Theirs(root, member, guest)
