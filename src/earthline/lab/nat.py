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
    ADDRESS_RESTRICTED = "address-restricted"
    """One public port for every destination; only an address that was sent to may answer."""
    PORT_RESTRICTED = "port-restricted"
    """One public port for every destination; only an endpoint that was sent to may answer."""
    SYMMETRIC = "symmetric"
    """A new random public port for every destination; only that endpoint may answer."""
    SYMMETRIC_SEQUENTIAL = "symmetric-sequential"
    """As `SYMMETRIC`, but each new public port is the one after the last."""

    @property
    def translates(self) -> bool:
        return self is not NatKind.OPEN


_FIRST_STEP = 40_000
_SEQUENCE = 4_096
_STEPS = ", ".join(f"{step} : {_FIRST_STEP + step}" for step in range(_SEQUENCE))

# The kernel keeps the inside port as public port while no other flow to the same destination has
# it, so `masquerade` alone is an endpoint-independent mapping for one host per inside port. Rules
# of a NAT chain see the first packet of a flow alone, so a counter in one counts flows.
_SOURCE_NAT = {
    NatKind.FULL_CONE: "masquerade",
    NatKind.ADDRESS_RESTRICTED: "masquerade",
    NatKind.PORT_RESTRICTED: "masquerade",
    NatKind.SYMMETRIC: "masquerade fully-random",
    NatKind.SYMMETRIC_SEQUENTIAL: (
        f"meta l4proto udp masquerade to : numgen inc mod {_SEQUENCE} map {{ {_STEPS} }}\n"
        'oifname "wan" masquerade'
    ),
}

PLAIN_MASQUERADE = """
table ip router {
    chain translated {
        type nat hook postrouting priority srcnat; policy accept;
        oifname "wan" masquerade
    }
}
"""
"""What many a Linux router has, and nothing else: it tracks even what it is sent itself.

It maps as `NatKind.PORT_RESTRICTED` does as long as nobody sends to it first.
"""

# Connection tracking filters by endpoint. NATs that filter less remember who last sent from a port,
# packet by packet (a NAT chain would only see the first of a flow), and let strangers in to it.
_REMEMBER_INSIDE = "update @inside { udp sport : ip saddr }"
_REMEMBER_ASKED = "update @asked { udp sport . ip daddr }"
_MEMORY = "flags dynamic,timeout; timeout 120s; size 65535;"
_STRANGERS = {
    NatKind.FULL_CONE: "",
    NatKind.ADDRESS_RESTRICTED: "udp dport . ip saddr @asked",
}
"""Who of the outside may send to a port that somebody inside uses."""


def ruleset(kind: NatKind, *, udp_blocked: bool = False, hairpin: str = "") -> str:
    """The text for ``nft -f -``. ``udp_blocked``: nothing of UDP passes, in either direction.

    ``hairpin``: the router's public address, if hosts inside may reach one another by that. Only
    a full cone can.
    """
    if hairpin and kind is not NatKind.FULL_CONE:
        raise ValueError(f"a {kind} router of the lab has no hairpin")
    return f"""
table ip router {{
{_admission(kind, hairpin)}
    chain forwarded {{
        type filter hook forward priority filter; policy {_forward_policy(kind)};
        {"meta l4proto udp drop" if udp_blocked else ""}
        {_outbound(kind)}
        ct state established,related accept
        {"ct status dnat accept" if kind in _STRANGERS else ""}
    }}
    chain local {{
        # A stray packet that reached a closed port here would be tracked, and would take the port
        # it was sent to away from the inside host that is about to open it. Dropped ones are not.
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        meta l4proto icmp accept
    }}
{_translation(kind, hairpin)}
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
    notes = {
        NatKind.FULL_CONE: _REMEMBER_INSIDE,
        NatKind.ADDRESS_RESTRICTED: f"{_REMEMBER_INSIDE} {_REMEMBER_ASKED}",
    }
    remember = f"meta l4proto udp {notes[kind]}" if kind in notes else ""
    return f"""iifname "lan" oifname "wan" {remember}
        iifname "lan" oifname "wan" accept"""


def _admission(kind: NatKind, hairpin: str) -> str:
    """What lets strangers in, by port; and hosts inside, by the public address."""
    if kind not in _STRANGERS:
        return ""
    admit = "dnat to udp dport map @inside"
    turn = f'iifname "lan" ip daddr {hairpin} meta l4proto udp {admit}' if hairpin else ""
    return f"""
    map inside {{ type inet_service : ipv4_addr; {_MEMORY} }}
    set asked {{ type inet_service . ipv4_addr; {_MEMORY} }}
    chain strangers {{
        type nat hook prerouting priority dstnat; policy accept;
        iifname "wan" meta l4proto udp {_STRANGERS[kind]} {admit}
        {turn}
    }}
"""


def _translation(kind: NatKind, hairpin: str) -> str:
    if not kind.translates:
        return ""
    turned = f'iifname "lan" oifname "lan" ct status dnat snat to {hairpin}' if hairpin else ""
    return f"""    chain translated {{
        type nat hook postrouting priority srcnat; policy accept;
        oifname "wan" {_SOURCE_NAT[kind]}
        {turned}
    }}"""
