"""Applying configurations, and telling host and switch what they amount to (03, 3.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from earthline.effects import (
    ConfigureTap,
    RemoveNetwork,
    RemoveTap,
    Report,
    Route,
    Store,
)
from earthline.vl2.config.adhoc import is_adhoc
from earthline.vl2.ground.network import Authentication, Network, NetworkStatus
from earthline.vl2.members.rule_inputs import network_entry, own_rights
from earthline.wire.address import format_network
from earthline.wire.network_config import DEFAULT_MTU, NetworkConfig
from earthline.wire.reader import Malformed

if TYPE_CHECKING:
    from earthline.vl2.ground.underlay import Station
    from earthline.vl2.members.roster import Roster

NOTHING_CACHED = b"\n"
"""Content of the cache of a joined network without a configuration (03, 2.7)."""

STORED = "network"
"""Kind of the state objects of networks."""


class Configuration:
    """Joins, leaves, and everything that follows from a configuration or a refusal."""

    def __init__(self, station: Station, roster: Roster) -> None:
        self._station = station
        self._roster = roster
        self.on_applied: list[Callable[[Network, NetworkConfig | None, int], None]] = []
        """Called with the network, its previous configuration, and the time."""
        self.on_left: list[Callable[[Network], None]] = []

    def join(self, network_id: int, cached: bytes | None, now: int) -> Network | None:
        """Join a network, with its cached configuration if there is one; None if joined already."""
        if network_id in self._station.networks:
            return None
        network = Network(network_id, self._station.address)
        self._station.networks[network_id] = network
        config = self._cached(network_id, cached)
        if config is not None:
            self._install(network, config, now)
            return network
        if cached is None:
            self._store(network, NOTHING_CACHED)
        self._configure_tap(network)
        return network

    def leave(self, network_id: int) -> None:
        """Forget a network and everything about it."""
        network = self._station.networks.pop(network_id, None)
        if network is None:
            return
        for left in self.on_left:
            left(network)
        self._station.emit(RemoveTap(network_id))
        self._station.emit(RemoveNetwork(network_id))
        self._store(network, None)

    def receive(self, network: Network, dictionary: bytes, now: int, *, asked: bool = True) -> bool:
        """A complete configuration from the wire; whether it was parsable, applied or not.

        ``asked``: it answers a request of ours. Others may be what somebody recorded long ago and
        sends again: its rules and certificate must not replace newer ones. A controller whose
        clock was set back is obeyed when it is asked, within a minute.
        """
        try:
            config = NetworkConfig.parse(dictionary)
        except Malformed:
            self._station.underlay.count("config_malformed")
            return False
        if config.issued_to != self._station.address or config.network != network.id:
            self._station.underlay.count("config_not_for_us")
            return True
        held = network.config
        if not asked and held is not None and config.timestamp < held.timestamp:
            self._station.underlay.count("config_older")
            return True
        self.apply(network, config, now)
        return True

    def apply(self, network: Network, config: NetworkConfig, now: int) -> None:
        """Put a fresh configuration into force."""
        network.updated_at = now
        network.authentication = None
        if not is_adhoc(network.id):
            self._store(network, config.emit())
        self._install(network, config, now)

    def refuse(
        self,
        network: Network,
        status: NetworkStatus,
        authentication: Authentication | None = None,
    ) -> None:
        """The controller answered with an error. The configuration held stays (03, 2.5).

        But the host is not to send its traffic into a network that we are not in any more.
        """
        before = network.status
        network.refusal = status
        network.authentication = authentication
        if network.is_out:
            self._configure_tap(network)
        self._report(network, before)

    def port_failed(self, network: Network, error: str) -> None:
        """The host could not configure the TAP, or can again (empty)."""
        before = network.status
        network.port_error = error
        self._report(network, before)

    def _cached(self, network_id: int, cached: bytes | None) -> NetworkConfig | None:
        """A cached configuration, if it is one and for us; signatures are not checked (03, 2.7)."""
        if cached is None or not cached.strip():
            return None
        try:
            config = NetworkConfig.parse(cached)
        except Malformed:
            self._station.emit(
                Report("network_cache_malformed", {"network": format_network(network_id)})
            )
            return None
        is_ours = config.issued_to == self._station.address and config.network == network_id
        return config if is_ours else None

    def _install(self, network: Network, config: NetworkConfig, now: int) -> None:
        before, previous = network.status, network.config
        network.config = config
        network.refusal = None
        network.revision += 1
        if previous is not None and own_rights(previous) != own_rights(config):
            network.rights += 1
        self._station.emit(network_entry(network.id, config))
        self._configure_tap(network)
        self._roster.reassess(network, now)
        for applied in self.on_applied:
            applied(network, previous, now)
        self._report(network, before)

    def _configure_tap(self, network: Network) -> None:
        """Tell the host, unless the TAP is as it should be already."""
        tap = _tap(network, network.config)
        if tap != network.tap or network.port_error:
            network.tap = tap
            self._station.emit(tap)

    def _store(self, network: Network, content: bytes | None) -> None:
        self._station.emit(Store(STORED, network.id, content))

    def _report(self, network: Network, before: NetworkStatus) -> None:
        if network.status is not before:
            fields: dict[str, object] = {
                "network": format_network(network.id),
                "status": network.status.name,
            }
            self._station.emit(Report("network_status", fields))


def _tap(network: Network, config: NetworkConfig | None) -> ConfigureTap:
    if config is None or network.is_out:
        mtu = DEFAULT_MTU if config is None else config.mtu
        return ConfigureTap(network.id, network.mac, mtu)
    return ConfigureTap(
        network=network.id,
        mac=network.mac,
        mtu=config.mtu,
        addresses=config.addresses,
        routes=tuple(Route(*route) for route in config.possible_routes),
        dns_domain=config.dns.domain,
        dns_servers=config.dns.servers,
    )
