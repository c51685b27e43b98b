"""A flood of one member in a group costs the others nothing (06, 6.2, row 5)."""

from __future__ import annotations

from guarded_lan import Members

from earthline.sim.nic import EthernetFrame

EXPERIMENT = 0x88B5
GROUP = 0x01005E010203
MDNS = 0x01005E0000FB


def flood(members, group, milliseconds):
    """10,000 frames a second of member 0; how many reach the TAP of member 1."""
    nic = members.nic(0)
    frame = EthernetFrame(group, nic.mac, EXPERIMENT, bytes(100))
    before = members.taps[1].count(frame.emit())
    for _ in range(milliseconds // 10):
        for _ in range(100):
            nic.send(frame)
        members.sim.run_for(10)
    return members.taps[1].count(frame.emit()) - before


def settled(members, group):
    """Everybody listens to the group, and the first frame to it is long sent."""
    from earthline import effects

    for host in members.hosts:
        groups = ((0x01005E000001, 0), (group, 0))
        host.tell(effects.SubscriptionsChanged(members.lan, groups))
    members.nic(0).send(EthernetFrame(group, members.nic(0).mac, EXPERIMENT, b"first"))
    members.sim.run_for(6_000)


def test_flood_is_cut_to_the_budget_at_its_sender_while_others_ping(simulate):
    members = Members(simulate(seed=50), 3, {})
    members.acquaint()
    settled(members, GROUP)
    quiet = members.hosts[1].switch.counters()["drop_receive_budget"]

    got = flood(members, GROUP, 2_000)

    counters = members.hosts[0].switch.counters()
    assert 1_500 <= got <= 2_100
    assert counters["drop_send_budget"] >= 17_000
    assert members.hosts[1].switch.counters()["drop_receive_budget"] == quiet
    # Other groups of the very sender, and its ARP, still work.
    members.nic(0).neighbours.clear()
    assert members.sim.ping(members.hosts[0], members.hosts[1], members.lan, within_ms=1_000)
    assert members.sim.ping(members.hosts[1], members.hosts[2], members.lan, within_ms=1_000)


def test_flood_of_a_member_without_a_budget_is_cut_at_its_receivers(simulate):
    from dataclasses import replace

    from earthline.vl2.members.rule_inputs import network_entry

    members = Members(simulate(seed=51), 3, {})
    members.acquaint()
    settled(members, GROUP)
    config = members.hosts[0].node.ethernet._station.networks[members.lan].config
    entry = replace(network_entry(members.lan, config), send_budget=(0, 0))
    members.hosts[0].switch.apply([entry], 0)

    got = flood(members, GROUP, 2_000)

    assert 3_000 <= got <= 4_200
    assert members.hosts[1].switch.counters()["drop_receive_budget"] >= 15_000
    calm = EthernetFrame(GROUP, members.nic(2).mac, EXPERIMENT, b"calm")
    members.nic(2).send(calm)
    assert members.gets(1, calm)
