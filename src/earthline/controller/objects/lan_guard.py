"""lan-guard: rules that keep impostors off a network, ready to be posted (06, 6.2, rows 6 and 7).

For everybody else than its holders of a capability they stop

- DHCP and DHCPv6 servers, whatever port they send from: clients look at the one they send to,
- IPv4 and IPv6 router advertisements, and redirects,
- ARP, neighbour advertisements, and solicitations of neighbours and routers, for addresses that the
  sender does not own.

Ownership is what the controller certifies: the addresses that it assigned (03, 4.5). A guarded
frame BREAKs off the base rules, since what these DROP no capability could let through (03, 6.7).
Whose a link-local address is nobody certifies, so anybody may claim any.

**What stock members miss.** Earthline members judge a frame as the host behind them may take it
too: without VLAN tags, LLC and extension headers, and with its neighbours told of no MAC but the
sender's own (``rust/core/src/rules/dress.rs``). Stock members judge it as it stands, and some of
the rules are for them alone. Where a stock member receives, rules cannot stop

- neighbour solicitations from an address that is another's, or with another's MAC: to it every
  solicitation is authentic (03, 6.4),
- ARP and neighbour advertisements for an own address with another's MAC, and any of the computed
  addresses that it answers for itself (03, 8.8),
- neighbour discovery to a global address in a fragment behind other extension headers, and DHCPv6
  to one in any fragment. Linux takes no neighbour discovery from fragments (RFC 6980),
- anything in a tag of a VLAN that its host has an interface for.

A tag of VLAN 0, which hosts take for none, passes nowhere. Nor does one of VLAN 256, 512 and so on:
rules cannot read the four bits of the ID that stand before the last eight.
"""

from __future__ import annotations

from earthline.controller.objects.coercion import JsonObject

SERVER_CAPABILITY = 0x67000001
"""Its holders may serve DHCP, advertise routes and redirect."""

PROXY_CAPABILITY = 0x67000002
"""Its holders may answer for the addresses of others, as bridges to a physical network must."""

_IPV4, _ARP, _IPV6 = 0x0800, 0x0806, 0x86DD
_VLAN, _PROVIDER_VLAN = 0x8100, 0x88A8
_TCP, _UDP, _FRAGMENT, _ICMPV6 = 6, 17, 44, 58
_DHCP_SERVER, _DHCP_CLIENT = 67, 68
_DHCPV6_SERVER, _DHCPV6_CLIENT = 547, 546
_REDIRECT, _ROUTER_ADVERTISEMENT = 5, 9
_ROUTER_SOLICITATION, _ADVERTISEMENT_V6, _REDIRECT_V6 = 133, 134, 137
_NEIGHBOUR_SOLICITATION, _NEIGHBOUR_ADVERTISEMENT = 135, 136
_IP_AUTHENTIC = 1 << 60
_SNAP = 0xAAAA03 << 40
"""LLC of SNAP as the first three of a payload's first eight bytes; the code and the type follow."""
_SNAP_CODES = (0x000000, 0x0000F8)
"""With these the type is an ethertype: that of hosts, and that of bridges to wireless networks."""
_SNAP_TYPES = ((_IPV4, _ARP), (_VLAN, _PROVIDER_VLAN))
"""IPv4 and ARP; IPv6 and tags. Not AppleTalk, which has no other way to travel."""

_ACCEPT: JsonObject = {"type": "ACTION_ACCEPT"}
_BREAK: JsonObject = {"type": "ACTION_BREAK"}


def lan_guard_rules() -> list[JsonObject]:
    """The base rules of a guarded network (04, 12)."""
    # Most frames are TCP, which nothing of this is, or UDP: they get by with few matches.
    ordered = (
        ([_protocol(_TCP)], _ACCEPT),
        *((matches, _BREAK) for matches in _dhcp_servers()),
        ([_protocol(_UDP)], _ACCEPT),
        *((matches, _BREAK) for matches in (*_disguises(), *_routers(), *_false_addresses())),
    )
    return [entry for matches, action in ordered for entry in (*matches, action)] + [_ACCEPT]


def lan_guard_capabilities() -> list[JsonObject]:
    """What can be given to members that may do what is guarded (04, 4)."""
    return [
        _capability(SERVER_CAPABILITY, (*_dhcp_servers(), *_routers())),
        _capability(PROXY_CAPABILITY, _address_frames()),
    ]


def _capability(number: int, sets: tuple[list[JsonObject], ...]) -> JsonObject:
    rules = [entry for matches in sets for entry in (*matches, _ACCEPT)]
    return {"id": number, "default": False, "rules": rules}


def _disguises() -> tuple[list[JsonObject], ...]:
    """What hosts see through and stock members do not: a tag of VLAN 0, and SNAP."""
    packets = [
        _integer(0, 64, _SNAP | code << 16 | first, _SNAP | code << 16 | last)
        for code in _SNAP_CODES
        for first, last in _SNAP_TYPES
    ]
    return (
        [_ethertype(_VLAN), _low_vlan_bits(0)],
        [_ethertype(_PROVIDER_VLAN), _low_vlan_bits(0)],
        [packets[0], *map(_or, packets[1:])],
    )


