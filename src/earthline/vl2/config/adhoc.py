"""Ad-hoc networks: configurations a member makes up from the network ID alone (03, 1.3).

The ID has one of two shapes, in hex:

    ff SSSS EEEE 000000        IPv6 by computed addresses, TCP to ports SSSS to EEEE
    ff NN aaaaaaaaaa 01        IPv4 in NN.0.0.0/8 from the node address; aa... a hub, or zero
"""

from __future__ import annotations

from enum import Enum

from earthline.wire.address import address_bytes
from earthline.wire.computed_ip import six_plane
from earthline.wire.inet import InetAddress
from earthline.wire.network_config import FLAG_EMULATE_NEIGHBOURS, NetworkConfig
from earthline.wire.rules import ACCEPT_ALL, Rule, RuleType, emit_rules

_ADHOC = 0xFF
"""First byte of the ID of an ad-hoc network (03, 1.3)."""
_CREDENTIAL_WINDOW_MS = 7_200_000
"""Of all ad-hoc networks (03, 1.3)."""
_MULTICAST_LIMIT = 1_024
"""Of the flat IPv4 form (03, 1.3)."""

_IPV6 = 0x86DD
_ICMPV6 = 0x3A
_UDP = 0x11
_TCP = 0x06
_TCP_SYN = 0x02
_TCP_ACK = 0x10


class NoConfig(Enum):
    """Why an ad-hoc network ID has no configuration."""

    BAD_RANGE = "bad_range"
    UNKNOWN_SHAPE = "unknown_shape"


def is_adhoc(network: int) -> bool:
    """Whether a network has no controller."""
    return network >> 56 == _ADHOC


def synthesise(network: int, address: int, now: int) -> NetworkConfig | NoConfig:
    """The configuration of the member ``address``, issued now: ``now`` is Unix time in ms."""
    if network & 0xFFFFFF == 0:
        return _port_range(network, address, now)
    if network & 0xFF == 0x01:
        return _flat_ipv4(network, address, now)
    return NoConfig.UNKNOWN_SHAPE


def _port_range(network: int, address: int, now: int) -> NetworkConfig | NoConfig:
    first, last = network >> 40 & 0xFFFF, network >> 24 & 0xFFFF
    if last < first:
        return NoConfig.BAD_RANGE
    return NetworkConfig(
        network=network,
        issued_to=address,
        timestamp=now,
        credential_max_delta=_CREDENTIAL_WINDOW_MS,
        revision=1,
        flags=FLAG_EMULATE_NEIGHBOURS,
        public=True,
        name=f"adhoc-{first:04x}-{last:04x}",
        static_ips=(six_plane(network, address),),
        rules=_port_range_rules(first, last),
    )


def _flat_ipv4(network: int, address: int, now: int) -> NetworkConfig:
    octet, hub = network >> 48 & 0xFF, network >> 8 & 0xFFFFFFFFFF
    ip = InetAddress(bytes([octet]) + address_bytes(address)[2:], 8)
    return NetworkConfig(
        network=network,
        issued_to=address,
        timestamp=now,
        credential_max_delta=_CREDENTIAL_WINDOW_MS,
        revision=1,
        flags=FLAG_EMULATE_NEIGHBOURS,
        multicast_limit=_MULTICAST_LIMIT,
        public=True,
        name=f"adhoc-{octet}.0.0.0",
        # Without role bits the hub has no effect, at stock nodes as here.
        specialists=(hub,) if hub else (),
        static_ips=(six_plane(network, address), ip),
        rules=ACCEPT_ALL,
    )


def _port_range_rules(first: int, last: int) -> bytes:
    """The 14 rules of 03, 1.3. The fifth set accepts all that is not a TCP SYN, UDP included."""
    return emit_rules(
        (
            Rule.of(RuleType.ETHERTYPE, _IPV6, negated=True),
            Rule.of(RuleType.DROP),
            Rule.of(RuleType.IP_PROTOCOL, _ICMPV6),
            Rule.of(RuleType.ACCEPT),
            Rule.of(RuleType.IP_PROTOCOL, _UDP),
            Rule.of(RuleType.IP_PROTOCOL, _TCP, alternative=True),
            Rule.of(RuleType.IP_DESTINATION_PORT_RANGE, first, last),
            Rule.of(RuleType.ACCEPT),
            Rule.of(RuleType.CHARACTERISTICS, _TCP_SYN, negated=True),
            Rule.of(RuleType.ACCEPT),
            Rule.of(RuleType.CHARACTERISTICS, _TCP_SYN),
            Rule.of(RuleType.CHARACTERISTICS, _TCP_ACK),
            Rule.of(RuleType.ACCEPT),
            Rule.of(RuleType.DROP),
        )
    )
