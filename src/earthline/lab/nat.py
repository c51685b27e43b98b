"""The kinds of NAT a home or office router may be, each as one nftables ruleset; and a firewall.

The words are those of RFC 4787: *mapping* says which public port an inside socket gets for
different destinations, *filtering* says who may send to that port. `nat_check` measures both on
running routers. A ruleset is loaded in the router's own namespace, whose inner interface is
called ``lan`` and whose outer one ``wan``.
"""

from __future__ import annotations

from enum import StrEnum


class NatKind(StrEnum):
    """How a router translates UDP."""

    OPEN = "open"
    """No translation and no filter: the inside has public addresses."""
    FULL_CONE = "full-cone"
    """One public port for every destination; anybody may send to it."""
    PORT_RESTRICTED = "port-restricted"
    """One public port for every destination; only an endpoint that was sent to may answer."""
    SYMMETRIC = "symmetric"
    """A new random public port for every destination; only that endpoint may answer."""

    @property
    def translates(self) -> bool:
        return self is not NatKind.OPEN


# The kernel keeps the inside port as public port while no other flow to the same destination has
# it, so `masquerade` alone is an endpoint-independent mapping for one host per inside port.
_SOURCE_NAT = {
    NatKind.FULL_CONE: "masquerade",
    NatKind.PORT_RESTRICTED: "masquerade",
    NatKind.SYMMETRIC: "masquerade fully-random",
}

# Connection tracking filters by endpoint. The full cone remembers who last sent from a port, packet
# by packet (a NAT chain would only see the first of a flow), and lets strangers in to it.
_REMEMBER_INSIDE = "update @inside { udp sport : ip saddr }"
_ADMIT_STRANGERS = """
    map inside {
        type inet_service : ipv4_addr
        flags dynamic,timeout
        timeout 120s
        size 65535
    }
    chain strangers {
        type nat hook prerouting priority dstnat; policy accept;
        iifname "wan" meta l4proto udp dnat to udp dport map @inside
    }
"""


def ruleset(kind: NatKind, *, udp_blocked: bool = False) -> str:
    """The text for ``nft -f -``. ``udp_blocked``: nothing of UDP passes, in either direction."""
    return f"""
table ip router {{
{_ADMIT_STRANGERS if kind is NatKind.FULL_CONE else ""}
    chain forwarded {{
        type filter hook forward priority filter; policy {_forward_policy(kind)};
        {"meta l4proto udp drop" if udp_blocked else ""}
        {_outbound(kind)}
        ct state established,related accept
        {"ct status dnat accept" if kind is NatKind.FULL_CONE else ""}
    }}
    chain local {{
        # A stray packet that reached a closed port here would be tracked, and would take the port
        # it was sent to away from the inside host that is about to open it. Dropped ones are not.
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        meta l4proto icmp accept
    }}
{_translation(kind)}
}}
"""


def wall(one: str, other: str) -> str:
    """The text for ``nft -f -``: a firewall on the internet between two public addresses."""
    return f"""
table ip wall {{
    chain forwarded {{
        type filter hook forward priority filter; policy accept;
        ip saddr {one} ip daddr {other} drop
        ip saddr {other} ip daddr {one} drop
    }}
}}
"""


def _forward_policy(kind: NatKind) -> str:
    return "drop" if kind.translates else "accept"


def _outbound(kind: NatKind) -> str:
    remember = f"meta l4proto udp {_REMEMBER_INSIDE}" if kind is NatKind.FULL_CONE else ""
    return f"""iifname "lan" oifname "wan" {remember}
        iifname "lan" oifname "wan" accept"""


def _translation(kind: NatKind) -> str:
    if not kind.translates:
        return ""
    return f"""    chain translated {{
        type nat hook postrouting priority srcnat; policy accept;
        oifname "wan" {_SOURCE_NAT[kind]}
    }}"""
