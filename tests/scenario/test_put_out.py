"""Whoever was put out is out, whatever became of the controller and its clock (04, 10.3)."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from earthline.controller.authority import Authority
from earthline.controller.store.sqlite import IN_MEMORY, SqliteStore
from earthline.sim.host import SimHost
from earthline.sim.nat import FullCone, PortRestricted
from earthline.sim.nic import EthernetFrame
from earthline.sim.simulation import Simulation
from earthline.vl2.ground.network import NetworkStatus

MINUTE = 60_000
FIVE_YEARS = 5 * 365 * 86_400_000
CUT_MS = 2_000
EXPERIMENT = 0x88B5


@dataclass
class Office:
    """A root, a controller beside it, and three members that know one another."""

    sim: Simulation
    controller: SimHost
    network: int
    alice: SimHost
    bob: SimHost
    mal: SimHost

    def restart_controller(self, down_ms=5_000):
        self.controller.crash()
        self.sim.run_for(down_ms)
        self.controller.start()

    def restart(self, member, down_ms):
        member.crash()
        self.sim.run_for(down_ms)
        member.start()

    def put_out(self, member):
        self.sim.authorize(self.controller, self.network, member, yes=False)

    def hears(self, listener, speaker):
        """Whether a frame of one member comes in at another.

        Tried for a while, since those that have just met exchange credentials first. Not by IP: who
        is out has no address any more, whether it is refused or not.
        """
        target, source = listener.nic(self.network), speaker.nic(self.network)
        frame = EthernetFrame(target.mac, source.mac, EXPERIMENT, b"do you hear me?")
        target.frames.clear()
        for _ in range(15):
            source.send(frame)
            self.sim.run_for(100)
        return frame in target.frames

    def talk(self, one, other):
        """Whether two hear each other."""
        return self.hears(one, other) and self.hears(other, one)

    def wait_configured(self, member):
        """Until a member that has just started has a configuration of now."""
        assert self.sim.run_until(lambda: self.state(member).updated_at, within_ms=15_000)

    @staticmethod
    def state(member):
        (state,) = member.node.networks()
        return state


@pytest.fixture
def office(simulate):
    sim = simulate(seed=60)
    sim.root("root", "80.1.0.1")
    controller = sim.host("controller", nat=FullCone())
    controller.become_controller()
    network = sim.network(controller, ("10.1.0.1", "10.1.0.254"), "10.1.0.0/24", private=True)
    members = [sim.host(name, nat=PortRestricted()) for name in ("alice", "bob", "mal")]
    for member in members:
        member.join(network)
        sim.authorize(controller, network, member)
    assert sim.run_until(lambda: sim.joined(network, *members), within_ms=60_000)
    made = Office(sim, controller, network, *members)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert made.talk(members[one], members[other])
    return made


@pytest.mark.parametrize("later_ms", [0, 20_000], ids=["at-once", "soon-after"])
def test_member_put_out_by_a_controller_that_was_restarted_is_out_at_once(office, later_ms):
    office.restart_controller()
    office.sim.run_for(later_ms)
    office.put_out(office.mal)
    office.sim.run_for(CUT_MS)
    assert not office.hears(office.alice, office.mal)
    assert not office.hears(office.bob, office.mal)
    assert office.talk(office.alice, office.bob)


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted-controller"])
def test_member_that_was_away_refuses_who_was_put_out_meanwhile(office, restarted):
    office.bob.crash()
    office.sim.run_for(3 * MINUTE)
    office.put_out(office.mal)
    office.sim.run_for(MINUTE)
    if restarted:
        office.restart_controller()
    office.bob.start()
    office.wait_configured(office.bob)
    office.sim.run_for(CUT_MS)
    assert not office.hears(office.bob, office.mal)
    assert office.talk(office.alice, office.bob)


def test_revocation_that_never_left_the_controller_is_told_after_its_restart(office):
    """It was made and written down, and the machine went down before a packet was sent."""
    office.controller.authority.post_member(
        office.network, office.mal.address, {"authorized": False}, office.sim.clock.now
    )
    office.restart_controller()
    office.sim.run_for(MINUTE + 10_000)
    assert not office.hears(office.alice, office.mal)
    assert not office.hears(office.bob, office.mal)
    assert office.talk(office.alice, office.bob)


def test_member_of_a_network_that_was_public_is_put_out_once_that_is_private(office):
    sim, authority = office.sim, office.controller.authority
    for private in (False, True):
        _, commands = authority.post_network(office.network, {"private": private}, sim.clock.now)
        office.controller.obey(commands)
        sim.run_for(CUT_MS)
        assert office.talk(office.alice, office.mal)
        if not private:  # as with a stock controller
            office.put_out(office.mal)
            sim.run_for(CUT_MS)
            assert office.state(office.mal).status is NetworkStatus.OK
            assert office.talk(office.alice, office.mal)
    office.put_out(office.mal)
    sim.run_for(CUT_MS)
    assert office.state(office.mal).status is NetworkStatus.ACCESS_DENIED
    assert not office.hears(office.alice, office.mal)
    assert office.talk(office.alice, office.bob)


def test_member_put_out_stays_out_though_the_clock_was_ahead_once(office):
    """Nobody that was away may let it in again, for ever, after the window of agreement."""
    sim = office.sim
    office.controller.clock_error_ms = FIVE_YEARS
    office.restart_controller()
    sim.run_for(75_000)
    assert office.state(office.alice).issued_at > sim.clock.now + FIVE_YEARS - MINUTE
    office.controller.clock_error_ms = 0
    office.restart_controller()
    sim.run_for(75_000)
    assert office.talk(office.alice, office.mal)  # what was issued ahead agrees with what is now
    office.bob.crash()
    office.put_out(office.mal)
    sim.run_for(45 * MINUTE)
    office.bob.start()
    office.wait_configured(office.bob)
    sim.run_for(CUT_MS)
    assert not office.hears(office.bob, office.mal)
    assert not office.hears(office.alice, office.mal)
    assert office.talk(office.alice, office.bob)


def test_members_never_fall_out_when_the_clock_is_set_back(office):
    """Certificates of before and after it agree, while members are issued anew one by one."""
    office.controller.clock_error_ms = -FIVE_YEARS
    for _ in range(8):
        office.sim.run_for(10_000)
        assert office.talk(office.alice, office.bob)
        assert office.talk(office.alice, office.mal)
    office.put_out(office.mal)
    office.sim.run_for(CUT_MS)
    assert not office.hears(office.alice, office.mal)
    assert office.talk(office.alice, office.bob)


def test_member_put_out_knows_and_loses_its_address_at_once_until_it_is_let_in_again(office):
    nic = office.mal.nic(office.network)
    held = nic.addresses
    assert held
    office.put_out(office.mal)
    office.sim.run_for(CUT_MS)
    assert office.state(office.mal).status is NetworkStatus.ACCESS_DENIED
    assert nic.addresses == ()
    office.sim.authorize(office.controller, office.network, office.mal)
    assert office.sim.run_until(lambda: nic.addresses == held, within_ms=6_000)
    assert office.talk(office.alice, office.mal)


def test_members_of_a_network_that_is_deleted_lose_their_addresses_at_once(office):
    now = office.sim.clock.now
    _, commands = office.controller.authority.delete_network(office.network, now)
    office.controller.obey(commands)
    office.sim.run_for(CUT_MS)
    for member in (office.alice, office.bob, office.mal):
        assert office.state(member).status is NetworkStatus.NOT_FOUND
        assert member.nic(office.network).addresses == ()


def test_controller_that_lost_its_networks_takes_no_address_away(office):
    nic = office.alice.nic(office.network)
    held, authority = nic.addresses, office.controller.authority
    store = SqliteStore(IN_MEMORY)
    office.controller.authority = Authority(
        office.controller.identity, store, random.Random(1).randbytes
    )
    office.sim.run_for(2 * MINUTE)
    store.close()
    assert office.state(office.alice).status is NetworkStatus.NOT_FOUND
    assert nic.addresses == held
    office.controller.authority = authority
    office.sim.run_for(10_000)
    assert office.state(office.alice).status is NetworkStatus.OK
