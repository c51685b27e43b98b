"""Good inputs to start from: what stock nodes put on the wire, by target (see `wire_targets`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from earthline.wire.packet import Verb

DATA = Path(__file__).parents[1] / "vectors" / "data"

FILES = {
    "packet": ("packet_salsa_poly", "wire"),
    "sealed": ("packet_compressed", "packet"),
    "dictionary": ("dictionary", "bytes"),
    "identity": ("identity", "public_binary"),
    "inet": ("inetaddress", "serialized"),
    "world": ("world", "serialized"),
    "rules": ("rules", "blob"),
    "com": ("com", "serialized"),
    "capability": ("capability", "serialized"),
    "tag": ("tag", "serialized"),
    "ownership": ("coo", "serialized"),
    "revocation": ("revocation", "serialized"),
    "network_config": ("networkconfig", "dictionary"),
}
"""The vector file and the member of its cases that a target is fed with."""

TEXTS = {"identity_text": ("identity", "secret_string"), "inet_text": ("inetaddress", "text")}

ANSWERS = {
    "ok_hello": Verb.HELLO,
    "ok_whois": Verb.WHOIS,
    "ok_network": Verb.EXT_FRAME,
    "ok_multicast_gather": Verb.MULTICAST_GATHER,
    "ok_multicast_frame": Verb.MULTICAST_FRAME,
    "ok_config_push": Verb.ECHO,
}
_OK_HEADER = 9


@cache
def seeds(target: str) -> tuple[bytes, ...]:
    """Good inputs of a target, shortest first; one empty one where there are none."""
    found = set(_seeds(target)) or {b""}
    return tuple(sorted(found, key=lambda seed: (len(seed), seed))[:200])


def _seeds(target: str) -> Iterator[bytes]:
    if target in FILES:
        yield from map(bytes.fromhex, _members(*FILES[target]))
    elif target in TEXTS:
        yield from (text.encode() for text in _members(*TEXTS[target]))
    elif target in ANSWERS:
        for payload in _payloads(Verb.OK):
            if payload[0] == ANSWERS[target]:
                yield payload[_OK_HEADER:]
    elif target == "fragment":
        yield from _fragmented()
    elif target == "metadata":
        for payload in _payloads(Verb.NETWORK_CONFIG_REQUEST):
            yield payload[10 : 10 + int.from_bytes(payload[8:10], "big")]
    elif target.upper() in Verb.__members__:
        yield from _payloads(Verb[target.upper()])


def _members(file: str, member: str) -> Iterator[str]:
    return (case[member] for case in _load(file)["cases"] if member in case)


def _payloads(verb: Verb) -> Iterator[bytes]:
    for name in ("basic", "rich", "relay"):
        for datagram in _load(f"captures/{name}")["datagrams"]:
            decoded = datagram.get("decoded") or {}
            if decoded.get("verb") == verb:
                yield bytes.fromhex(decoded["payload"])


def _fragmented() -> Iterator[bytes]:
    """Datagrams of one packet, each with its length before it, as the target cuts them."""
    for case in _load("fragments")["cases"]:
        datagrams = [bytes.fromhex(datagram) for datagram in case["datagrams"]]
        if all(len(datagram) < 2048 for datagram in datagrams):
            yield b"".join(len(d).to_bytes(2, "big") + d for d in datagrams)


@cache
def _load(file: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DATA / f"{file}.json").read_text())
    return document
