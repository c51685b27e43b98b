"""Wall clocks that are set, or that start in 1970: nothing is late by more than its own period."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest

from earthline.sim.clock import EPOCH_MS
from earthline.sim.host import SimHost
from earthline.sim.nat import FullCone, PortRestricted
from earthline.sim.simulation import Simulation
from earthline.vl2.ground.network import NetworkStatus

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
WATCHED_MS = 5 * MINUTE
AGREED_MS = 10 * SECOND
"""Within which two members agree of which one was let in since the clock was set."""
RENEWED_MS = MINUTE + 5 * SECOND
"""A configuration is asked for each minute..."""
ASKED_MS = 6 * SECOND
"""...and by who was revoked at once, but not within 5 s of the last time."""
FIRST_BOOT = -EPOCH_MS
"""The error of a clock that starts in 1970, as that of a board without a battery does."""
STEPS = {"back": (0, -HOUR), "forward": (0, HOUR), "out-of-1970": (FIRST_BOOT, 0)}
"""Error of the clock when its host starts, and once it is set."""
WHO = ("root", "controller", "alice")
TALK = (
    "hello",
    "network_config_request",
    "multicast_like",
    "network_credentials",
    "push_direct_paths",
)
"""Counters of what is said from time to time without anybody asking for it."""


@dataclass
class House:
    """A root, a controller, two members that talk to each other, and who may come later."""

    sim: Simulation
    hosts: dict[str, SimHost]
    network: int

    def __getattr__(self, name: str) -> SimHost:
        return self.hosts[name]

    def talk(self):
        """Whether a ping between the members is answered at once."""
        return self.sim.ping(self.alice, self.bob, self.network, within_ms=SECOND)

    def is_out(self, member):
        """Whether a member knows that it is put out."""
        (state,) = member.node.networks()
        return state.status is NetworkStatus.ACCESS_DENIED

    def said(self):
        """What each host heard so far, by verb."""
        return Counter(
            {
                (name, verb): host.node.counters[f"rx_{verb}"]
                for name, host in self.hosts.items()
                for verb in TALK
            }
        )

    def watch(self):
        """What is heard in five minutes in which a ping is sent every ten seconds; and the lost."""
        before, lost = self.said(), 0
        for _ in range(WATCHED_MS // (10 * SECOND)):
            began = self.sim.clock.now
            lost += not self.talk()
            self.sim.clock.run_until(began + 10 * SECOND)
        return self.said() - before, lost


def build(simulate, who="", error_ms=0, *, private=True):
    """All have been up for some minutes; the clock of ``who`` was wrong from the start."""
    sim = simulate(seed=80)
    root = sim.root("root", "80.1.0.1")
    controller = sim.host("controller", nat=FullCone())
    alice, bob = (sim.host(name, nat=PortRestricted()) for name in ("alice", "bob"))
    hosts = {"root": root, "controller": controller, "alice": alice, "bob": bob}
    for name, host in hosts.items():
        host.crash()
        host.clock_error_ms = error_ms if name == who else 0
        host.start()
    controller.become_controller()
    network = sim.network(controller, ("10.1.0.1", "10.1.0.254"), "10.1.0.0/24", private=private)
    for member in (alice, bob):
        member.join(network)
        sim.authorize(controller, network, member)
    assert sim.run_until(lambda: sim.joined(network, alice, bob), within_ms=60_000)
    house = House(sim, hosts, network)
    assert sim.ping(alice, bob, network)
    sim.run_for(3 * MINUTE)
    return house


def build_and_set(simulate, who, step):
    """The same, and a moment ago the clock of ``who`` was set."""
    at_first, then = STEPS[step]
    house = build(simulate, who, at_first)
    house.hosts[who].clock_error_ms = then
    return house


@pytest.fixture(scope="module")
def quiet_house():
    """What is said while no clock is set."""
    made = []

    def simulate(**options):
        made.append(Simulation(**options))
        return made[-1]

    yield build(simulate).watch()
    for sim in made:
        sim.close()


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("step", STEPS)
def test_clock_that_is_set_silences_nobody(simulate, quiet_house, who, step):
    house = build_and_set(simulate, who, step)
    said, lost = house.watch()
    usual, _ = quiet_house
    few = {key: (said[key], count) for key, count in usual.items() if said[key] < count * 0.8 - 1}
    assert few == {}
    assert all(host.node.online for host in house.hosts.values())
    assert lost == 0


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("step", STEPS)
def test_configuration_is_renewed_each_minute_whatever_clock_is_set(simulate, who, step):
    house = build_and_set(simulate, who, step)
    for _ in range(3):
        before = house.controller.node.counters["rx_network_config_request"]
        house.sim.run_for(RENEWED_MS)
        assert house.controller.node.counters["rx_network_config_request"] - before >= 2
    for member in (house.alice, house.bob):
        (state,) = member.node.networks()
        assert state.status is NetworkStatus.OK
        assert member.wall_now - state.updated_at <= RENEWED_MS


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("step", STEPS)
def test_newcomer_finds_who_has_set_its_clock(simulate, who, step):
    house = build_and_set(simulate, who, step)
    carol = house.sim.host("carol", nat=PortRestricted())
    carol.join(house.network)
    house.sim.authorize(house.controller, house.network, carol)
    assert house.sim.run_until(
        lambda: house.sim.joined(house.network, carol), within_ms=10 * SECOND
    )
    for member in (house.alice, house.bob):
        assert house.sim.ping(carol, member, house.network, within_ms=AGREED_MS)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("step", STEPS)
def test_member_is_put_out_at_once_whatever_clock_is_set(simulate, who, step):
    house = build_and_set(simulate, who, step)
    house.sim.authorize(house.controller, house.network, house.bob, yes=False)
    assert house.sim.run_until(lambda: house.is_out(house.bob), within_ms=ASKED_MS)
    house.sim.authorize(house.controller, house.network, house.bob)
    assert house.sim.run_until(
        lambda: house.sim.joined(house.network, house.bob), within_ms=10 * SECOND
    )
    assert house.sim.ping(house.alice, house.bob, house.network, within_ms=AGREED_MS)


@pytest.mark.parametrize("step", STEPS)
def test_member_that_moves_after_its_clock_was_set_is_found_again(simulate, step):
    house = build_and_set(simulate, "alice", step)
    house.alice.rebind(20_001)
    assert house.sim.ping(house.alice, house.bob, house.network, within_ms=5 * SECOND)
    assert house.sim.run_until(
        lambda: house.sim.direct(house.alice, house.bob), within_ms=20 * SECOND
    )


@pytest.mark.parametrize("step", STEPS)
def test_root_that_sets_its_clock_brings_members_together(simulate, step):
    house = build_and_set(simulate, "root", step)
    house.alice.rebind(20_001)
    house.bob.rebind(20_002)
    assert house.sim.ping(house.alice, house.bob, house.network, within_ms=5 * SECOND)
    assert house.sim.run_until(
        lambda: house.sim.direct(house.alice, house.bob), within_ms=20 * SECOND
    )


def test_what_is_shown_of_peers_is_by_the_wall_clock_of_now(simulate):
    house = build(simulate, "alice", FIRST_BOOT)
    house.alice.clock_error_ms = HOUR
    house.sim.run_for(MINUTE)
    now = house.alice.wall_now
    peers = house.alice.node.peer_states(house.sim.clock.now)
    shown = [path.last_receive for peer in peers for path in peer.paths]
    assert shown
    assert all(now - MINUTE <= at <= now for at in shown if at)


def test_wire_bears_unix_time(simulate):
    """Others see by a HELLO how far our clock is off."""
    house = build(simulate, "alice", FIRST_BOOT)
    house.alice.clock_error_ms = HOUR
    house.sim.run_for(2 * MINUTE)
    for of, seen_by, error_ms in (("alice", "root", HOUR), ("root", "alice", -HOUR)):
        peers = house.hosts[seen_by].node.peer_states(house.sim.clock.now)
        (ahead,) = (peer.clock_offset for peer in peers if peer.address == house.hosts[of].address)
        assert -SECOND < ahead - error_ms <= 0


@pytest.mark.parametrize("step_ms", [-HOUR, HOUR])
def test_round_trips_are_measured_right_while_the_clock_is_set(simulate, step_ms):
    """Some HELLO is always on its way: the clock is set at every moment of a round trip."""
    house = build(simulate)
    for moment in range(60):
        house.sim.run_for(5 * SECOND + moment)
        house.alice.clock_error_ms += step_ms
        peers = house.alice.node.peer_states(house.sim.clock.now)
        known = [path.latency for peer in peers for path in peer.paths if path.latency >= 0]
        assert known
        assert max(known) < 200
        assert min(known) > 10
