"""A planet of ours with room for a stranger."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from earthline.lab import Host, Lab, NatKind
from earthline.lab.service import FoundPlanet, Service, wait_until


@dataclass(frozen=True)
class Ours:
    """Our root and controller, our node behind a NAT, and a host behind another for a stranger."""

    planet: FoundPlanet
    root: Service
    member: Service
    stranger: Host

    def join(self, network: str) -> str:
        """Have our member on a network of our controller; its address there."""
        self.member.join(network)
        self.root.authorize(network, self.member.address)
        return self.member.wait_ip(network)

    def wait_request(self, network: str, address: str) -> None:
        """Wait until a node has asked our controller for a network and was not let in."""
        path = f"/controller/network/{network}/member"
        wait_until("the request came", lambda: address in self.root.request("GET", path))
        assert not self.root.request("GET", f"{path}/{address}")["authorized"]


@contextlib.contextmanager
def planet_of_ours(
    home_kind: NatKind = NatKind.PORT_RESTRICTED, office_kind: NatKind = NatKind.FULL_CONE
) -> Iterator[Ours]:
    """The member is at home, the stranger in the office."""
    with Lab() as lab:
        root = Service(lab.host("root"))
        root.start()
        planet = root.found_planet()
        home = lab.router("home", home_kind, "192.168.1.0/24")
        office = lab.router("office", office_kind, "10.20.0.0/24")
        member = Service(home.host("member"))
        member.start(planet.data)
        yield Ours(planet, root, member, office.host("stranger"))
