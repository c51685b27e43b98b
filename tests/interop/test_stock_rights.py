"""A stock daemon and ours under rules about tags, capabilities, ownership and VLAN frames."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import stock
from ours import planet_of_ours
from rights import (
    ACCEPT,
    CAPABILITY,
    DEPARTMENT,
    DROP,
    OPEN_PORT,
    OTHER,
    OURS,
    SAME_DEPARTMENT,
    UDP,
    UDP_BY_CAPABILITY,
    VLAN,
    Guarded,
    Json,
    demand_apart,
    demand_reach,
    only_owned_sources,
    udp_arrives,
)
from stock import StockService
from tagged import tagged_frame_arrives
from theirs import planet_of_theirs

from earthline.lab.service import Service, wait_until

pytestmark = [
    pytest.mark.skipif(not stock.BINARY, reason="$ZEROTIER_ONE names no stock binary"),
    pytest.mark.timeout(240),
]

_nets = (f"10.90.{number}" for number in itertools.count(1))


@dataclass(frozen=True)
class Mixed:
    """A controller, and a member of each kind behind a NAT of its own."""

    controller: Service
    ours: Service
    theirs: Service

    def network(self, body: Json) -> Guarded:
        """A network of the controller with both members on it, who have spoken to one another."""
        guarded = Guarded.make(self.controller, next(_nets), body)
        guarded.let_in(self.ours, self.theirs)
        for one, other in self.pairs:
            demand_reach(one.host, other.wait_ip(guarded.network))
        return guarded

    @property
    def pairs(self) -> tuple[tuple[Service, Service], ...]:
        return (self.ours, self.theirs), (self.theirs, self.ours)


@contextlib.contextmanager
def under_ours() -> Iterator[Mixed]:
    with planet_of_ours() as ours:
        stranger = StockService(ours.stranger)
        stranger.start(ours.planet.data)
        stranger.wait_online()
        yield Mixed(ours.root, ours.member, stranger)


@contextlib.contextmanager
def under_theirs() -> Iterator[Mixed]:
    with planet_of_theirs() as theirs:
        yield Mixed(theirs.root, theirs.guest, theirs.member)


@pytest.fixture(scope="module", params=[under_ours, under_theirs])
def mixed(request: pytest.FixtureRequest) -> Iterator[Mixed]:
    with request.param() as members:
        yield members


def test_members_of_different_departments_are_kept_apart_until_they_are_in_one(
    mixed: Mixed,
) -> None:
    guarded = mixed.network(SAME_DEPARTMENT)
    for mover, stayer in mixed.pairs:
        moved, stayed = (s.wait_ip(guarded.network) for s in (mover, stayer))
        guarded.change(mover.address, {"tags": [[DEPARTMENT, OTHER]]})
        demand_apart(stayer.host, moved)
        demand_apart(mover.host, stayed)
        guarded.change(mover.address, {"tags": [[DEPARTMENT, OURS]]})
        demand_reach(stayer.host, moved)
        demand_reach(mover.host, stayed)
    for service in (mixed.ours, mixed.theirs):
        guarded.change(service.address, {"tags": [[DEPARTMENT, OTHER]]})
    for one, other in mixed.pairs:
        demand_reach(one.host, other.wait_ip(guarded.network))


def test_capability_lets_its_holder_alone_send_what_the_rules_leave_open(mixed: Mixed) -> None:
    guarded = mixed.network(UDP_BY_CAPABILITY)

    def passes(source: Service, target: Service, port: int = OPEN_PORT) -> bool:
        here, there = (s.wait_ip(guarded.network) for s in (source, target))
        return udp_arrives(source.host, here, target.host, there, port)

    for holder, other in mixed.pairs:
        assert not passes(holder, other)
        guarded.change(holder.address, {"capabilities": [CAPABILITY]})
        wait_until("the holder may", lambda h=holder, o=other: passes(h, o))
        assert not passes(holder, other, OPEN_PORT + 1)
        assert not passes(other, holder)
        guarded.change(holder.address, {"capabilities": []})
        wait_until("it may no more", lambda h=holder, o=other: not passes(h, o))


@pytest.mark.parametrize("judge", ["sender", "receiver"])
def test_only_the_owner_of_an_address_sends_from_it(mixed: Mixed, judge: str) -> None:
    guarded = mixed.network(only_owned_sources(UDP, judge))
    for source, target in mixed.pairs:
        own, there = (s.wait_ip(guarded.network) for s in (source, target))
        spoofed = own.rpartition(".")[0] + ".250"
        device = source.device(guarded.network)
        source.host.namespace.ip("address", "add", f"{spoofed}/24", "dev", device)
        assert udp_arrives(source.host, own, target.host, there, OPEN_PORT)
        assert not udp_arrives(source.host, spoofed, target.host, there, OPEN_PORT)
        assert udp_arrives(source.host, own, target.host, there, OPEN_PORT)
        source.host.namespace.ip("address", "del", f"{spoofed}/24", "dev", device)


def test_vlan_frames_pass_between_members_unless_rules_refuse_them(mixed: Mixed) -> None:
    guarded = mixed.network({})

    def passes(source: Service, target: Service) -> bool:
        here, there = (s.device(guarded.network) for s in (source, target))
        return tagged_frame_arrives(source.host, here, target.host, there, 0x6007)

    for one, other in mixed.pairs:
        assert passes(one, other)
    path = f"/controller/network/{guarded.network}"
    mixed.controller.request("POST", path, {"rules": [VLAN, DROP, ACCEPT]})
    for one, other in mixed.pairs:
        wait_until("rules are known", lambda o=one, t=other: not passes(o, t), timeout_s=60)
        demand_reach(one.host, other.wait_ip(guarded.network))
