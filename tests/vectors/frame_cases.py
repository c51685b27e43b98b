"""What the recordings of frames have in common: who takes part, and with what configuration."""

from __future__ import annotations

import json
from pathlib import Path

from vl2_bench import NOW

from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.network_config import NetworkConfig
from earthline.wire.reader import Reader
from earthline.wire.rules import Rule, RuleType, emit_rules

DATA = Path(__file__).parent / "data"


def _texts(name):
    for case in json.loads((DATA / f"{name}.json").read_text())["cases"]:
        yield from (value for value in case.values() if isinstance(value, str))


def known_nodes():
    """Everybody the recordings name, by address: public identities of identity.json too."""
    found = {}
    for text in (*_texts("frame_rx"), *_texts("identity")):
        if text.count(":") in (2, 3) and len(text) > 140:
            try:
                node = Identity.parse(":".join(text.split(":")[:3]))
            except ValueError:
                continue
            found.setdefault(node.address, node)
    return found


NODES = known_nodes()
OWN = next(
    SecretIdentity.parse(text)
    for text in _texts("frame_rx")
    if text.startswith("5391a36d1a:0:") and text.count(":") == 3
)


def certificate(data):
    return CertificateOfMembership.read(Reader(bytes.fromhex(data))) if data else None


def rule(recorded):
    kind = RuleType(recorded["type"])
    if kind in (RuleType.TEE, RuleType.WATCH, RuleType.REDIRECT):
        address = int(recorded["address_field"], 16)
        return Rule.of(kind, address, recorded["flags"], recorded["length"])
    return Rule.of(kind)


def config_of(case, com):
    """Our own configuration, as far as a case tells it."""
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
        rules=emit_rules(rule(recorded) for recorded in case["rules"]),
    )


def ethernet(recorded):
    """A whole frame from its recorded parts."""
    addresses = bytes.fromhex(recorded["destination_mac"] + recorded["source_mac"])
    return addresses + recorded["ether_type"].to_bytes(2, "big") + bytes.fromhex(recorded["frame"])
