"""Revocations: what members are told when another one is put out (04, 10.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from earthline.wire.credentials.common import CredentialType
from earthline.wire.credentials.revocation import FLAG_FAST_PROPAGATE, Revocation
from earthline.wire.identity import SecretIdentity
from earthline.wire.messages.credentials import NetworkCredentials

MAX_REVOKED_AT_ONCE = 60
"""Revocations that fit one packet; a member takes no second packet of credentials within 1 s."""


def revocation_payload(
    controller: SecretIdentity,
    network: int,
    targets: Iterable[int],
    threshold: int,
    entropy: Callable[[int], bytes],
) -> bytes:
    """NETWORK_CREDENTIALS that end these members' membership up to ``threshold`` (ms)."""
    revocations = (
        Revocation(
            revocation_id=int.from_bytes(entropy(4), "big"),
            network=network,
            credential_id=0,
            threshold=threshold,
            target=target,
            credential_type=CredentialType.CERTIFICATE_OF_MEMBERSHIP,
            flags=FLAG_FAST_PROPAGATE,
        ).sign(controller)
        for target in targets
    )
    return NetworkCredentials(revocations=tuple(revocations)).emit()
