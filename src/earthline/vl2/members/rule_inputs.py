"""What a network's rules may ask of its nodes: tags, ownership, capabilities (03, 6.2).

The rules engine is in the switch. It gets our own credentials with the network, and those of each
member as far as they are valid now, so that it never has to look at a timestamp or a signature.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from earthline.effects import InstallMemberCredentials, InstallNetwork
from earthline.wire.computed_ip import rfc4193, six_plane
from earthline.wire.credentials.ownership import ThingType
from earthline.wire.rules import emit_rules

if TYPE_CHECKING:
    from earthline.vl2.ground.membership import Membership
    from earthline.wire.credentials.capability import Capability
    from earthline.wire.credentials.ownership import CertificateOfOwnership
    from earthline.wire.credentials.tag import Tag
    from earthline.wire.network_config import NetworkConfig

_SIX_PLANE_LENGTH = 5
_RFC4193_LENGTH = 11
"""First bytes of a computed address that name network and node (03, 6.4)."""


def network_entry(network: int, config: NetworkConfig) -> InstallNetwork:
    """What the switch needs of our configuration. Our own credentials always count (03, 4.10)."""
    return InstallNetwork(
        network=network,
        mtu=config.mtu,
        public=config.public,
        broadcast=config.broadcast,
        emulate_neighbours=config.emulate_neighbours,
        compress_multicast=config.compress_multicast,
        # A limit beyond any packet means the same as no limit; the switch counts in 32 bits.
        multicast_limit=min(config.multicast_limit, 0xFFFFFFFF),
        bridges=config.bridges,
        rules=config.rules,
        unknown_match=config.unknown_matches,
        emulated=_emulated(network, config),
        tags=_tags(config.tags),
        owned_ips=_owned_ips(config.ownerships),
        owned_macs=_owned_macs(config.ownerships),
        capabilities=_tables(config.capabilities),
        replicates=config.issued_to in config.replicators,
    )


def own_rights(config: NetworkConfig) -> tuple[object, ...]:
    """What our own credentials say, whenever they were issued."""
    things = frozenset(thing for owned in config.ownerships for thing in owned.things)
    return _tags(config.tags), _tables(config.capabilities), things


def member_entry(
    network: int, config: NetworkConfig, record: Membership
) -> InstallMemberCredentials:
    """What counts of a member's credentials under our configuration (03, 4.10)."""
    ownerships = [o for o in record.ownerships.values() if record.usable(o, config)]
    return InstallMemberCredentials(
        network=network,
        address=record.address,
        tags=_tags(tag for tag in record.tags.values() if record.usable(tag, config)),
        ips=_owned_ips(ownerships),
        macs=_owned_macs(ownerships),
        capabilities=_tables(c for c in record.capabilities.values() if record.usable(c, config)),
    )


def _emulated(network: int, config: NetworkConfig) -> tuple[bytes, ...]:
    """First bytes of the addresses that neighbour emulation covers (03, 6.4)."""
    if not config.emulate_neighbours:
        return ()
    static = {address.ip for address in config.static_ips}
    computed = (
        (six_plane(network, config.issued_to).ip, _SIX_PLANE_LENGTH),
        (rfc4193(network, config.issued_to).ip, _RFC4193_LENGTH),
    )
    return tuple(ip[:length] for ip, length in computed if ip in static)


def _tags(tags: Iterable[Tag]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted((tag.tag_id, tag.value) for tag in tags))


def _owned_ips(ownerships: Iterable[CertificateOfOwnership]) -> tuple[bytes, ...]:
    kinds = (ThingType.IPV4, ThingType.IPV6)
    things = (thing for owned in ownerships for thing in owned.things)
    return tuple(sorted({thing.significant for thing in things if thing.type in kinds}))


def _owned_macs(ownerships: Iterable[CertificateOfOwnership]) -> tuple[int, ...]:
    things = (thing for owned in ownerships for thing in owned.things)
    macs = {thing.significant for thing in things if thing.type == ThingType.MAC}
    return tuple(sorted(int.from_bytes(mac, "big") for mac in macs))


def _tables(capabilities: Iterable[Capability]) -> tuple[bytes, ...]:
    ordered = sorted(capabilities, key=lambda capability: capability.capability_id)
    return tuple(emit_rules(capability.rules) for capability in ordered)
