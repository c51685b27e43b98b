"""Routers that masquerade and filter nothing, as Linux does it with one rule, and members there.

The internet of the lab takes no time: whoever follows an introduction first has its packet at the
other's router before that one has sent. See `vl1.traversal.fresh` for what comes of it, and what is
done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from earthline.lab import Host, Lab, NatKind, Router
from earthline.lab.nat import PLAIN_MASQUERADE
from earthline.lab.nat_check import udp_socket
from earthline.lab.service import Service, wait_until


@dataclass(frozen=True)
class World:
    """A root that is controller, and its network; members come behind routers of their own."""

    lab: Lab
    root: Service
    planet: bytes
    network: str

    def member(self, host: Host) -> Service:
        member = Service(host)
        member.start(self.planet)
        member.wait_online()
        member.join(self.network)
        return member


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Lab() as lab:
        root = Service(lab.host("root"))
        root.start()
        planet = root.found_planet().data
        yield World(lab, root, planet, root.create_network("10.78.0.0/24", private=False))


def masquerading(lab: Lab, name: str, lan: str) -> Router:
    router = lab.router(name, NatKind.PORT_RESTRICTED, lan)
    router.namespace.nft(PLAIN_MASQUERADE)
    return router


def test_packet_that_comes_first_moves_the_port_for_its_sender_and_for_later_ones(
    lab: Lab,
) -> None:
    """What `sim.nat.Masquerade` is built after."""
    router = masquerading(lab, "home", "192.168.1.0/24")
    near, early, late = router.host("near"), lab.host("early"), lab.host("late")
    with (
        udp_socket(near, 9993) as inside,
        udp_socket(early, 9993) as first,
        udp_socket(late, 9993) as second,
        udp_socket(near, 4_000) as fresh,
    ):
        first.sendto(b"stray", (router.public_address, 9993))
        # The router has handled it once it has passed a later one of the same sender.
        early.run(["ping", "-c1", "-W5", router.public_address])
        seen = []
        for observer in (first, second):
            inside.sendto(b"observe", observer.getsockname())
            seen.append(observer.recvfrom(16)[1][1])
        assert seen[0] != 9993
        assert seen[1] == seen[0]
        fresh.sendto(b"observe", first.getsockname())
        assert first.recvfrom(16)[1][1] == 4_000


def full_cone(lab: Lab) -> Host:
    return lab.router("cone-router", NatKind.FULL_CONE, "172.16.1.0/24").host("cone")


def another_masquerade(lab: Lab) -> Host:
    return masquerading(lab, "far-router", "192.168.1.0/24").host("far")


def in_the_open(lab: Lab) -> Host:
    return lab.host("open")


@pytest.mark.parametrize("far", [another_masquerade, full_cone, in_the_open])
def test_member_behind_a_masquerade_goes_direct(world: World, far: Callable[[Lab], Host]) -> None:
    lan = {another_masquerade: "10.20.0.0/24", full_cone: "10.21.0.0/24"}.get(far, "10.22.0.0/24")
    router = masquerading(world.lab, f"to-{far.__name__}", lan)
    near, other = world.member(router.host(f"by-{far.__name__}")), world.member(far(world.lab))
    target = other.wait_ip(world.network)
    near.wait_ip(world.network)

    def direct() -> bool:
        near.host.run(["ping", "-c1", "-W5", target])
        return bool(near.direct_path(other.address) and other.direct_path(near.address))

    wait_until("the path is direct", direct, timeout_s=90)
    near.host.run(["ping", "-c5", "-i0.2", "-W5", target])
