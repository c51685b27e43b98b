"""identity.json: text and binary forms, the memory-hard hash, validity (01, 2)."""

from __future__ import annotations

import hashlib

import pytest

from earthline import _native
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.reader import Malformed, Reader


def check_identity(case):
    public_key = bytes.fromhex(case["public_key"])
    identity = Identity(int(case["address"], 16), public_key)
    assert str(identity) == case["public_string"]
    assert identity.emit().hex() == case["public_binary"]
    assert identity.hash.hex() == case["address_and_key_sha384"]
    assert identity.locally_valid() is case["valid"]
    if case["kind"] == "valid":
        assert Identity.parse(case["public_string"]) == identity
    assert Identity.read(Reader(identity.emit())) == identity
    check_digests(case, public_key)
    if "private_key" in case:
        check_secret(case, identity)


def check_digests(case, public_key):
    if "memory_hard_digest" in case:
        assert _native.memory_hard_digest(public_key).hex() == case["memory_hard_digest"]
    if "sha512_of_public_key" in case:
        assert hashlib.sha512(public_key).hexdigest() == case["sha512_of_public_key"]


def check_secret(case, identity):
    private_key = bytes.fromhex(case["private_key"])
    secret = SecretIdentity(identity, private_key)
    assert SecretIdentity.parse(case["secret_string"]) == secret
    assert secret.text == case["secret_string"]
    assert secret.emit_secret().hex() == case["secret_binary"]
    assert _native.public_key_of(private_key) == identity.public_key


def check_text(case):
    if not case["parses"]:
        with pytest.raises(ValueError):
            Identity.parse(case["text"])
        return
    identity = Identity.parse(case["text"])
    assert identity.address == int(case["address"], 16)
    assert str(identity) == case["public_string"]
    if case["has_secret"]:
        assert SecretIdentity.parse(case["text"]).public == identity
    else:
        with pytest.raises(ValueError):
            SecretIdentity.parse(case["text"])


def check_binary(case):
    reader = Reader(bytes.fromhex(case["bytes"]))
    if not case["parses"]:
        with pytest.raises(Malformed):
            Identity.read(reader)
        return
    identity = Identity.read(reader)
    assert reader.offset == case["bytes_consumed"]
    assert str(identity) == case["public_string"]


CHECKS = {
    "valid": check_identity,
    "invalid": check_identity,
    "boundary": check_identity,
    "parse_text": check_text,
    "parse_binary": check_binary,
}


@pytest.mark.vectors("identity")
def test_identity(run_check):
    run_check(CHECKS)
