"""The addresses of joined networks on this host: what is missing, and what two of them share."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_interface
from itertools import combinations

from earthline.diagnosis.finding import Finding, fault, note, warning
from earthline.diagnosis.snapshot import NetworkSight, Snapshot
from earthline.vl2.ground.network import NetworkStatus

_Subnet = IPv4Network | IPv6Network


def judge_addresses(seen: Snapshot) -> Iterator[Finding]:
    """Of each network that works, then of each pair of them."""
    working = [each for each in seen.networks if each.status is NetworkStatus.OK and each.device]
    for network in working:
        yield from _missing(network)
        yield from _without(network)
        yield from _over_the_lan(network, seen)
    for one, other in combinations(working, 2):
        yield from _in_common(one, other)


def _missing(network: NetworkSight) -> Iterator[Finding]:
    """What the device should have, against what it has."""
    present = {_parsed(text).ip for text in network.present}
    missing = [text for text in network.wanted if _parsed(text).ip not in present]
    if not missing:
        return
    has = ", ".join(network.present) or "none"
    facts = (f"wanted: {', '.join(network.wanted)}", f"on {network.device}: {has}")
    if network.without_ipv6 and all(":" in text for text in missing):
        yield note(
            "ipv6_off",
            f"Network {network.network} gives this node {', '.join(missing)}, but IPv6 is switched "
            f"off on {network.device}.",
            f"Run `sysctl -w net.ipv6.conf.{network.device}.disable_ipv6=0` if it is wanted.",
            network.network,
            network.device,
        ).because(*facts)
        return
    yield fault(
        "address_missing",
        f"Network {network.network} gives this node {', '.join(missing)}, but {network.device} "
        f"does not have it (it has: {has}).",
        "The service puts it back within seconds; if it disappears again, tell the program that "
        f"manages interfaces (NetworkManager, systemd-networkd) to leave {network.device} alone.",
        network.network,
        network.device,
    ).because(*facts)


def _without(network: NetworkSight) -> Iterator[Finding]:
    if network.wanted or network.bridge or _usable(network.present):
        return
    if network.refused:
        yield warning(
            "addresses_refused",
            f"Network {network.network} gives this node {', '.join(network.refused)}, which its "
            "settings here do not allow, so it has no address.",
            f"Allow it: `earthline set {network.network} allowManaged=on` (allowGlobal=on for "
            "public addresses).",
            network.network,
        )
        return
    yield warning(
        "network_without_address",
        f"Network {network.network} works, but its controller {network.controller} gives this node "
        f"no address, and {network.device} has none of its own.",
        f"On the controller give the network a pool and a route, or this member an address: "
        f"`earthline member ip {network.network} MEMBER ADDRESS`.",
        network.network,
    ).because(f"on {network.device}: {', '.join(network.present) or 'none'}")


def _usable(present: tuple[str, ...]) -> bool:
    """Link-local addresses come by themselves."""
    return any(not _parsed(text).ip.is_link_local for text in present)


# --- overlaps -------------------------------------------------------------------------------------


def _over_the_lan(network: NetworkSight, seen: Snapshot) -> Iterator[Finding]:
    """Where both have a route, the more specific one wins, and of equal ones the cable."""
    for interface in seen.interfaces:
        for text in interface.subnets:
            lan = _parsed(text).network
            for virtual in _subnets(network):
                if not _meet(lan, virtual):
                    continue
                yield _overlap(network, virtual, interface.name, lan)
                break


def _overlap(network: NetworkSight, virtual: _Subnet, interface: str, lan: _Subnet) -> Finding:
    said = (
        f"Network {network.network} ({network.device}) uses {virtual}, and the local network on "
        f"{interface} uses {lan}: the same addresses mean hosts of both."
    )
    own = any(_parsed(text).ip in lan for text in network.wanted)
    facts = (f"{network.device}: {virtual}", f"{interface}: {lan}")
    subjects = (network.network, interface)
    if virtual.prefixlen < lan.prefixlen and not own:
        return note(
            "network_covers_lan",
            f"{said} Here {lan} is the local network's; members with such an address are not "
            "reached.",
            "Give members no address from there: choose the network's pool outside of it.",
            *subjects,
        ).because(*facts)
    winner = network.device if virtual.prefixlen > lan.prefixlen else interface
    return warning(
        "network_overlaps_lan",
        f"{said} This host sends to {winner}.",
        "Give the network another subnet on its controller, one that no member's local network "
        "uses.",
        *subjects,
    ).because(*facts)


def _in_common(one: NetworkSight, other: NetworkSight) -> Iterator[Finding]:
    for left in _subnets(one):
        for right in _subnets(other):
            if _meet(left, right):
                yield warning(
                    "networks_overlap",
                    f"Networks {one.network} ({one.device}, {left}) and {other.network} "
                    f"({other.device}, {right}) use the same addresses: this host reaches the "
                    "members of only one of them there.",
                    "Give one of the two another subnet on its controller, or leave it.",
                    one.network,
                    other.network,
                ).because(f"{one.device}: {left}", f"{other.device}: {right}")
                return


def _subnets(network: NetworkSight) -> list[_Subnet]:
    """Its routes, and what is on its wire by its addresses; not single addresses."""
    texts = (*network.routes, *network.wanted)
    found = (_parsed(text).network for text in texts)
    return [s for s in dict.fromkeys(found) if s.prefixlen < s.max_prefixlen and s.prefixlen]


def _meet(one: _Subnet, other: _Subnet) -> bool:
    return one.version == other.version and one.overlaps(other)


def _parsed(text: str) -> IPv4Interface | IPv6Interface:
    return ip_interface(text)
