"""Exchanging credentials: pushing ours, filing theirs, passing revocations on (03, 4.7-4.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from earthline.vl2.membership import Acceptance, Membership
from earthline.vl2.roster import PUSH_PERIOD_MS
from earthline.wire.address import is_reserved
from earthline.wire.credentials.capability import Capability
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.credentials.ownership import CertificateOfOwnership
from earthline.wire.credentials.revocation import Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.packet import ErrorCode, Verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earthline.effects import PacketReceived
    from earthline.vl2.membership import Credential
    from earthline.vl2.network import Network
    from earthline.vl2.roster import Roster
    from earthline.vl2.underlay import Station
    from earthline.wire.messages.error import Error
    from earthline.wire.network_config import NetworkConfig

ASKED_PERIOD_MS = 1_000
"""A peer that asks for our credentials gets them once per this time (03, 4.8)."""


_ACCEPTED = (Acceptance.ACCEPTED_NEW, Acceptance.ACCEPTED_REDUNDANT)
_REFUSED = (Acceptance.REJECTED, Acceptance.FORGED)

_Changed: TypeAlias = "dict[tuple[int, int], tuple[Network, Membership]]"
"""By network and member."""

_UNSURE = -1
"""In place of the revision of a push that came too soon after another."""


class CredentialExchange:
    """Both directions of NETWORK_CREDENTIALS."""

    def __init__(self, station: Station, roster: Roster) -> None:
        self._station = station
        self._roster = roster
        self._pushes: dict[int, tuple[int, list[bytes]]] = {}
        station.underlay.register(Verb.NETWORK_CREDENTIALS, self.on_packet)
        station.underlay.register_error(
            ErrorCode.NEED_MEMBERSHIP_CERTIFICATE, self.on_need_certificate
        )

    # Ours to them

    def make_ready(self, network: Network, address: int, now: int, *, chosen: bool = False) -> bool:
        """Before frames go to a member: push if a push is due, and let the switch send (03, 4.8).

        ``chosen``: by our own host, rather than by others that named it. False for ourselves, and
        for whom there cannot be.
        """
        record = self._roster.record(network, address, chosen=chosen)
        if record is None:
            return False
        self._push_if_older(network, record, PUSH_PERIOD_MS, now)
        self._roster.install(network, record, now)
        return True

    def on_need_certificate(self, packet: PacketReceived, error: Error, now: int) -> None:
        """A peer refused a frame of ours for want of our certificate.

        What our credentials say is nobody's business but theirs whom we send frames to: members
        made ready for them, and those that get frames without being pushed to (03, 4.8).
        """
        network = self._station.networks.get(error.network())
        if network is None or network.config is None or network.com is None:
            return
        known = network.members.get(packet.source)
        named = packet.source in (*network.config.bridges, *network.config.replicators)
        if not named and (known is None or not known.pushed_at):
            self._station.underlay.count("credentials_asked_by_stranger")
            return
        record = self._roster.record(network, packet.source, chosen=named)
        if record is not None:
            self._push_if_older(network, record, ASKED_PERIOD_MS, now)
            self._roster.install(network, record, now)

    def forget(self, network_id: int) -> None:
        """The network was left."""
        self._pushes.pop(network_id, None)

    def _push_if_older(
        self, network: Network, record: Membership, period_ms: int, now: int
    ) -> None:
        current = record.pushed_revision == network.revision
        if record.pushed_at and current and now - record.pushed_at < period_ms:
            return
        for payload in self._payloads(network):
            self._station.underlay.send(
                record.address, Verb.NETWORK_CREDENTIALS, payload, now, compress=True
            )
        # A peer takes one such packet a second: what it may have dropped stays due (03, 4.7).
        too_soon = record.pushed_at > 0 and now - record.pushed_at < ASKED_PERIOD_MS
        record.pushed_at = now
        record.pushed_revision = _UNSURE if too_soon else network.revision
        record.pushed_rights = network.rights

    def _payloads(self, network: Network) -> list[bytes]:
        """Our credentials as packet payloads, made once per configuration."""
        if network.config is None or not network.config.has_credentials:
            return []
        revision, payloads = self._pushes.get(network.id, (-1, []))
        if revision != network.revision:
            payloads = [message.emit() for message in _packed(network.config)]
            self._pushes[network.id] = (network.revision, payloads)
        return payloads

    # Theirs to us

    def on_packet(self, packet: PacketReceived, now: int) -> None:
        """NETWORK_CREDENTIALS: file each item under the node it was issued to.

        The limit of one packet a second and peer is applied below, once (02, 4.10). What follows
        on a forged item is not looked at: nobody honest has one, and each costs a signature.
        """
        acceptances: set[Acceptance] = set()
        changed: _Changed = {}
        vouched: set[int] = set()
        for credential in _all_of(NetworkCredentials.parse(packet.payload)):
            acceptance = self._file(credential, packet, changed, now)
            acceptances.add(acceptance)
            if acceptance is Acceptance.FORGED:
                break
            if _vouches(credential, acceptance, packet.source):
                vouched.add(credential.network)
        self._install(changed, now)
        for network in vouched:
            self._trust(network, packet, now)
        if Acceptance.DEFERRED in acceptances and Acceptance.FORGED not in acceptances:
            self._station.underlay.defer(packet, now)

    def take_own(self, payload: bytes, now: int) -> None:
        """NETWORK_CREDENTIALS that our own controller has for ourselves."""
        changed: _Changed = {}
        for credential in _all_of(NetworkCredentials.parse(payload)):
            self._file(credential, None, changed, now)
        self._install(changed, now)

    def file(self, credential: Credential, packet: PacketReceived, now: int) -> Acceptance:
        """File one credential that came in a packet with something else."""
        changed: _Changed = {}
        acceptance = self._file(credential, packet, changed, now)
        self._install(changed, now)
        if _vouches(credential, acceptance, packet.source):
            self._trust(credential.network, packet, now)
        return acceptance

    def _file(
        self,
        credential: Credential,
        packet: PacketReceived | None,
        changed: _Changed,
        now: int,
    ) -> Acceptance:
        """One of a network that is not joined, or for whom there cannot be, is rejected.

        A record that is another by it is entered in ``changed``, to be told to the switch.
        """
        network = self._station.networks.get(credential.network)
        if network is None or is_reserved(credential.issued_to):
            return Acceptance.REJECTED
        underlay = self._station.underlay
        if isinstance(credential, Revocation) and _is_over(credential, network):
            underlay.count("credential_rejected")
            return Acceptance.REJECTED
        known = network.members.get(credential.issued_to)
        record = known or Membership(credential.issued_to)
        path = None if packet is None else packet.path
        # Of a signer that is not proved to be who it says it is, the credential waits.
        acceptance = record.add(credential, lambda signer: underlay.proven(signer, now, path))
        if acceptance is Acceptance.DEFERRED and network.controller is not None:
            underlay.whois(network.controller, now)
        elif acceptance in _REFUSED:
            underlay.count(f"credential_{acceptance.value}")
        if acceptance is Acceptance.ACCEPTED_NEW:
            self._roster.keep(network, record)
            changed[network.id, record.address] = (network, record)
            if isinstance(credential, Revocation) and record.address == self._station.address:
                network.revoked_up_to = record.com_threshold
                if network.is_revoked:
                    network.requested_at = 0  # the controller says what became of us, at once
            if isinstance(credential, Revocation) and credential.fast_propagate:
                sender = self._station.address if packet is None else packet.source
                self._pass_on(network, credential, sender, now)
        return acceptance

    def _install(self, changed: _Changed, now: int) -> None:
        """Tell the switch of members once all is filed that came of them at once.

        Frames that were held for the want of it then find all of it; and it is much to put
        together.
        """
        for network, record in changed.values():
            self._roster.install(network, record, now)

    def _trust(self, network_id: int, packet: PacketReceived, now: int) -> None:
        """The peer proved common membership by a credential of its own, if it is admitted."""
        network = self._station.networks.get(network_id)
        if network is not None and self._roster.admits(network, packet.source):
            self._station.underlay.trusted(packet.source, packet.path, now)

    def _pass_on(self, network: Network, revocation: Revocation, sender: int, now: int) -> None:
        """Forward a new revocation to every member we know (03, 4.11)."""
        payload = NetworkCredentials(revocations=(revocation,)).emit()
        for address in list(network.members):
            if address not in (sender, revocation.signed_by, self._station.address):
                self._station.underlay.send(address, Verb.NETWORK_CREDENTIALS, payload, now)


def _vouches(credential: Credential, acceptance: Acceptance, sender: int) -> bool:
    """Whether a filed credential is one of its sender.

    Anybody can hand over what was issued to somebody else, who becomes known by that. And a
    revocation that says nothing new is accepted unseen.
    """
    own = credential.issued_to == sender and not isinstance(credential, Revocation)
    return own and acceptance in _ACCEPTED


def _is_over(revocation: Revocation, network: Network) -> bool:
    """Whether nothing that it revokes could count any more (03, 4.10).

    Such a one is not kept, so it would be new, and passed on to everybody, as often as it comes.
    """
    config = network.config
    return (
        config is not None
        and revocation.threshold <= config.timestamp - config.credential_max_delta
    )


def _all_of(message: NetworkCredentials) -> Iterator[Credential]:
    yield from message.certificates
    yield from message.capabilities
    yield from message.tags
    yield from message.revocations
    yield from message.ownerships


_CAPACITY = 9_900
"""Payload bytes of the largest packet that arrives in 7 pieces of 1432 (02, 5.3)."""

_FRAMING = 9
"""The zero after the certificates, and four counts."""


def _packed(config: NetworkConfig) -> Iterator[NetworkCredentials]:
    """Our credentials in as few packets as hold them: a peer takes one a second (03, 4.7)."""
    pending: list[Credential] = [
        *(() if config.com is None else (config.com,)),
        *config.capabilities,
        *config.tags,
        *config.ownerships,
    ]
    while pending:
        size, taken = _FRAMING, 0
        for credential in pending:
            size += len(credential.emit())
            if size > _CAPACITY:
                break
            taken += 1
        count = max(taken, 1)
        yield _message_of(pending[:count])
        pending = pending[count:]


def _message_of(credentials: list[Credential]) -> NetworkCredentials:
    return NetworkCredentials(
        certificates=tuple(c for c in credentials if isinstance(c, CertificateOfMembership)),
        capabilities=tuple(c for c in credentials if isinstance(c, Capability)),
        tags=tuple(c for c in credentials if isinstance(c, Tag)),
        ownerships=tuple(c for c in credentials if isinstance(c, CertificateOfOwnership)),
    )
