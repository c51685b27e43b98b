"""networkconfig.json: configurations as controllers write and members read them (03, 3.3-3.5)."""

from __future__ import annotations

import pytest

from earthline.wire.credentials.capability import Capability
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.credentials.ownership import CertificateOfOwnership
from earthline.wire.credentials.tag import Tag
from earthline.wire.inet import InetAddress
from earthline.wire.network_config import Dns, NetworkConfig, Route
from earthline.wire.reader import Malformed, Reader
from earthline.wire.rules import parse_rules
from earthline.wire.sign_on import SignOn


def number(text):
    return int(text, 16)


def inet(text):
    return InetAddress.parse(text) if text else None


def items(kind, entries):
    return tuple(kind.read(Reader(bytes.fromhex(entry["serialized"]))) for entry in entries)


def sign_on_of(fields):
    return SignOn(
        enabled=fields["enabled"],
        version=fields["version"],
        authentication_url=fields["authentication_url"],
        authentication_expires_at=fields["authentication_expiry_time"],
        issuer_url=fields["issuer_url"],
        central_url=fields["central_auth_url"],
        nonce=fields["nonce"],
        state=fields["state"],
        client_id=fields["client_id"],
        provider=fields["provider"],
    )


def config_of(fields, rules):
    com = fields["certificate_of_membership"]
    return NetworkConfig(
        network=number(fields["network_id"]),
        issued_to=number(fields["issued_to"]),
        timestamp=fields["timestamp"],
        credential_max_delta=fields["credential_time_max_delta"],
        revision=number(fields["revision"]),
        trace_target=number(fields["remote_trace_target"]),
        trace_level=fields["remote_trace_level"],
        flags=number(fields["flags"]),
        multicast_limit=fields["multicast_limit"],
        public=fields["type"] == 1,
        name=fields["name"],
        mtu=fields["mtu"],
        com=CertificateOfMembership.read(Reader(bytes.fromhex(com))) if com else None,
        capabilities=items(Capability, fields["capabilities"]),
        tags=items(Tag, fields["tags"]),
        ownerships=items(CertificateOfOwnership, fields["certificates_of_ownership"]),
        specialists=tuple(number(specialist) for specialist in fields["specialists"]),
        routes=tuple(
            Route(inet(route["target"]), inet(route["via"]), route["flags"], route["metric"])
            for route in fields["routes"]
        ),
        static_ips=tuple(map(inet, fields["static_ips"])),
        rules=rules,
        dns=Dns(fields["dns"]["domain"], tuple(filter(None, map(inet, fields["dns"]["servers"])))),
        sign_on=sign_on_of(fields["sso"]),
    )


def check_parsed(config, fields):
    """All fields as given; rules by their types, for their bytes are rules.json's."""
    assert config == config_of(fields, config.rules)
    rules = parse_rules(config.rules)
    if "rules_blob" in fields:
        assert config.rules.hex() == fields["rules_blob"]
        assert len(rules) == fields["rule_count"]
    else:
        assert [rule.type for rule in rules] == [rule["type"] for rule in fields["rules"]]
    roles = fields["specialist_roles"]
    assert list(config.bridges) == list(map(number, roles["active_bridges"]))
    assert list(config.anchors) == list(map(number, roles["anchors"]))
    assert list(config.replicators) == list(map(number, roles["multicast_replicators"]))
    assert list(config.always_contact) == list(map(number, roles["always_contact"]))


def check_encode(case):
    dictionary = bytes.fromhex(case["dictionary"])
    parsed = NetworkConfig.parse(dictionary)
    check_parsed(parsed, case.get("decoded", case["fields"]))
    given = config_of(case["fields"], parsed.rules)
    assert given.emit() == dictionary


def check_decode(case):
    dictionary = bytes.fromhex(case["dictionary"])
    if not case["parses"]:
        with pytest.raises(Malformed):
            NetworkConfig.parse(dictionary)
        return
    config = NetworkConfig.parse(dictionary)
    check_parsed(config, case["decoded"])
    if config.sign_on.version in (0, 1):  # fields of other flows are not written again
        assert NetworkConfig.parse(config.emit()) == config


def check_received(case):
    config = NetworkConfig.parse(bytes.fromhex(case["dictionary"]))
    check_parsed(config, case["decoded"])
    assert config.emit().hex() == case["re_encoded_by_member"]


CHECKS = {"encode": check_encode, "decode": check_decode, "received": check_received}


@pytest.mark.vectors("networkconfig")
def test_networkconfig(run_check):
    run_check(CHECKS)