def _dhcp_servers() -> tuple[list[JsonObject], ...]:
    """What only servers send; of fragments, only the first has a header to look at."""
    return (
        [
            _destination_port(_DHCP_CLIENT),
            _or(_source_port(_DHCP_SERVER)),
            _ethertype(_IPV4),
            _first_fragment(),
            _protocol(_UDP),
        ],
        [
            _destination_port(_DHCPV6_CLIENT),
            _or(_source_port(_DHCPV6_SERVER)),
            _ethertype(_IPV6),
            _protocol(_UDP),
        ],
    )


def _routers() -> tuple[list[JsonObject], ...]:
    """What only routers send, and fragments that may be that or of a server."""
    return (
        [
            _icmp(_REDIRECT),
            _or(_icmp(_ROUTER_ADVERTISEMENT)),
            _ethertype(_IPV4),
            _first_fragment(),
        ],
        [_icmp(_ADVERTISEMENT_V6), _or(_icmp(_REDIRECT_V6)), _ethertype(_IPV6)],
        # Nothing is seen of a fragmented packet, and no neighbour needs to send one (RFC 6980): not
        # to where neighbours talk, nor to anybody one that begins with what they say.
        [_to("fe80::/10"), _or(_to("ff00::/8")), _protocol(_FRAGMENT)],
        [
            _protocol(_FRAGMENT),
            _integer(40, 8, _ICMPV6, _ICMPV6),
            _integer(48, 8, _ROUTER_SOLICITATION, _REDIRECT_V6),
            # An offset of 0, whatever the three bits after it.
            _integer(42, 16, 0, 7),
        ],
    )


def _address_frames() -> tuple[list[JsonObject], ...]:
    """What tells others where an address is."""
    return ([_ethertype(_ARP)], [*_tells_neighbours(), _ethertype(_IPV6)])


def _tells_neighbours() -> list[JsonObject]:
    return [
        _icmp(_NEIGHBOUR_ADVERTISEMENT),
        _or(_icmp(_NEIGHBOUR_SOLICITATION)),
        _or(_icmp(_ROUTER_SOLICITATION)),
    ]


def _false_addresses() -> tuple[list[JsonObject], ...]:
    """The same, of addresses that are not the sender's."""
    return (
        # A probe, before an address is used, names no sender (RFC 5227).
        [_ethertype(_ARP), _not(_authentic()), _not(_integer(14, 32, 0, 0))],
        [
            _icmp(_NEIGHBOUR_ADVERTISEMENT),
            _ethertype(_IPV6),
            _not(_authentic()),
            _not(_integer(48, 16, 0xFE80, 0xFEBF)),
        ],
        # In earnest alone: stock members take every solicitation of a neighbour for authentic.
        [_icmp(_NEIGHBOUR_SOLICITATION), _ethertype(_IPV6), _not(_authentic())],
        [
            _icmp(_ROUTER_SOLICITATION),
            _ethertype(_IPV6),
            _not(_authentic()),
            _not(_from("fe80::/10")),
            _not(_from("::/128")),
        ],
        # Behind extension headers what they say would not be looked at. Valid ones have next header
        # 0x3a, hop limit 255 and nothing between.
        [*_tells_neighbours(), _ethertype(_IPV6), _not(_integer(6, 16, 0x3AFF, 0x3AFF))],
    )


# --- matches --------------------------------------------------------------------------------------


def _not(match: JsonObject) -> JsonObject:
    return {**match, "not": True}


def _or(match: JsonObject) -> JsonObject:
    return {**match, "or": True}


def _ethertype(number: int) -> JsonObject:
    return {"type": "MATCH_ETHERTYPE", "etherType": number}


def _protocol(number: int) -> JsonObject:
    return {"type": "MATCH_IP_PROTOCOL", "ipProtocol": number}


def _source_port(number: int) -> JsonObject:
    return {"type": "MATCH_IP_SOURCE_PORT_RANGE", "start": number, "end": number}


def _destination_port(number: int) -> JsonObject:
    return {"type": "MATCH_IP_DEST_PORT_RANGE", "start": number, "end": number}


def _icmp(kind: int) -> JsonObject:
    return {"type": "MATCH_ICMP", "icmpType": kind, "icmpCode": None}


def _to(prefix: str) -> JsonObject:
    return {"type": "MATCH_IPV6_DEST", "ip": prefix}


def _from(prefix: str) -> JsonObject:
    return {"type": "MATCH_IPV6_SOURCE", "ip": prefix}


def _authentic() -> JsonObject:
    return {"type": "MATCH_CHARACTERISTICS", "mask": f"{_IP_AUTHENTIC:016x}"}


def _first_fragment() -> JsonObject:
    """An IPv4 fragment offset of 0."""
    return _integer(6, 13, 0, 0)


def _low_vlan_bits(value: int) -> JsonObject:
    """The low eight bits of a tag's VLAN ID: big-endian integers do not reach its second byte."""
    low = _integer(8, 8, value, value)
    return {**low, "idx": 1, "little": True}


def _integer(offset: int, bits: int, first: int, last: int) -> JsonObject:
    """The low ``bits`` of the big-endian integer at ``offset`` are in this range (03, 6.6)."""
    width = (bits + 7) // 8
    return {
        "type": "INTEGER_RANGE",
        "start": f"{first:x}",
        "end": f"{last:x}",
        "idx": offset + width - 8,
        "little": False,
        "bits": bits,
    }
