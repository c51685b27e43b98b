"""Settings about physical networks and static hints, as the engine takes them (05, 3.2 and 3.3)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from earthline.effects import NodeSettings, PhysicalNetwork
from earthline.runtime.settings.settings import Settings
from earthline.wire.address import parse_address
from earthline.wire.inet import InetAddress


def node_settings(settings: Settings) -> NodeSettings:
    """All that the core goes by."""
    said = settings.settings
    return NodeSettings(
        physical_networks=tuple(physical_networks(settings)),
        hints=static_hints(settings),
        path_allowed=PathPolicy(settings).allows,
        low_bandwidth=said.low_bandwidth_mode,
        port_spray=said.port_spray,
        path_mtu_discovery=said.path_mtu_discovery,
    )


def physical_networks(settings: Settings) -> list[PhysicalNetwork]:
    """MTU and trusted path ID by network (02, 9)."""
    return [
        PhysicalNetwork(_network(text), entry.mtu, entry.trusted_path_id)
        for text, entry in settings.physical.items()
    ]


def static_hints(settings: Settings) -> dict[int, tuple[InetAddress, ...]]:
    """Where peers are to be looked for, by their address (02, 7.11)."""
    return {
        parse_address(address): tuple(InetAddress.parse(text) for text in peer.attempt)
        for address, peer in settings.virtual.items()
    }


class PathPolicy:
    """The user's veto on remote addresses, for all peers or for one (02, 7.8)."""

    def __init__(self, settings: Settings) -> None:
        self._refused = _networks(
            text for text, entry in settings.physical.items() if entry.blacklist
        )
        self._refused_for = {
            parse_address(address): _networks(peer.blacklist)
            for address, peer in settings.virtual.items()
        }

    def allows(self, peer: int, endpoint: InetAddress) -> bool:
        """Whether the address may be used for the peer."""
        special = self._refused_for.get(peer, ())
        if any(network.contains(endpoint) for network in special):
            return False
        # A whole family is never blacklisted for all: that would leave no way at all.
        return not any(network.port and network.contains(endpoint) for network in self._refused)


def _networks(texts: Iterable[str]) -> tuple[InetAddress, ...]:
    return tuple(_network(text) for text in texts)


def _network(text: str) -> InetAddress:
    """A network with its prefix length in place of the port."""
    parsed = ipaddress.ip_network(text, strict=False)
    return InetAddress(parsed.network_address.packed, parsed.prefixlen)
