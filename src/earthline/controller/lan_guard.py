"""lan-guard: rules that keep impostors off a network, ready to be posted (06, 6.2 rows 6 and 7).

For everybody else than its holders of a capability they stop

- DHCP and DHCPv6 servers,
- IPv4 and IPv6 router advertisements, and redirects,
- ARP and neighbour advertisements for addresses that the sender does not own.

Ownership is what the controller certifies: the addresses that it assigned (03, 4.5). A guarded
frame BREAKs off the base rules, since what these DROP no capability could let through (03, 6.7).

Two things rules cannot see: who a neighbour solicitation claims to be from (03, 6.4), and whose a
link-local address is, which nobody assigns.
"""

from __future__ import annotations

from earthline.controller.coercion import JsonObject

SERVER_CAPABILITY = 0x67000001
"""Its holders may serve DHCP, advertise routes and redirect."""

PROXY_CAPABILITY = 0x67000002
"""Its holders may answer for the addresses of others, as bridges to a physical network must."""

_IPV4, _ARP, _IPV6 = 0x0800, 0x0806, 0x86DD
_UDP, _FRAGMENT = 17, 44
_DHCP_SERVER, _DHCPV6_SERVER = 67, 547
_REDIRECT, _ROUTER_ADVERTISEMENT = 5, 9
_ADVERTISEMENT_V6, _NEIGHBOUR_ADVERTISEMENT, _REDIRECT_V6 = 134, 136, 137
_IP_AUTHENTIC = 1 << 60

_ACCEPT: JsonObject = {"type": "ACTION_ACCEPT"}
_BREAK: JsonObject = {"type": "ACTION_BREAK"}


def lan_guard_rules() -> list[JsonObject]:
    """The base rules of a guarded network (04, section 12)."""
    sets = (*_server_frames(), *_false_addresses())
    return [entry for matches in sets for entry in (*matches, _BREAK)] + [_ACCEPT]


def lan_guard_capabilities() -> list[JsonObject]:
    """What can be given to members that may do what is guarded (04, section 4)."""
    return [
        _capability(SERVER_CAPABILITY, _server_frames()),
        _capability(PROXY_CAPABILITY, _address_frames()),
    ]


def _capability(number: int, sets: tuple[list[JsonObject], ...]) -> JsonObject:
    rules = [entry for matches in sets for entry in (*matches, _ACCEPT)]
    return {"id": number, "default": False, "rules": rules}


def _server_frames() -> tuple[list[JsonObject], ...]:
    """What only servers and routers send; of fragments, only the first has a header to look at."""
    return (
        [_ethertype(_IPV4), _first_fragment(), _protocol(_UDP), _source_port(_DHCP_SERVER)],
        [_ethertype(_IPV6), _protocol(_UDP), _source_port(_DHCPV6_SERVER)],
        [
            _icmp(_REDIRECT),
            _or(_icmp(_ROUTER_ADVERTISEMENT)),
            _ethertype(_IPV4),
            _first_fragment(),
        ],
        [_icmp(_ADVERTISEMENT_V6), _or(_icmp(_REDIRECT_V6)), _ethertype(_IPV6)],
        # Nothing is seen of a fragmented packet, and no neighbour needs to send one (RFC 6980).
        [_to("fe80::/10"), _or(_to("ff00::/8")), _protocol(_FRAGMENT)],
    )


def _address_frames() -> tuple[list[JsonObject], ...]:
    """What tells others where an address is."""
    return ([_ethertype(_ARP)], [_icmp(_NEIGHBOUR_ADVERTISEMENT), _ethertype(_IPV6)])


def _false_addresses() -> tuple[list[JsonObject], ...]:
    """The same, of addresses that are not the sender's."""
    advertised = _icmp(_NEIGHBOUR_ADVERTISEMENT)
    return (
        # A probe, before an address is used, names no sender (RFC 5227).
        [_ethertype(_ARP), _not(_authentic()), _not(_integer(14, 32, 0, 0))],
        [
            advertised,
            _ethertype(_IPV6),
            _not(_authentic()),
            _not(_integer(48, 16, 0xFE80, 0xFEBF)),
        ],
        # Behind extension headers its target would not be looked at. Valid ones have next header
        # 0x3a, hop limit 255 and nothing between.
        [advertised, _ethertype(_IPV6), _not(_integer(6, 16, 0x3AFF, 0x3AFF))],
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


def _icmp(kind: int) -> JsonObject:
    return {"type": "MATCH_ICMP", "icmpType": kind, "icmpCode": None}


def _to(prefix: str) -> JsonObject:
    return {"type": "MATCH_IPV6_DEST", "ip": prefix}


def _authentic() -> JsonObject:
    return {"type": "MATCH_CHARACTERISTICS", "mask": f"{_IP_AUTHENTIC:016x}"}


def _first_fragment() -> JsonObject:
    """An IPv4 fragment offset of 0."""
    return _integer(6, 13, 0, 0)


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
