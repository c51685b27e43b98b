"""com.json: certificates of membership and whether two agree (03, 4.2)."""

from __future__ import annotations

import pytest

from earthline.wire.credentials.com import CertificateOfMembership, Qualifier
from earthline.wire.credentials.common import Verification
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.reader import Malformed, Reader

VERIFICATIONS = {
    "ok": Verification.VALID,
    "bad": Verification.INVALID,
    "need_identity": Verification.DEFERRED,
}


def com_of(fields):
    return CertificateOfMembership(
        tuple(
            Qualifier(*(int(qualifier[name], 16) for name in ("id", "value", "max_delta")))
            for qualifier in fields["qualifiers"]
        ),
        int(fields["signed_by"], 16),
        bytes.fromhex(fields["signature"]),
    )


def known(document):
    identities = map(Identity.parse, document["known_identities"])
    return {identity.address: identity for identity in identities}


def check_fields(com, fields):
    assert com == com_of(fields)
    assert com.timestamp == fields["timestamp"]
    assert com.network == int(fields["network_id"], 16)
    assert com.issued_to == int(fields["issued_to"], 16)


def check_encode(case, document):
    com = com_of(case["fields"])
    assert com.emit().hex() == case["serialized"]
    assert com.signed_bytes().hex() == case["signed_bytes"]
    assert com.verify(known(document).get) is VERIFICATIONS[case["verify"]]
    reader = Reader(com.emit())
    check_fields(CertificateOfMembership.read(reader), case["fields"])
    assert reader.offset == case["bytes_consumed"]
    controller = SecretIdentity.parse(document["controller_secret"])
    if case["verify"] == "ok" and com.signed_by == controller.address:
        assert com.sign(controller) == com
        check_built(com, known(document).get(com.issued_to))


def check_built(com, member):
    """The same qualifiers are built for a member whose identity the file gives."""
    if member is None:
        return
    built = CertificateOfMembership.build(
        com.network, com.timestamp, com.qualifiers[0].max_delta, member
    )
    shared = min(len(built.qualifiers), len(com.qualifiers))
    assert built.qualifiers[:shared] == com.qualifiers[:shared]


def check_decode(case):
    reader = Reader(bytes.fromhex(case["bytes"]))
    if not case["parses"]:
        with pytest.raises(Malformed):
            CertificateOfMembership.read(reader)
        return
    check_fields(CertificateOfMembership.read(reader), case["fields"])
    assert reader.offset == case["bytes_consumed"]


def check_agree(case):
    ours, theirs = (
        CertificateOfMembership.read(Reader(bytes.fromhex(case[side])))
        for side in ("ours", "theirs")
    )
    identity = Identity.parse(case["their_identity"])
    assert ours.agrees_with(theirs, identity) is case["agrees"]


@pytest.mark.vectors("com")
def test_com(run_check):
    run_check({"encode": check_encode, "decode": check_decode, "agree": check_agree})
