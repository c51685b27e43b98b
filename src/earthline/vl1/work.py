"""The slow work of identities, which the host does for the engine on another thread.

Pure functions: what to do when is decided in `vl1.greetings` and `vl1.proofs`.
"""

from __future__ import annotations

from earthline._native import SessionKey
from earthline.effects import OpenHellos, ProveIdentity
from earthline.wire.identity import Identity, SecretIdentity


def open_hellos(ours: SecretIdentity, command: OpenHellos) -> tuple[bytes | None, ...]:
    """For each HELLO the key agreed on with its sender, or None where its MAC does not hold."""
    return tuple(_open(ours, public_key, packet) for public_key, packet in command.hellos)


def prove(command: ProveIdentity) -> bool:
    """Whether the address belongs to the public key (01, 2.4)."""
    return Identity(command.address, command.public_key).locally_valid()


def _open(ours: SecretIdentity, public_key: bytes, packet: bytes) -> bytes | None:
    # The agreement looks at the key alone: an address to go with it is not at hand, nor needed.
    key = ours.agree(Identity(0, public_key))
    return key if SessionKey(key).open(packet) is not None else None
