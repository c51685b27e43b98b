"""membership.json: credentials in sequence, and what a member may do after each (03, 4.9)."""

from __future__ import annotations

import pytest

from earthline.vl2.ground.membership import Acceptance, Membership
from earthline.wire.credentials.capability import Capability
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.credentials.ownership import CertificateOfOwnership
from earthline.wire.credentials.revocation import Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.identity import Identity
from earthline.wire.network_config import NetworkConfig
from earthline.wire.reader import Reader

READ = {
    "certificate_of_membership": CertificateOfMembership.read,
    "tag": Tag.read,
    "capability": Capability.read,
    "certificate_of_ownership": CertificateOfOwnership.read,
    "revocation": Revocation.read,
}


def usable_tag(record, config, number):
    tag = record.tags.get(number)
    return tag.value if tag is not None and record.usable(tag, config) else None


def check_state(record, config, member, state):
    allowed = config.public or record.agrees(config.com, member)
    assert allowed is state["allowed_on_network"]
    for number, value in state["usable_tags"].items():
        assert usable_tag(record, config, int(number)) == value
    owned = any(
        record.usable(ownership, config) and ownership.owns_ip(bytes([10, 9, 8, 7]))
        for ownership in record.ownerships.values()
    )
    assert owned is state["owns_10.9.8.7"]
    capability = record.capabilities.get(5)
    usable = capability is not None and record.usable(capability, config)
    assert usable is state["capability_5_usable"]


@pytest.mark.vectors("membership")
def test_membership(document, case):
    member = Identity.parse(case["member_identity"])
    known = {i.address: i for i in map(Identity.parse, document["known_identities"])}
    config = NetworkConfig(
        network=int(case["network_id"], 16),
        issued_to=Identity.parse(document["verifier_identity"]).address,
        timestamp=case["our_config_timestamp"],
        credential_max_delta=case["credential_time_max_delta"],
        public=case["network_type"] == 1,
        com=CertificateOfMembership.read(Reader(bytes.fromhex(case["our_certificate"]))),
    )
    record = Membership(member.address)
    for step in case["steps"]:
        credential = READ[step["type"]](Reader(bytes.fromhex(step["credential"])))
        result = record.add(credential, known.get)
        # Stock nodes do not tell the two apart.
        result = Acceptance.REJECTED if result is Acceptance.FORGED else result
        assert result.value == step["result"]
        if step.get("after"):
            check_state(record, config, member, step["after"])
