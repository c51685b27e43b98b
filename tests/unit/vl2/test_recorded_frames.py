"""Frames as recorded at a stock node: what it sends for one, and what it does with one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from vl2_bench import NOW, Bench

from earthline import effects
from earthline.vl2.groups import GroupKey
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.messages.frame import ExtFrame
from earthline.wire.multicast import MulticastGroup
from earthline.wire.network_config import NetworkConfig
from earthline.wire.packet import Verb
from earthline.wire.reader import Reader
from earthline.wire.rules import Rule, emit_rules

DATA = Path(__file__).parents[2] / "vectors" / "data"
PLAIN_RULES = {"ACTION_ACCEPT", "ACTION_DROP"}


def load(name):
    return json.loads((DATA / f"{name}.json").read_text())["cases"]


def plain(cases):
    """Those whose rules the switch evaluates; the rules engine has vectors of its own."""
    return [c for c in cases if {rule["type_name"] for rule in c["rules"]} <= PLAIN_RULES]


SENT = plain(load("frame_tx"))
RECEIVED = plain(load("frame_rx"))
OWN = SecretIdentity.parse(RECEIVED[0]["self_secret"])
SENDER = SecretIdentity.parse(RECEIVED[0]["sender_secret"])
CONTROLLER = Identity.parse(RECEIVED[0]["controller_identity"])


def known_nodes():
    """Everybody the recordings name."""
    found = {SENDER.address: SENDER.public, CONTROLLER.address: CONTROLLER}
    for case in load("identity"):
        for text in (value for value in case.values() if isinstance(value, str)):
            if text.count(":") in (2, 3) and len(text) > 140:
                parts = text.split(":")
                try:
                    node = Identity.parse(":".join(parts[:3]))
                except ValueError:
                    continue
                found.setdefault(node.address, node)
    return found


NODES = known_nodes()


def certificate(data):
    return CertificateOfMembership.read(Reader(bytes.fromhex(data))) if data else None


def sent_certificate(case):
    """Our own certificate is only found where it was sent."""
    for packet in case["packets"]:
        if packet["verb"] == Verb.NETWORK_CREDENTIALS:
            return NetworkCredentials.parse(bytes.fromhex(packet["payload"])).certificates[0]
        if packet["verb"] == Verb.MULTICAST_GATHER and packet["payload"][16:18] == "01":
            return certificate(packet["payload"][46:])
    return None


def config_of(case, com):
    return NetworkConfig(
        network=int(case["network_id"], 16),
        issued_to=OWN.address,
        timestamp=NOW,
        credential_max_delta=7_200_000,
        flags=int(case["network_flags"], 16),
        multicast_limit=case["multicast_limit"],
        public=case["network_type"] == 1,
        com=com,
        specialists=tuple(int(specialist, 16) for specialist in case["specialists"]),
        rules=emit_rules(Rule(rule["type"]) for rule in case["rules"]),
    )


def bench_of(case, com):
    bench = Bench(OWN)
    for node in NODES.values():
        if node.address != OWN.address:
            bench.meet(node)
    config = config_of(case, com)
    bench.tell(effects.StateLoaded("network", config.network, config.emit()))
    bench.forget()
    return bench


def learn_bridge(bench, case, route):
    """A bridged MAC is learned from a frame that its bridge sends."""
    network, bridge = int(case["network_id"], 16), int(route["behind"], 16)
    bench.switch.set_member(network, bridge, True, False, 0)
    frame = ExtFrame(network, 0, int(route["mac"], 16), 0x0800, bytes(20))
    bench.wire(bridge, Verb.EXT_FRAME, frame.emit())


@pytest.mark.parametrize("case", SENT, ids=lambda case: case["name"])
def test_frame_of_the_tap_leaves_as_recorded(case):
    bench = bench_of(case, sent_certificate(case))
    network = int(case["network_id"], 16)
    for member in case["known_multicast_members"]:
        group = MulticastGroup(int(member["mac"], 16), member["adi"])
        bench.engine._groups.record(GroupKey(network, group), int(member["member"], 16), NOW)
    for route in case["bridge_routes"]:
        learn_bridge(bench, case, route)
    bench.forget()

    ethertype = case["ether_type"].to_bytes(2, "big").hex()
    frame = case["destination_mac"] + case["source_mac"] + ethertype + case["frame"]
    bench.tap(network, bytes.fromhex(frame))

    got = {(sent.to, sent.verb, sent.payload.hex()) for sent in bench.sent()}
    if "any two get it" in case["name"]:
        check_sample(case, got)
        return
    assert got == {(int(p["to"], 16), p["verb"], p["payload"]) for p in case["packets"]}


def check_sample(case, got):
    members = {int(member["member"], 16) for member in case["known_multicast_members"]}
    recipients = {to for to, verb, _ in got if verb == Verb.MULTICAST_FRAME}
    assert recipients < members
    assert len(recipients) == case["multicast_limit"]
    expected = {p["payload"] for p in case["packets"] if p["verb"] == Verb.MULTICAST_FRAME}
    assert {payload for _, verb, payload in got if verb == Verb.MULTICAST_FRAME} == expected


OURS = (
    Verb.FRAME,
    Verb.EXT_FRAME,
    Verb.MULTICAST_FRAME,
    Verb.MULTICAST_GATHER,
    Verb.NETWORK_CONFIG,
)


@pytest.mark.parametrize(
    "case", [c for c in RECEIVED if c["verb"] in OURS], ids=lambda case: case["name"]
)
def test_packet_of_a_peer_is_treated_as_recorded(case):
    bench = bench_of(case, certificate(case["our_certificate"]))
    theirs = certificate(case["sender_certificate"])
    if theirs is not None:
        bench.give(
            SENDER.address,
            Verb.NETWORK_CREDENTIALS,
            NetworkCredentials(certificates=(theirs,)).emit(),
        )
    bench.forget()

    bench.wire(
        SENDER.address, case["verb"], bytes.fromhex(case["payload"]), int(case["packet_id"], 16)
    )

    assert bench.frames == [
        (int(case["network_id"], 16), frame_of(f)) for f in case["frames_to_tap"]
    ]
    replies = [sent for sent in bench.sent() if sent.verb in (Verb.OK, Verb.ERROR)]
    assert [(r.to, r.verb, r.payload.hex()) for r in replies] == [
        (SENDER.address, reply["verb"], reply["payload"]) for reply in case["replies"]
    ]


def frame_of(recorded):
    addresses = bytes.fromhex(recorded["destination_mac"] + recorded["source_mac"])
    ethertype = recorded["ether_type"].to_bytes(2, "big")
    return addresses + ethertype + bytes.fromhex(recorded["frame"])
