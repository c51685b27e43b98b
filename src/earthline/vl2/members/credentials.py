"""Exchanging credentials: pushing ours, filing theirs, passing revocations on (03, 4.7-4.11)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from earthline.vl2.ground.membership import Acceptance, Membership
from earthline.vl2.ground.parts import Parts
from earthline.vl2.members.roster import PUSH_PERIOD_MS
from earthline.vl2.members.spreading import Spreading
from earthline.wire.address import is_reserved
from earthline.wire.credentials.capability import MAX_CUSTODY_CHAIN, Capability
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.credentials.ownership import CertificateOfOwnership
from earthline.wire.credentials.revocation import Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.packet import ErrorCode, Verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earthline.effects import PacketReceived
    from earthline.vl2.ground.membership import Credential
    from earthline.vl2.ground.network import Network
    from earthline.vl2.ground.underlay import Station
    from earthline.vl2.members.roster import Roster
    from earthline.wire.messages.error import Error
    from earthline.wire.network_config import NetworkConfig

ASKED_PERIOD_MS = 1_000
"""A peer that asks for our credentials gets them once per this time (03, 4.8)."""


_ACCEPTED = (Acceptance.ACCEPTED_NEW, Acceptance.ACCEPTED_REDUNDANT)
_REFUSED = (Acceptance.REJECTED, Acceptance.FORGED)

SIGNATURES_AT_ONCE = 9
"""Of one packet that are verified before others have their turn. Each takes some 60 µs."""
SIGNATURES_LATER = MAX_CUSTODY_CHAIN
"""The same when it is gone on with: as many as one capability has. By then the member holds much,
and the switch is told of all of it each time."""
_READ_PER_SIGNATURE = 10
"""Signatures that take as long to read, with what they sign, as one takes to verify."""
ARRIVALS_LIMIT = 64
"""Packets that are filed a part at a time; of more, the oldest goes of whoever has most."""


@dataclass(slots=True)
class _Changed:
    """What is new."""

    records: dict[tuple[int, int], tuple[Network, Membership]] = field(default_factory=dict)
    """By network and member."""
    news: list[Revocation] = field(default_factory=list)
    """To be passed on."""


@dataclass(slots=True)
class _Arrival:
    """A packet that is being filed."""

    packet: PacketReceived
    credentials: deque[Credential]
    """Those that are still to be looked at."""
    acceptances: set[Acceptance] = field(default_factory=set)
    news: list[Revocation] = field(default_factory=list)
    was_put_off: bool = False


_UNSURE = -1
"""In place of the revision of a push that came too soon after another."""


class CredentialExchange:
    """Both directions of NETWORK_CREDENTIALS."""

    def __init__(self, station: Station, roster: Roster) -> None:
        self._station = station
        self._roster = roster
        self._spreading = Spreading(station)
        self._arrivals: Parts[int, _Arrival] = Parts(ARRIVALS_LIMIT)
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

        The limit of one packet a second and peer is applied below, once (02, 4.10).
        """
        credentials = deque(_all_of(NetworkCredentials.parse(packet.payload)))
        read = sum(map(_signatures_of, credentials)) // _READ_PER_SIGNATURE
        # Where nobody knows the signer, all of it is gone through now.
        signatures = max(1, SIGNATURES_AT_ONCE - read)
        self._file_some(_Arrival(packet, credentials), signatures, now)

    def go_on(self, now: int) -> None:
        """Do another part of what takes long, if it is time."""
        for arrival in self._arrivals.take(1, now):
            self._file_some(arrival, SIGNATURES_LATER, now)
        self._spreading.go_on(now)

    def next_timeout(self) -> int | None:
        """When to be woken for that, if there is any."""
        due = (self._arrivals.next_timeout(), self._spreading.next_timeout())
        return min((at for at in due if at is not None), default=None)

    def _file_some(self, arrival: _Arrival, signatures: int, now: int) -> None:
        """File what there is time for: until so many new signatures were verified.

        What follows on a forged item is not looked at: nobody honest has one, and each costs a
        signature.
        """
        packet, changed = arrival.packet, _Changed()
        vouched: set[int] = set()
        waiting = arrival.credentials
        while waiting and _signatures_of(waiting[0]) <= signatures:
            credential = waiting.popleft()
            acceptance = self._file(credential, packet, changed, now)
            if acceptance is Acceptance.ACCEPTED_NEW:
                signatures -= _signatures_of(credential)
            if acceptance is Acceptance.FORGED:
                waiting.clear()
            arrival.acceptances.add(acceptance)
            if _vouches(credential, acceptance, packet.source):
                vouched.add(credential.network)
        self._install(changed, now)
        arrival.news += changed.news
        for network in vouched:
            self._trust(network, packet, now)
        if not waiting:
            self._finish(arrival, now)
            return
        arrival.was_put_off = True
        gone = self._arrivals.put_off(packet.source, arrival, now)
        if gone is not None:
            self._station.underlay.count("credentials_overflow")
            self._finish(gone, now)

    def _finish(self, arrival: _Arrival, now: int) -> None:
        self._pass_on(arrival.news, arrival.packet.source, now)
        acceptances = arrival.acceptances
        if Acceptance.DEFERRED not in acceptances or Acceptance.FORGED in acceptances:
            return
        # A packet that is deferred once more is so for as long as when it came first, which is not
        # known any more of what was put off: it would be tried for ever.
        if arrival.was_put_off:
            self._station.underlay.count("credentials_of_unknown_signer")
        else:
            self._station.underlay.defer(arrival.packet, now)

    def take_own(self, payload: bytes, now: int) -> None:
        """NETWORK_CREDENTIALS that our own controller has for ourselves."""
        changed = _Changed()
        for credential in _all_of(NetworkCredentials.parse(payload)):
            self._file(credential, None, changed, now)
        self._install(changed, now)
        self._pass_on(changed.news, self._station.address, now)

    def file(self, credential: Credential, packet: PacketReceived, now: int) -> Acceptance:
        """File one credential that came in a packet with something else."""
        changed = _Changed()
        acceptance = self._file(credential, packet, changed, now)
        self._install(changed, now)
        self._pass_on(changed.news, packet.source, now)
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
            changed.records[network.id, record.address] = (network, record)
            if isinstance(credential, Revocation) and record.address == self._station.address:
                network.revoked_up_to = record.com_threshold
                if network.is_revoked:
                    network.requested_at = 0  # the controller says what became of us, at once
            if isinstance(credential, Revocation) and credential.fast_propagate:
                changed.news.append(credential)
        return acceptance

    def _install(self, changed: _Changed, now: int) -> None:
        """Tell the switch of members once all is filed that came of them at once.

        Frames that were held for the want of it then find all of it; and it is much to put
        together.
        """
        for network, record in changed.records.values():
            self._roster.install(network, record, now)

    def _trust(self, network_id: int, packet: PacketReceived, now: int) -> None:
        """The peer proved common membership by a credential of its own, if it is admitted."""
        network = self._station.networks.get(network_id)
        if network is not None and self._roster.admits(network, packet.source):
            self._station.underlay.trusted(packet.source, packet.path, now)

    def _pass_on(self, news: list[Revocation], sender: int, now: int) -> None:
        by_network: dict[int, list[Revocation]] = {}
        for revocation in news:
            by_network.setdefault(revocation.network, []).append(revocation)
        for network_id, revocations in by_network.items():
            network = self._station.networks.get(network_id)
            if network is not None:
                self._spreading.pass_on(network, revocations, sender, now)


def _signatures_of(credential: Credential) -> int:
    return len(credential.custody) if isinstance(credential, Capability) else 1


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
