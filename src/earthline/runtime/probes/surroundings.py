"""The host as its kernel shows it: interfaces and why one is not used, gateways, tracked flows."""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from earthline.diagnosis.snapshot import Gateway, InterfaceSight
from earthline.runtime.host.netlink import Interface
from earthline.runtime.settings.settings import Settings
from earthline.runtime.sockets.sockets import BINDABLE, why_not_bound
from earthline.wire.inet import InetAddress, Scope

SIOCGIFFLAGS = 0x8913
IFF_RUNNING = 0x40
ARP_COMPLETE = 0x02
_FLAGS = struct.Struct("16sH14x")
_UNBINDABLE = {
    Scope.LOOPBACK: "it is this host itself",
    Scope.LINK_LOCAL: "link-local: it reaches nobody beyond the wire",
}
_NET = Path("/sys/class/net")
_TRACKER = Path("/proc/sys/net/netfilter")


def sight_of(
    interfaces: Iterable[Interface], settings: Settings, own: Collection[str]
) -> tuple[InterfaceSight, ...]:
    """Every interface but loopback; ``own`` names our virtual devices."""
    return tuple(_sight(i, settings, own) for i in interfaces if i.name != "lo")


def _sight(interface: Interface, settings: Settings, own: Collection[str]) -> InterfaceSight:
    why_not = _why_not(interface, settings, own)
    verdicts = [(address, _why_not_address(address, settings)) for address in interface.addresses]
    used = tuple(address.ip_text for address, why in verdicts if not why)
    unused = tuple(f"{address.ip_text} ({why})" for address, why in verdicts if why)
    if why_not is None and not has_carrier(interface.name):
        why_not = "it has no carrier: no cable, or no wireless network"
    if why_not is None and not used:
        why_not = (
            f"none of its addresses is usable: {', '.join(unused)}" if unused else "no address"
        )
    if why_not is not None:
        used = ()
    subnets = () if interface.name in own else _subnets(interface)
    return InterfaceSight(interface.name, used, unused, why_not or "", subnets)


def _subnets(interface: Interface) -> tuple[str, ...]:
    """As far as they can be mistaken for something else: link-local ones are on every wire."""
    return tuple(str(a) for a in interface.addresses if a.scope is not Scope.LINK_LOCAL)


def devices_below(name: str) -> set[str]:
    """The devices that one sends through, at any depth."""
    found: set[str] = set()
    left = [name]
    while left:
        device = left.pop()
        lower = {path.name.removeprefix("lower_") for path in (_NET / device).glob("lower_*")}
        left += lower - found
        found |= lower
    return found


def sends_anew(name: str) -> bool:
    """Whether what is sent through a device leaves the host as datagrams of somebody else.

    WireGuard's kernel module has sockets of its own, and a TUN device has a program behind it.
    GRE and VXLAN send on the very packet that they were given, with its mark.
    """
    device = _NET / name
    kind = "DEVTYPE=wireguard" in _lines(str(device / "uevent"))
    return kind or (device / "tun_flags").exists()


class Neighbour(NamedTuple):
    """An entry of the IPv4 neighbour table."""

    complete: bool
    """Its hardware address is known."""
    mac: str


def neighbours() -> dict[tuple[str, str], Neighbour]:
    """The IPv4 neighbour table, by device and IP."""
    rows = (line.split() for line in _lines("/proc/net/arp")[1:])
    return {
        (row[5], row[0]): Neighbour(bool(int(row[2], 16) & ARP_COMPLETE), row[3])
        for row in rows
        if len(row) >= 6
    }


def _why_not(interface: Interface, settings: Settings, own: Collection[str]) -> str | None:
    """An explicit list replaces all other rules (02, 7.8)."""
    if not settings.settings.bind:
        return why_not_bound(interface, settings, own)
    if any(_listed(address, settings) for address in interface.addresses):
        return None
    return "`bind` in local.conf lists none of its addresses"


def _listed(address: InetAddress, settings: Settings) -> bool:
    listed = {InetAddress.parse(text).ip for text in settings.settings.bind}
    return address.ip in listed or bytes(len(address.ip)) in listed


def _why_not_address(address: InetAddress, settings: Settings) -> str:
    if settings.settings.bind:
        return "" if _listed(address, settings) else "`bind` in local.conf does not list it"
    if address.scope not in BINDABLE:
        return _UNBINDABLE.get(address.scope, "it reaches nobody")
    return "blacklisted under `physical` in local.conf" if settings.blacklisted(address.ip) else ""


def has_carrier(name: str) -> bool:
    """Whether something is at the other end of an interface's cable, or its radio is connected."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asker:
        try:
            answer = fcntl.ioctl(asker, SIOCGIFFLAGS, _FLAGS.pack(name.encode(), 0))
        except OSError:
            return False
    return bool(_FLAGS.unpack(answer)[1] & IFF_RUNNING)


def gateways() -> tuple[Gateway, ...]:
    """Of the IPv4 default routes, by the files that everybody may read."""
    return tuple(read_gateways(_lines("/proc/net/route"), _lines("/proc/net/arp")))


def read_gateways(routes: Iterable[str], neighbours: Iterable[str]) -> Iterator[Gateway]:
    """The same from the lines of ``/proc/net/route`` and ``/proc/net/arp``, headings and all."""
    resolved = {
        (words[5], words[0]): bool(int(words[2], 16) & ARP_COMPLETE)
        for words in (line.split() for line in list(neighbours)[1:])
        if len(words) >= 6
    }
    for words in (line.split() for line in list(routes)[1:]):
        if len(words) >= 8 and words[1] == words[7] == "00000000":
            ip = socket.inet_ntoa(struct.pack("=I", int(words[2], 16)))
            yield Gateway(ip, words[0], resolved.get((words[0], ip)))


def tracked_flows() -> tuple[int, int] | None:
    """Connections that the kernel tracks, and its limit; None if it tracks none."""
    try:
        count, limit = (
            int((_TRACKER / name).read_text())
            for name in ("nf_conntrack_count", "nf_conntrack_max")
        )
    except (OSError, ValueError):
        return None
    return count, limit


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
