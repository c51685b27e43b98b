"""Two hosts with one identity, such as a machine and one made from a copy of its disk."""

from __future__ import annotations

import itertools

import pytest

from earthline.sim.link import Link
from earthline.sim.nat import FullCone, PortRestricted, Symmetric
from earthline.vl1.identities.twins import CALL_MS, FIRST_MS, KEPT_MS, MISSED, MISSED_CALL_MS
from earthline.wire.inet import InetAddress

MINUTE = 60_000
ROOT = InetAddress.parse("80.1.0.1/9993")
NOTICED_MS = FIRST_MS + 10_000


def pair(simulate, nat, *, far=False):
    """A root, and two hosts with one identity behind NATs of this kind each; one may be far."""
    sim = simulate(seed=90)
    sim.root("root", "80.1.0.1")
    alice = sim.host("alice", nat=nat())
    sim._identities = itertools.chain((alice.identity,), sim._identities)
    copy = sim.host("copy", nat=nat(), link=Link(delay_ms=80) if far else None)
    assert copy.address == alice.address
    return sim, alice, copy


def place(sim, host):
    """Where others see it."""
    (seen_as,) = host.node.status(sim.clock.now).surfaces
    return seen_as


def told(host):
    return [dict(report.fields) for report in host.reports if report.event == "identity_cloned"]


@pytest.mark.parametrize("nat", [FullCone, None], ids=["open-nats", "no-nats"])
def test_both_learn_of_one_another_and_where_the_other_is(simulate, nat):
    sim, alice, copy = pair(simulate, nat or (lambda: None))
    sim.run_for(NOTICED_MS)
    places = {host: place(sim, host) for host in (alice, copy)}
    for host, other in ((alice, copy), (copy, alice)):
        twin = host.node.twin(sim.clock.now)
        assert twin is not None
        assert places[other] in twin.places
        assert places[host] not in twin.places
        (line,) = told(host)
        assert str(places[other]) in line["there"]
        assert str(places[host]) in line["here"]


def test_behind_strict_nats_both_learn_of_it_as_the_root_changes_its_mind(simulate):
    sim, alice, copy = pair(simulate, PortRestricted)
    sim.run_for(6 * MINUTE)
    for host, other in ((alice, copy), (copy, alice)):
        twin = host.node.twin(sim.clock.now)
        assert place(sim, other) in twin.places
        assert place(sim, host) not in twin.places


def test_behind_strict_nats_who_is_never_preferred_learns_that_it_is_elsewhere(simulate):
    sim, alice, copy = pair(simulate, PortRestricted, far=True)
    sim.run_for(NOTICED_MS + (MISSED + 1) * MISSED_CALL_MS)
    twin = alice.node.twin(sim.clock.now)
    assert (twin.places[0], twin.heard_by, twin.direct) == (place(sim, copy), ROOT, False)
    assert alice.node.astray() == ()
    assert copy.node.astray() == (ROOT,)


def test_it_is_forgotten_once_one_of_them_is_gone(simulate):
    sim, alice, copy = pair(simulate, FullCone)
    sim.run_for(NOTICED_MS)
    copy.crash()
    sim.run_for(KEPT_MS + CALL_MS)
    assert alice.node.twin(sim.clock.now) is None
    assert len(told(alice)) == 1


@pytest.mark.parametrize("nat", [FullCone, PortRestricted, Symmetric])
def test_node_that_is_alone_finds_nobody_though_it_is_started_again(simulate, nat):
    sim = simulate(seed=91)
    sim.root("one", "80.1.0.1", "two", "80.2.0.1")
    alice = sim.host("alice", nat=nat())
    for _ in range(3):
        sim.run_for(CALL_MS + NOTICED_MS)
        assert alice.node.astray() == ()
        alice.crash()
        alice.start()
    sim.run_for(NOTICED_MS)
    assert alice.node.twin(sim.clock.now) is None
    assert told(alice) == []


def test_loss_is_not_taken_for_another_host(simulate):
    sim = simulate(seed=92, link=Link(loss=0.2))
    sim.root("one", "80.1.0.1")
    alice = sim.host("alice", nat=FullCone())
    for _ in range(60):
        sim.run_for(MINUTE)
        assert alice.node.astray() == ()


def test_node_whose_root_is_gone_is_not_elsewhere(simulate):
    sim = simulate(seed=93)
    root = sim.root("one", "80.1.0.1")
    alice = sim.host("alice", nat=FullCone())
    sim.run_for(NOTICED_MS)
    root.crash()
    sim.run_for(CALL_MS + (MISSED + 1) * MISSED_CALL_MS)
    assert alice.node.astray() == ()
