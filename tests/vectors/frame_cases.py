"""What the recordings of frames have in common: who takes part, and with what configuration."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

from vl2_bench import NOW, identity

from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.identity import SecretIdentity
from earthline.wire.network_config import NetworkConfig
from earthline.wire.reader import Reader
from earthline.wire.rules import Rule, RuleType, emit_rules

_FILES = ("frame_rx", "identity")


@cache
def _secrets(folder):
    """Every secret identity that the recordings of a folder give, by address."""
    found = {}
    for path in (folder / f"{name}.json" for name in _FILES):
        cases = json.loads(path.read_text())["cases"] if path.exists() else ()
        for text in (value for case in cases for value in case.values()):
            if isinstance(text, str) and text.count(":") == 3:
                try:
                    node = SecretIdentity.parse(text)
                except ValueError:
                    continue
                found.setdefault(node.public.address, node)
    return found


def node_at(folder, address):
    """The node of an address; with keys of somebody else where a folder gives none.

    What a node sends for a frame depends on addresses, and on no keys.
    """
    known = _secrets(folder).get(address)
    if known is not None:
        return known
    other = identity(0)
    return replace(other, public=replace(other.public, address=address))


def certificate(data):
    return CertificateOfMembership.read(Reader(bytes.fromhex(data))) if data else None


def rule(recorded):
    kind = RuleType(recorded["type"])
    if kind in (RuleType.TEE, RuleType.WATCH, RuleType.REDIRECT):
        address = int(recorded["address_field"], 16)
        return Rule.of(kind, address, recorded["flags"], recorded["length"])
    return Rule.of(kind)


def config_of(case, own, com):
    """The configuration of the node ``own`` (address), as far as a case tells it."""
    return NetworkConfig(
        network=int(case["network_id"], 16),
        issued_to=own,
        timestamp=NOW,
        credential_max_delta=7_200_000,
        flags=int(case["network_flags"], 16),
        multicast_limit=case["multicast_limit"],
        public=case["network_type"] == 1,
        com=com,
        specialists=tuple(int(specialist, 16) for specialist in case["specialists"]),
        rules=emit_rules(rule(recorded) for recorded in case["rules"]),
    )


def ethernet(recorded):
    """A whole frame from its recorded parts."""
    addresses = bytes.fromhex(recorded["destination_mac"] + recorded["source_mac"])
    return addresses + recorded["ether_type"].to_bytes(2, "big") + bytes.fromhex(recorded["frame"])
