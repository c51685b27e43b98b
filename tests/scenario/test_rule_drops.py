"""Which rule dropped a frame is counted where it was dropped, by whole nodes."""

from __future__ import annotations

from guarded_lan import Members

from earthline.diagnosis.snapshot import RuleDrop
from earthline.runtime.probes.rules import rule_drops

DROP, ACCEPT = {"type": "ACTION_DROP"}, {"type": "ACTION_ACCEPT"}
FIRST, SECOND = 0x88B5, 0x88B6
RULES = [
    {"type": "MATCH_ETHERTYPE", "etherType": FIRST},
    DROP,
    {"type": "MATCH_ETHERTYPE", "etherType": SECOND},
    {"type": "MATCH_CHARACTERISTICS", "mask": f"{1 << 63:x}"},
    DROP,
    ACCEPT,
]
LEFT = RuleDrop("rule", 1, "drop ethertype 0x88b5", sent=2, received=0)
ARRIVED = RuleDrop("rule", 2, "drop ethertype 0x88b6 chr inbound", sent=0, received=1)


def dropped(members, number):
    host = members.hosts[number]
    entry = host.node.switch_entry(members.lan)
    return rule_drops(entry, host.switch.refused(members.lan))


def test_rule_that_drops_is_counted_by_sender_or_receiver_until_the_rules_change(simulate):
    members = Members(simulate(seed=43), 2, {"rules": RULES})
    members.acquaint()
    assert dropped(members, 0) == dropped(members, 1) == ()

    for payload in (b"once", b"twice"):
        assert not members.passes(0, 1, FIRST, payload)
    assert not members.passes(0, 1, SECOND, b"it leaves, and does not arrive")
    assert members.passes(0, 1, 0x88B7, b"another kind")
    assert (dropped(members, 0), dropped(members, 1)) == ((LEFT,), (ARRIVED,))

    members.change({"name": "another name, and the same rules"})
    members.sim.run_for(2_000)
    assert (dropped(members, 0), dropped(members, 1)) == ((LEFT,), (ARRIVED,))

    members.change({"rules": [ACCEPT]})
    members.sim.run_for(2_000)
    assert members.passes(0, 1, FIRST, b"now it may")
    assert dropped(members, 0) == dropped(members, 1) == ()
