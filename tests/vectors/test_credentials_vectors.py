"""tag.json, capability.json, coo.json and revocation.json (03, 4.3 to 4.6)."""

from __future__ import annotations

import dataclasses

import pytest

from earthline.wire.credentials.capability import Capability, Custody
from earthline.wire.credentials.common import NO_SIGNATURE, Verification
from earthline.wire.credentials.ownership import CertificateOfOwnership, Thing
from earthline.wire.credentials.revocation import Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.reader import Malformed, Reader

VERIFICATIONS = {
    "ok": Verification.VALID,
    "bad": Verification.INVALID,
    "need_identity": Verification.DEFERRED,
}


def number(text):
    return int(text, 16)


def tag_of(fields):
    return Tag(
        network=number(fields["network_id"]),
        timestamp=fields["timestamp"],
        tag_id=fields["tag_id"],
        value=fields["tag_value"],
        issued_to=number(fields["issued_to"]),
        signed_by=number(fields["signed_by"]),
        signature=signature_of(fields),
    )


def signature_of(fields):
    return bytes.fromhex(fields["signature"]) or NO_SIGNATURE


def ownership_of(fields):
    return CertificateOfOwnership(
        network=number(fields["network_id"]),
        timestamp=fields["timestamp"],
        ownership_id=fields["certificate_id"],
        things=tuple(
            Thing(thing["type"], bytes.fromhex(thing["value"]).ljust(16, b"\x00"))
            for thing in fields["things"]
        ),
        issued_to=number(fields["issued_to"]),
        flags=number(fields["flags"]),
        signed_by=number(fields["signed_by"]),
        signature=signature_of(fields),
    )


def revocation_of(fields):
    return Revocation(
        revocation_id=fields["revocation_id"],
        network=number(fields["network_id"]),
        credential_id=fields["credential_id"],
        threshold=fields["threshold"],
        target=number(fields["target"]),
        credential_type=fields["credential_type"],
        flags=number(fields["flags"]),
        signed_by=number(fields["signed_by"]),
        signature=signature_of(fields),
    )


def check_capability_fields(capability, fields):
    """The rules' bytes are checked by rules.json; here their types, and all around them."""
    assert capability.network == number(fields["network_id"])
    assert capability.timestamp == fields["timestamp"]
    assert capability.capability_id == fields["capability_id"]
    assert capability.max_custody_chain == fields["max_custody_chain_length"]
    assert [rule.type for rule in capability.rules] == [r["type"] for r in fields["rules"]]
    assert capability.custody == tuple(
        Custody(
            number(entry["to"]),
            number(entry["from"]),
            bytes.fromhex(entry["signature"]) or NO_SIGNATURE,
        )
        for entry in fields["custody"]
    )
    assert capability.issued_to == number(fields["issued_to"])


def check_ownership(case, credential):
    for look_up in case["ownership"]:
        if "ip" in look_up:
            owns = credential.owns_ip(InetAddress.parse(look_up["ip"]).ip)
        else:
            owns = credential.owns_mac(number(look_up["mac"]))
        assert owns is look_up["owns"]


def equals(make):
    def check(credential, fields):
        assert credential == make(fields)

    return check


def check_revocation_fields(revocation, fields):
    assert revocation == revocation_of(fields)
    assert revocation.fast_propagate is fields["fast_propagate"]
    assert revocation.issued_to == number(fields["target"])


def known(document):
    identities = map(Identity.parse, document["known_identities"])
    return {identity.address: identity for identity in identities}


def checks(kind, check_fields):
    """The checks of one kind of credential, all alike."""

    def check_encode(case, document):
        serialized = bytes.fromhex(case["serialized"])
        credential = kind.read(Reader(serialized))
        check_fields(credential, case["fields"])
        assert credential.emit() == serialized
        assert credential.signed_bytes().hex() == case["signed_bytes"]
        assert credential.verify(known(document).get) is VERIFICATIONS[case["verify"]]
        check_signed_anew(credential, document)
        if "ownership" in case:
            check_ownership(case, credential)

    def check_signed_anew(credential, document):
        controller = SecretIdentity.parse(document["controller_secret"])
        if credential.network >> 24 != controller.address:
            return
        if kind is Capability:
            unsigned = dataclasses.replace(credential, custody=())
            signed = unsigned.sign(controller, to=credential.issued_to)
        else:
            signed = credential.sign(controller)
        assert signed.verify(known(document).get) is Verification.VALID
        # Signatures are deterministic: what the controller signed comes out the same.
        if credential.verify(known(document).get) is Verification.VALID:
            if kind is Capability:
                assert signed.custody[0].signature == credential.custody[0].signature
            else:
                assert signed == credential

    def check_decode(case, document):
        reader = Reader(bytes.fromhex(case["bytes"]))
        if not case["parses"]:
            with pytest.raises(Malformed):
                kind.read(reader)
            return
        credential = kind.read(reader)
        check_fields(credential, case["fields"])
        assert reader.offset == case["bytes_consumed"]
        assert credential.verify(known(document).get) is VERIFICATIONS[case["verify"]]

    return {"encode": check_encode, "decode": check_decode}


@pytest.mark.vectors("tag")
def test_tag(run_check):
    run_check(checks(Tag, equals(tag_of)))


@pytest.mark.vectors("capability")
def test_capability(run_check):
    run_check(checks(Capability, check_capability_fields))


@pytest.mark.vectors("coo")
def test_coo(run_check):
    run_check(checks(CertificateOfOwnership, equals(ownership_of)))


@pytest.mark.vectors("revocation")
def test_revocation(run_check):
    run_check(checks(Revocation, check_revocation_fields))
