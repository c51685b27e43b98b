"""Membership records of joined networks, and what the switch is told of them (03, 4.9, 5.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from earthline.effects import InstallMember, InstallMemberCredentials, RemoveMember
from earthline.vl2.ground.membership import Membership
from earthline.vl2.ground.network import NAMED, Network
from earthline.vl2.members.rule_inputs import member_entry
from earthline.wire.address import is_reserved

if TYPE_CHECKING:
    from earthline.vl2.ground.underlay import Station
    from earthline.wire.network_config import NetworkConfig

PUSH_PERIOD_MS = 500_000
"""Credentials are pushed again after this, without any change (03, 4.8)."""

NEVER = (1 << 62) - 1
"""A due time for members to whom nothing needs to be pushed."""

Admitted = Callable[[Network, Membership, int], None]


class Roster:
    """Keeps the records, says who passes the gate, and installs both in the switch."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self.on_admitted: list[Admitted] = []
        """Called after the switch was told that a member passes our gate, and did not before."""
        self.on_credentials: list[Admitted] = []
        """Called after the switch was told of other credentials of a member than before."""

    def admits(self, network: Network, address: int) -> bool:
        """The gate (03, 5.1)."""
        config = network.config
        return config is not None and (config.public or self.agrees(network, address))

    def agrees(self, network: Network, address: int) -> bool:
        """Whether a node showed a certificate that agrees with ours: so it is a member."""
        record = network.members.get(address)
        identity = self._station.underlay.identity_of(address)
        return record is not None and identity is not None and record.agrees(network.com, identity)

    def record(self, network: Network, address: int, *, chosen: bool = False) -> Membership | None:
        """The record of a peer, made if need be; None for ourselves, and for whom there cannot be.

        ``chosen``: our own host or the configuration named it, rather than other members.
        """
        if address == self._station.address or is_reserved(address):
            return None
        record = network.members.get(address)
        if record is None or chosen:
            record = record or Membership(address)
            self._keep(network, record, address if chosen else NAMED)
        else:
            network.members.touch(address)
        return record

    def keep(self, network: Network, record: Membership) -> None:
        """Enter the record of a member whose controller speaks for it."""
        self._keep(network, record, record.address)

    def _keep(self, network: Network, record: Membership, holder: int) -> None:
        evicted = network.members.put(record.address, holder, record)
        if evicted is not None:
            self._station.underlay.count("member_evicted")
            self._uninstall(network, evicted.value)

    def _uninstall(self, network: Network, record: Membership) -> None:
        if record.installed or record.installed_credentials:
            self._station.emit(RemoveMember(network.id, record.address))

    def install(self, network: Network, record: Membership, now: int) -> None:
        """Tell the switch what a record amounts to, if that changed."""
        if network.config is None or record.address == self._station.address:
            return
        entitled = self._install_credentials(network, network.config, record)
        entry = self._entry(network, network.config, record)
        previous = record.installed
        if entry != previous:
            record.installed = entry
            self._station.emit(entry)
        if entry.admitted and not (previous is not None and previous.admitted):
            for admitted in self.on_admitted:
                admitted(network, record, now)
        elif entry.admitted and entitled:
            for changed in self.on_credentials:
                changed(network, record, now)

    def reassess(self, network: Network, now: int) -> None:
        """Our configuration changed, hence who agrees with us, and who holds old credentials."""
        for record in list(network.members.values()):
            self.install(network, record, now)

    def purge(self, network: Network, now: int) -> None:
        """Drop records without valid credentials, revocations or a recent push."""
        for record in list(network.members.values()):
            if self._is_worthless(network, record, now):
                network.members.pop(record.address)
                self._uninstall(network, record)

    def _install_credentials(
        self, network: Network, config: NetworkConfig, record: Membership
    ) -> bool:
        """What its controller says of a member, before its frames pass or are judged by it.

        Whether that changed.
        """
        nothing = InstallMemberCredentials(network.id, record.address)
        entry = member_entry(network.id, config, record)
        if entry == (record.installed_credentials or nothing):
            return False
        record.installed_credentials = entry
        self._station.emit(entry)
        return True

    def _entry(self, network: Network, config: NetworkConfig, record: Membership) -> InstallMember:
        ready, push_due_at = True, NEVER
        if config.has_credentials:
            # Frames flow on while a copy is merely old, but rules would judge them by lost rights.
            ready = record.pushed_at > 0 and record.pushed_rights == network.rights
            current = record.pushed_revision == network.revision
            again_at = NEVER if self._station.low_bandwidth else record.pushed_at + PUSH_PERIOD_MS
            push_due_at = again_at if current else 0
        return InstallMember(
            network.id, record.address, self.admits(network, record.address), ready, push_due_at
        )

    def _is_worthless(self, network: Network, record: Membership, now: int) -> bool:
        if now - record.pushed_at < 2 * PUSH_PERIOD_MS:
            return False
        config = network.config
        if config is None:
            return False
        # A revoked certificate stays refused for as long as it could still agree with ours.
        horizon = config.timestamp - config.credential_max_delta
        if max([record.com_threshold, *record.thresholds.values()]) > horizon:
            return False
        identity = self._station.underlay.identity_of(record.address)
        agrees = identity is not None and record.agrees(config.com, identity)
        return not agrees and not record.holds_usable(config)
