"""The slow work of identities, which the host does for the engine on another thread.

Pure functions: what to do when is decided in `vl1.identities.greetings` and `vl1.ground.proofs`.
"""

from __future__ import annotations

from earthline import _native
from earthline.effects import OpenHellos, ProveIdentity
from earthline.wire.identity import Identity, SecretIdentity


def open_hellos(ours: SecretIdentity, command: OpenHellos) -> tuple[bytes | None, ...]:
    """For each HELLO the key agreed on with its sender, or None where its MAC does not hold."""
    return tuple(_native.open_hellos(ours.private_key, command.hellos))


def prove(command: ProveIdentity) -> bool:
    """Whether the address belongs to the public key (01, 2.4)."""
    return Identity(command.address, command.public_key).locally_valid()
