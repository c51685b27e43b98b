"""Settings about physical networks, as the engine takes them (05, 3.2 and 3.3; 02, 7.8 and 9)."""

from __future__ import annotations

import ipaddress

from earthline.runtime.settings import Settings
from earthline.vl1.physical import PhysicalNetwork
from earthline.wire.inet import InetAddress


def physical_networks(settings: Settings) -> list[PhysicalNetwork]:
    """MTU and trusted path ID by network."""
    networks = []
    for text, entry in settings.physical.items():
        parsed = ipaddress.ip_network(text, strict=False)
        network = InetAddress(parsed.network_address.packed, parsed.prefixlen)
        networks.append(PhysicalNetwork(network, entry.mtu, entry.trusted_path_id))
    return networks


def path_allowed(settings: Settings, peer: int, endpoint: InetAddress) -> bool:
    """The user's veto on a remote address, for all peers or for this one."""
    if settings.blacklisted(endpoint.ip):
        return False
    hints = settings.virtual.get(f"{peer:010x}")
    if hints is None:
        return True
    address = ipaddress.ip_address(endpoint.ip)
    return not any(
        address in ipaddress.ip_network(network, strict=False) for network in hints.blacklist
    )
