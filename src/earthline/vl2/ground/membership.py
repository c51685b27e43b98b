"""What is known of one other member of a network: its credentials and what was revoked (03, 4.9).

Credentials are filed under the node they were issued to, whoever delivered them. A credential is
taken only if its controller's signature holds, if it is not older than the one held, and if no
revocation covers it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from earthline.wire.credentials.capability import Capability
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.credentials.common import CredentialType, Verification
from earthline.wire.credentials.ownership import CertificateOfOwnership
from earthline.wire.credentials.revocation import Revocation
from earthline.wire.credentials.tag import Tag

if TYPE_CHECKING:
    from earthline.effects import InstallMember, InstallMemberCredentials
    from earthline.wire.identity import Identity
    from earthline.wire.network_config import NetworkConfig

Numbered: TypeAlias = Tag | Capability | CertificateOfOwnership
Credential: TypeAlias = Numbered | CertificateOfMembership | Revocation
FindIdentity: TypeAlias = "Callable[[int], Identity | None]"

_N = TypeVar("_N", Tag, Capability, CertificateOfOwnership)

HELD_LIMIT = 128
"""Credentials of one kind kept of one member; a controller may issue no more (03, 3.4).

Of more the oldest goes: those that it issued one after the other under ever new numbers.
"""

THRESHOLD_LIMIT = 512
"""Revocation thresholds kept of one member."""


class Acceptance(Enum):
    """What became of a credential."""

    ACCEPTED_NEW = "accepted_new"
    ACCEPTED_REDUNDANT = "accepted_redundant"
    REJECTED = "rejected"
    FORGED = "forged"
    """Its signature does not hold, or is not of whom it has to be."""
    DEFERRED = "deferred"
    """The signer's identity is not known yet."""


_ACCEPTANCE = {
    Verification.VALID: Acceptance.ACCEPTED_NEW,
    Verification.INVALID: Acceptance.FORGED,
    Verification.DEFERRED: Acceptance.DEFERRED,
}

_REVOCABLE = frozenset(
    (CredentialType.CAPABILITY, CredentialType.TAG, CredentialType.CERTIFICATE_OF_OWNERSHIP)
)


