"""sign.json: signatures (01, 2.8)."""

from __future__ import annotations

import pytest

from earthline.wire.identity import Identity, SecretIdentity


def check_sign(case):
    secret = SecretIdentity.parse(case["secret_identity"])
    message = bytes.fromhex(case["message"])
    signature = secret.sign(message)
    assert signature.hex() == case["signature"]
    assert secret.public.verify(message, signature) is case["verifies"]


def check_verify(case):
    identity = Identity.parse(case["public_identity"])
    verifies = identity.verify(bytes.fromhex(case["message"]), bytes.fromhex(case["signature"]))
    assert verifies is case["verifies"]


@pytest.mark.vectors("sign")
def test_sign(run_check):
    run_check({"sign": check_sign, "verify": check_verify})
