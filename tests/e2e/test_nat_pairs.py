"""A LAN between two hosts, whatever their routers are: relayed where no direct path can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from earthline.lab import Host, Lab, NatKind, Router
from earthline.lab.service import FoundPlanet, Service, wait_until
from earthline.lab.transfer import random_file, send_file

SIZE = 1 << 20

KINDS = {
    "open": NatKind.OPEN,
    "full-cone": NatKind.FULL_CONE,
    "address-restricted": NatKind.ADDRESS_RESTRICTED,
    "port-restricted": NatKind.PORT_RESTRICTED,
    "another port-restricted": NatKind.PORT_RESTRICTED,
    "symmetric": NatKind.SYMMETRIC,
    "another symmetric": NatKind.SYMMETRIC,
    "symmetric-sequential": NatKind.SYMMETRIC_SEQUENTIAL,
}
"""A place is a host behind a router; besides these: double, west and east, wired and wireless."""

DIRECT = (
    ("open", "symmetric"),
    ("full-cone", "symmetric"),
    ("full-cone", "address-restricted"),
    ("address-restricted", "symmetric"),
    ("port-restricted", "another port-restricted"),
    ("port-restricted", "symmetric-sequential"),
    ("address-restricted", "symmetric-sequential"),
    ("double", "port-restricted"),
    ("double", "symmetric-sequential"),
)
HARD = (
    ("port-restricted", "symmetric"),
    ("symmetric", "another symmetric"),
    ("symmetric", "symmetric-sequential"),
    ("double", "symmetric"),
)
"""A random port that only the wanted endpoint may use has to be hit by luck."""


@dataclass(frozen=True)
class Neighbourhood:
    """A planet with a member of its Earth in each place."""

    planet: FoundPlanet
    members: dict[str, Service]
    provider: Router
    """West and east have NATs of their own behind its NAT, which has a hairpin."""

    def ip(self, place: str) -> str:
        return self.members[place].wait_ip(self.planet.earth)


def places(lab: Lab, provider: Router) -> Iterator[tuple[str, Host, int]]:
    """Each place with its host and port."""
    for index, (place, kind) in enumerate(KINDS.items()):
        name = place.replace(" ", "-")
        lan = "88.0.0.0/24" if kind is NatKind.OPEN else f"10.{index}.0.0/24"
        yield place, lab.router(f"at-{name}", kind, lan).host(name), 9993
    street = lab.router("street", NatKind.PORT_RESTRICTED, "100.64.0.0/24")
    home = street.router("home", NatKind.PORT_RESTRICTED, "192.168.1.0/24")
    yield "double", home.host("double"), 9993
    # A port of their own each: the provider's NAT keeps it for both then.
    for place, port in (("west", 9993), ("east", 9994)):
        home = provider.router(f"at-{place}", NatKind.FULL_CONE, f"192.168.{port % 10}.0/24")
        yield place, home.host(place), port
    flat = lab.router("flat", NatKind.SYMMETRIC, "192.168.77.0/24")
    for place in ("wired", "wireless"):
        yield place, flat.host(place), 9993


@pytest.fixture(scope="module")
def neighbourhood() -> Iterator[Neighbourhood]:
    with Lab() as lab:
        root = Service(lab.host("root"))
        root.start()
        planet = root.found_planet()
        provider = lab.router("provider", NatKind.FULL_CONE, "100.64.0.0/24", hairpin=True)
        members = {place: Service(host, port=port) for place, host, port in places(lab, provider)}
        for member in members.values():
            member.start(planet.data, wait=False)
        for member in members.values():
            member.wait_ready()
        yield Neighbourhood(planet, members, provider)


def demand_file_both_ways(neighbourhood: Neighbourhood, left: str, right: str) -> None:
    for here, there in ((left, right), (right, left)):
        source, target = neighbourhood.members[here].host, neighbourhood.members[there].host
        path = random_file(source.directory / "file", SIZE)
        assert send_file(source, target, neighbourhood.ip(there), path).intact


def demand_direct(neighbourhood: Neighbourhood, left: str, right: str) -> str:
    """Wait until both reach one another directly; where the right one is reached.

    Traffic flows all the while: nobody looks for a path that is not wanted.
    """
    here, there = neighbourhood.members[left], neighbourhood.members[right]
    target, addresses = neighbourhood.ip(right), (here.address, there.address)

    def direct() -> str | None:
        here.host.run(["ping", "-c1", "-W5", target])
        way, back = here.direct_path(addresses[1]), there.direct_path(addresses[0])
        return way if back else None

    return wait_until("the path is direct", direct, timeout_s=90)


@pytest.mark.parametrize(("left", "right"), DIRECT, ids=[" to ".join(pair) for pair in DIRECT])
def test_pair_of_nats_goes_direct(neighbourhood: Neighbourhood, left: str, right: str) -> None:
    neighbourhood.ip(left)
    demand_direct(neighbourhood, left, right)
    demand_file_both_ways(neighbourhood, left, right)


@pytest.mark.parametrize(("left", "right"), HARD, ids=[" to ".join(pair) for pair in HARD])
def test_pair_of_hard_nats_works_with_and_without_a_direct_path(
    neighbourhood: Neighbourhood, left: str, right: str
) -> None:
    neighbourhood.ip(left)
    target = neighbourhood.ip(right)
    neighbourhood.members[left].host.run(["ping", "-c3", "-i0.2", "-W5", target])
    demand_file_both_ways(neighbourhood, left, right)


def test_hosts_behind_one_provider_go_direct_by_its_hairpin(neighbourhood: Neighbourhood) -> None:
    neighbourhood.ip("west")
    path = demand_direct(neighbourhood, "west", "east")
    assert path.startswith(f"{neighbourhood.provider.public_address}/")
    demand_file_both_ways(neighbourhood, "west", "east")


def test_hosts_on_one_lan_meet_on_their_own_wire(neighbourhood: Neighbourhood) -> None:
    neighbourhood.ip("wired")
    address = neighbourhood.members["wireless"].host.address
    wait_until(
        "they use the LAN",
        lambda: demand_direct(neighbourhood, "wired", "wireless").startswith(f"{address}/"),
    )
    demand_file_both_ways(neighbourhood, "wired", "wireless")