@dataclass(slots=True)
class Membership:
    """The record of one (network, peer)."""

    address: int
    com: CertificateOfMembership | None = None
    com_threshold: int = 0
    """A certificate of membership with a timestamp up to this is revoked."""
    tags: dict[int, Tag] = field(default_factory=dict)
    capabilities: dict[int, Capability] = field(default_factory=dict)
    ownerships: dict[int, CertificateOfOwnership] = field(default_factory=dict)
    thresholds: dict[tuple[CredentialType, int], int] = field(default_factory=dict)
    """Revocation thresholds of the numbered credentials. They only ever rise."""
    floors: dict[CredentialType, int] = field(default_factory=dict)
    """The highest threshold of each kind that there was no room for any more."""
    pushed_at: int = 0
    """When our credentials were last pushed to it; 0 is never."""
    pushed_revision: int = 0
    """The `Network.revision` that push was made from."""
    pushed_rights: int = 0
    """The `Network.rights` at that push."""
    announced_at: int = 0
    """When our multicast groups were last announced to it."""
    installed: InstallMember | None = None
    """What the switch was last told of it."""
    installed_credentials: InstallMemberCredentials | None = None
    """What the switch was last told of its credentials; nothing so far."""

    def add(self, credential: Credential, find_identity: FindIdentity) -> Acceptance:
        """File a credential of this member."""
        if isinstance(credential, CertificateOfMembership):
            return self._add_com(credential, find_identity)
        if isinstance(credential, Revocation):
            return self._add_revocation(credential, find_identity)
        if isinstance(credential, Tag):
            return self._add_numbered(self.tags, credential, find_identity)
        if isinstance(credential, Capability):
            return self._add_numbered(self.capabilities, credential, find_identity)
        return self._add_numbered(self.ownerships, credential, find_identity)

    def agrees(self, own: CertificateOfMembership | None, identity: Identity) -> bool:
        """Whether its unrevoked certificate agrees with our own (03, 5.1)."""
        if own is None or self.com is None or self.com.timestamp <= self.com_threshold:
            return False
        return own.agrees_with(self.com, identity)

    def usable(self, credential: Numbered, config: NetworkConfig) -> bool:
        """Whether a held tag, capability or ownership counts under our configuration (03, 4.10)."""
        kind, number = _kind_and_number(credential)
        near = abs(credential.timestamp - config.timestamp) <= config.credential_max_delta
        return near and credential.timestamp > self._threshold(kind, number)

    def holds_usable(self, config: NetworkConfig) -> bool:
        """Whether any tag, capability or ownership held counts under our configuration."""
        held: list[Numbered] = [
            *self.tags.values(),
            *self.capabilities.values(),
            *self.ownerships.values(),
        ]
        return any(self.usable(credential, config) for credential in held)

    def _add_com(self, com: CertificateOfMembership, find_identity: FindIdentity) -> Acceptance:
        if com.timestamp <= self.com_threshold:
            return Acceptance.REJECTED
        if self.com is not None and com.timestamp < self.com.timestamp:
            return Acceptance.REJECTED
        if com == self.com:
            return Acceptance.ACCEPTED_REDUNDANT
        acceptance = _ACCEPTANCE[com.verify(find_identity)]
        if acceptance is Acceptance.ACCEPTED_NEW:
            self.com = com
        return acceptance

    def _add_numbered(
        self, held: dict[int, _N], credential: _N, find_identity: FindIdentity
    ) -> Acceptance:
        kind, number = _kind_and_number(credential)
        previous = held.get(number)
        if previous is not None and previous.timestamp > credential.timestamp:
            return Acceptance.REJECTED
        if previous is not None and _says_the_same(previous, credential):
            return Acceptance.ACCEPTED_REDUNDANT
        if credential.timestamp <= self._threshold(kind, number):
            return Acceptance.REJECTED
        acceptance = _ACCEPTANCE[credential.verify(find_identity)]
        if acceptance is Acceptance.ACCEPTED_NEW:
            held[number] = credential
            if len(held) > HELD_LIMIT:
                del held[min(held, key=lambda kept: held[kept].timestamp)]
        return acceptance

    def _add_revocation(self, revocation: Revocation, find_identity: FindIdentity) -> Acceptance:
        """One that says nothing new is not worth a look at its signature: anybody can repeat it."""
        of_membership = revocation.credential_type == CredentialType.CERTIFICATE_OF_MEMBERSHIP
        if not of_membership and revocation.credential_type not in _REVOCABLE:
            return Acceptance.REJECTED
        key = (CredentialType(revocation.credential_type), revocation.credential_id)
        if revocation.threshold <= (self.com_threshold if of_membership else self._threshold(*key)):
            return Acceptance.ACCEPTED_REDUNDANT
        acceptance = _ACCEPTANCE[revocation.verify(find_identity)]
        if acceptance is not Acceptance.ACCEPTED_NEW:
            return acceptance
        if not of_membership:
            self._set_threshold(key, revocation.threshold)
        # Stock nodes set the certificate's threshold too, and members must agree on admission. They
        # even lower it thereby, which lets in again whoever kept an old revocation of a tag.
        self.com_threshold = max(self.com_threshold, revocation.threshold)
        return Acceptance.ACCEPTED_NEW

    def _set_threshold(self, key: tuple[CredentialType, int], threshold: int) -> None:
        """Of too many the lowest goes; whatever of its kind is as old stays revoked all the same.

        Its controller refreshes what it did not mean to revoke within a minute.
        """
        self.thresholds[key] = threshold
        if len(self.thresholds) > THRESHOLD_LIMIT:
            lowest = min(self.thresholds, key=self.thresholds.__getitem__)
            kind, revoked = lowest[0], self.thresholds.pop(lowest)
            self.floors[kind] = max(self.floors.get(kind, 0), revoked)

    def _threshold(self, kind: CredentialType, number: int) -> int:
        return max(self.thresholds.get((kind, number), 0), self.floors.get(kind, 0))


def _says_the_same(held: Numbered, other: Numbered) -> bool:
    """Whether a credential is the one held under its number, whoever signed it this time.

    Its holder can hand a capability on to itself, and so make seven of one: each with up to seven
    signatures, and none like the one before.
    """
    if isinstance(held, Capability) and isinstance(other, Capability):
        same = (held.network, held.timestamp, held.max_custody_chain) == (
            other.network,
            other.timestamp,
            other.max_custody_chain,
        )
        return same and held.rules == other.rules
    return held == other


def _kind_and_number(credential: Numbered) -> tuple[CredentialType, int]:
    if isinstance(credential, Tag):
        return CredentialType.TAG, credential.tag_id
    if isinstance(credential, Capability):
        return CredentialType.CAPABILITY, credential.capability_id
    return CredentialType.CERTIFICATE_OF_OWNERSHIP, credential.ownership_id
