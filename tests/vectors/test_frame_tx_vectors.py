"""frame_tx.json: what a stock node sends for a frame of its TAP (03, 7.3 and 8.5)."""

from __future__ import annotations

from collections import Counter

import pytest
from frame_cases import certificate, config_of, ethernet, node_at
from vl2_bench import NOW, Bench

from earthline import effects
from earthline.vl2.multicast.groups import GroupKey
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.messages.frame import ExtFrame
from earthline.wire.multicast import MulticastGroup
from earthline.wire.network_config import ROLE_ANCHOR, ROLE_MULTICAST_REPLICATOR
from earthline.wire.packet import Verb


def sent_certificate(case):
    """Our own certificate is only found where it was sent."""
    for packet in case["packets"]:
        if packet["verb"] == Verb.NETWORK_CREDENTIALS:
            return NetworkCredentials.parse(bytes.fromhex(packet["payload"])).certificates[0]
        if packet["verb"] == Verb.MULTICAST_GATHER and packet["payload"][16:18] == "01":
            return certificate(packet["payload"][46:])
    return None


def named(case):
    """Every address that a case names, but our own."""
    found = {int(packet["to"], 16) for packet in case["packets"]}
    found |= {int(member["member"], 16) for member in case["known_multicast_members"]}
    found |= {int(route["behind"], 16) for route in case["bridge_routes"]}
    found |= {int(specialist, 16) & 0xFFFFFFFFFF for specialist in case["specialists"]}
    found.add(int(case["network_id"], 16) >> 24)
    return found - {int(case["self_address"], 16)}


def bench_of(case, folder):
    own = node_at(folder, int(case["self_address"], 16))
    bench = Bench(own)
    for address in sorted(named(case)):
        bench.meet(node_at(folder, address).public)
    config = config_of(case, own.public.address, sent_certificate(case))
    bench.tell(effects.StateLoaded("network", config.network, config.emit()))
    for member in case["known_multicast_members"]:
        group = MulticastGroup(int(member["mac"], 16), member["adi"])
        key = GroupKey(config.network, group)
        bench.engine._groups.record(key, int(member["member"], 16), NOW)
    for route in case["bridge_routes"]:
        learn_bridge(bench, config.network, route)
    bench.forget()
    return bench


def learn_bridge(bench, network, route):
    """A bridged MAC is learned from a frame that its bridge sends."""
    bridge = int(route["behind"], 16)
    admitted = effects.InstallMember(network, bridge, admitted=True, ready=False, push_due_at=0)
    bench.switch.apply([admitted], NOW)
    frame = ExtFrame(network, 0, int(route["mac"], 16), 0x0800, bytes(20))
    bench.wire(bridge, Verb.EXT_FRAME, frame.emit())


def recorded_packets(case):
    """A stock node asks an anchor twice for members (03, 8.4); once is enough."""
    roles = ROLE_ANCHOR | ROLE_MULTICAST_REPLICATOR
    specialists = [int(text, 16) for text in case["specialists"]]
    contacts = {s & 0xFFFFFFFFFF for s in specialists if s & roles}
    packets = Counter((int(p["to"], 16), p["verb"], p["payload"]) for p in case["packets"])
    for to, verb, payload in packets:
        if verb == Verb.MULTICAST_GATHER and to in contacts:
            assert packets[to, verb, payload] == 2
            packets[to, verb, payload] = 1
    return packets


@pytest.mark.vectors("frame_tx")
def test_frame_tx(case, folder):
    bench = bench_of(case, folder)
    bench.tap(int(case["network_id"], 16), ethernet(case))

    got = Counter((sent.to, sent.verb, sent.payload.hex()) for sent in bench.sent())
    if "any two get it" in case["name"]:
        check_sample(case, got)
    else:
        assert got == recorded_packets(case)
    check_compression(case, bench)


def check_sample(case, got):
    members = {int(member["member"], 16) for member in case["known_multicast_members"]}
    recipients = [to for to, verb, _ in got if verb == Verb.MULTICAST_FRAME]
    assert set(recipients) < members
    assert len(recipients) == case["multicast_limit"]
    expected = {p["payload"] for p in case["packets"] if p["verb"] == Verb.MULTICAST_FRAME}
    assert {payload for _, verb, payload in got if verb == Verb.MULTICAST_FRAME} == expected


def check_compression(case, bench):
    recorded = {(p["verb"], p["payload"]): p["compressed"] for p in case["packets"]}
    for sent in bench.sent():
        assert sent.compressed == recorded[sent.verb, sent.payload.hex()]
