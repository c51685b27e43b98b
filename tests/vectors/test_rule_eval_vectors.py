"""rule_eval.json and network_filter.json: one table, or all of them, against a frame (03, 6)."""

from __future__ import annotations

import ipaddress
from types import SimpleNamespace

import pytest

from earthline import _native
from reference import rules as reference

NEIGHBOUR_EMULATION = 0x04
UNKNOWN_MATCHES = 0x08
RANDOM = 0x80000000

# Flags of the EXT_FRAME that carries a copy or a redirected frame (03, 6.7).
FLAGS = {
    ("outbound", "tee"): 0x02,
    ("outbound", "redirect"): 0x04,
    ("outbound", "watch"): 0x16,
    ("inbound", "tee"): 0x08,
    ("inbound", "redirect"): 0x0A,
    ("inbound", "watch"): 0x1C,
}


def packed_ip(text):
    return ipaddress.ip_address(text.split("/")[0]).packed


def credentials(case, side):
    tags = [(tag["id"], tag["value"]) for tag in case[f"{side}_tags"] or ()]
    owned = case.get(f"{side}_ownership", ())
    macs = [int(text[4:].replace(":", ""), 16) for text in owned if text.startswith("mac:")]
    ips = [packed_ip(text) for text in owned if not text.startswith("mac:")]
    return tags, ips, macs


def emulated_prefixes(case, flags):
    """First bytes of our own 6PLANE and RFC 4193 addresses, where we have them (03, 9.1)."""
    if not flags & NEIGHBOUR_EMULATION:
        return []
    network, address = bytes.fromhex(case["network_id"]), bytes.fromhex(case["self_address"])
    folded = bytes(a ^ b for a, b in zip(network[:4], network[4:], strict=True))
    prefixes = {
        b"\xfc" + folded + address + b"\0\0\0\0\0\1": 5,
        b"\xfd" + network + b"\x99\x93" + address: 11,
    }
    static = {packed_ip(text) for text in case["static_ips"]}
    return [own[:length] for own, length in prefixes.items() if own in static]


def rule_frame(case):
    flags = int(case.get("network_flags", "0"), 16)
    return SimpleNamespace(
        inbound=case["direction"] == "inbound",
        own=int(case["self_address"], 16),
        source=int(case["source_address"], 16),
        destination=int(case["destination_address"], 16),
        source_mac=int(case["source_mac"], 16),
        destination_mac=int(case["destination_mac"], 16),
        ethertype=case["ether_type"],
        vlan=case["vlan_id"],
        payload=bytes.fromhex(case["frame"]),
        own_credentials=credentials(case, "local"),
        other_credentials=credentials(case, "remote"),
        unknown_match=bool(flags & UNKNOWN_MATCHES),
        emulated=emulated_prefixes(case, flags),
    )


def engines(native, oracle):
    """The engine that ships, and its readable twin."""
    return pytest.mark.parametrize("judge", [native, oracle], ids=["rust", "reference"])


@pytest.mark.vectors("rule_eval")
@engines(_native.evaluate_rules, reference.evaluate)
def test_rule_eval(case, judge):
    expect = case["expect"]
    copy = expect["copy_to"] and (
        int(expect["copy_to"], 16),
        expect["copy_length"],
        expect["copy_is_watch"],
    )
    rules = bytes.fromhex(case["rules_blob"])
    verdict, destination, actual_copy = judge(rules, rule_frame(case), RANDOM)
    assert verdict == expect["result"]
    assert f"{destination:010x}" == expect["destination_after"]
    assert actual_copy == copy


def packets_sent(case, redirect, copies):
    """Copies and the redirected frame, as receiver and EXT_FRAME payload."""
    frame = bytes.fromhex(case["frame"])
    wanted = [
        (to, "watch" if watch else "tee", length)
        for to, length, watch in copies
        if not case["suppress_copies"]
    ]
    if redirect is not None:
        wanted.append((redirect, "redirect", len(frame)))
    macs = bytes.fromhex(case["destination_mac"] + case["source_mac"])
    for to, kind, length in wanted:
        flags = bytes([FLAGS[case["direction"], kind]])
        head = bytes.fromhex(case["network_id"]) + flags + macs
        yield f"{to:010x}", head + case["ether_type"].to_bytes(2, "big") + frame[:length]


@pytest.mark.vectors("network_filter")
@engines(_native.filter_frame, reference.filter_frame)
def test_network_filter(case, judge):
    expect = case["expect"]
    side = "remote" if case["direction"] == "inbound" else "local"
    capabilities = [bytes.fromhex(each["rules_blob"]) for each in case[f"{side}_capabilities"]]
    rules = bytes.fromhex(case["rules_blob"])
    level, redirect, copies = judge(rules, capabilities, rule_frame(case), RANDOM)
    goes_on = level if redirect is None else 0
    assert goes_on == expect.get("accept_level", goes_on)
    assert bool(goes_on) == expect.get("accepted", bool(goes_on))
    sent = [(each["to"], bytes.fromhex(each["payload"])) for each in expect["packets_sent"]]
    assert list(packets_sent(case, redirect, copies)) == sent
