"""agree.json: key agreement and the keys derived from it (01, 2.9 and 2.10)."""

from __future__ import annotations

import pytest

from earthline import _native
from earthline.wire.identity import SecretIdentity


def check_pair(case):
    a = SecretIdentity.parse(case["secret_identity_a"])
    b = SecretIdentity.parse(case["secret_identity_b"])
    key = a.agree(b.public)
    assert key == b.agree(a.public)
    assert key.hex() == case["shared_secret"]
    long = _native.agree(a.private_key, b.public.public_key, 160)
    assert long.hex() == case["agreement_output_160"]
    check_derived(case, key)


def check_derived(case, key):
    assert _native.kbkdf(key, 0x30).hex() == case["kbkdf_label_30_output"]
    assert _native.kbkdf(key, 0x31).hex() == case["kbkdf_label_31_output"]
    other = _native.kbkdf(key, 0x5A, context=0x07, counter=0x01020304)
    assert other.hex() == case["kbkdf_label_5a_context_07_iter_01020304_output"]
    session = _native.SessionKey(key)
    assert session.aes_k0.hex() == case["aes_k0"]
    assert session.aes_k1.hex() == case["aes_k1"]


def check_degenerate(case):
    a = SecretIdentity.parse(case["secret_identity_a"])
    key = _native.agree(a.private_key, bytes.fromhex(case["peer_public_key"]))
    assert key.hex() == case["shared_secret"]


@pytest.mark.vectors("agree")
def test_agree(run_check):
    run_check({None: check_pair, "degenerate": check_degenerate})
