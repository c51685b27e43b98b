"""Building a member's configuration from its network's terms and its record (04, 9).

What is built carries one timestamp throughout, and is signed with the controller's identity: the
certificate of membership, the tags, the capabilities, and the certificate of ownership.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from earthline.controller.objects.addresses import Addresses, Reclaim, Taken, give_addresses
from earthline.controller.objects.coercion import (
    JsonObject,
    as_array,
    as_bool,
    as_int,
    read_address,
)
from earthline.controller.objects.member_object import tag_values
from earthline.controller.objects.terms import NetworkTerms, read_trace
from earthline.wire.credentials.capability import Capability
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.credentials.ownership import MAX_THINGS, CertificateOfOwnership, Thing
from earthline.wire.credentials.tag import Tag
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.network_config import (
    FLAG_BROADCAST,
    FLAG_EMULATE_NEIGHBOURS,
    MAX_CAPABILITIES,
    MAX_ROUTES,
    MAX_TAGS,
    ROLE_ACTIVE_BRIDGE,
    Dns,
    NetworkConfig,
    Route,
)
from earthline.wire.rules import ACCEPT_ALL, emit_rules
from earthline.wire.sign_on import SignOn

_OWNERSHIP_ID = 1
"""Of the one certificate of ownership in a configuration (04, 9.11)."""
_U32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Issue:
    """For whom a configuration is built, by whom, and when."""

    controller: SecretIdentity
    network: int
    terms: NetworkTerms
    to: Identity
    at: int
    """Timestamp of everything in it, ms."""
    knows_rules: bool
    """Whether the member has a rules engine (04, 9.4)."""
    new_member: bool
    """Whether the controller had no record of it before this request (04, 9.5)."""


def build_config(
    issue: Issue,
    member: JsonObject,
    *,
    bridges: list[int],
    taken: Taken,
    entropy: Callable[[int], bytes],
    picked_before: Callable[[], set[bytes]],
    reclaim: Reclaim | None = None,
) -> tuple[NetworkConfig, list[bytes]]:
    """The configuration, and the IPs that were picked for it.

    What the member gets for good (picked addresses, default tags and capabilities) is written into
    its record. ``picked_before`` tells which of its IPs pools gave it.
    """
    terms = issue.terms
    _add_defaults(issue, member)
    addresses = _give_addresses(issue, member, taken, entropy, reclaim)
    _note_assigned(member, addresses, picked_before)
    trace = read_trace(member) or terms.trace
    config = NetworkConfig(
        network=issue.network,
        issued_to=issue.to.address,
        timestamp=issue.at,
        credential_max_delta=terms.window_ms,
        revision=terms.revision,
        trace_target=trace.address,
        trace_level=trace.level,
        flags=_flags(terms, addresses),
        multicast_limit=terms.multicast_limit,
        public=not terms.private,
        name=terms.name,
        mtu=terms.mtu,
        com=_certify(issue),
        capabilities=_issue_capabilities(issue, member),
        tags=_issue_tags(issue, member),
        ownerships=_issue_ownership(issue, addresses.static_ips),
        specialists=tuple(ROLE_ACTIVE_BRIDGE | bridge for bridge in bridges),
        routes=tuple(Route(target, via) for target, via in terms.addresses.routes[:MAX_ROUTES]),
        static_ips=tuple(addresses.static_ips),
        rules=emit_rules(terms.rules) if issue.knows_rules else ACCEPT_ALL,
        dns=Dns(terms.dns_domain, terms.dns_servers),
        sign_on=_sign_on(terms, member),
    )
    return config, [address.ip for address in addresses.picked]


def _add_defaults(issue: Issue, member: JsonObject) -> None:
    """Default capabilities for a new member, and default tags it has no value of (04, 9.5, 9.6)."""
    if issue.new_member:
        held = as_array(member.get("capabilities")) or []
        missing = [number for number in issue.terms.default_capabilities if number not in held]
        member["capabilities"] = [*held, *missing]
    if issue.knows_rules:
        own = tag_values(member)
        tags = as_array(member.get("tags")) or []
        missing_tags = ([n, v] for n, v in issue.terms.default_tags.items() if n not in own)
        member["tags"] = [*tags, *missing_tags]


def _give_addresses(
    issue: Issue,
    member: JsonObject,
    taken: Taken,
    entropy: Callable[[int], bytes],
    reclaim: Reclaim | None,
) -> Addresses:
    read = (read_address(text) for text in as_array(member.get("ipAssignments")) or ())
    return give_addresses(
        issue.terms.addresses,
        issue.network,
        issue.to.address,
        [address for address in read if address is not None],
        automatic=not as_bool(member.get("noAutoAssignIps"), False),
        taken=taken,
        entropy=entropy,
        reclaim=reclaim,
    )


def _note_assigned(
    member: JsonObject, given: Addresses, picked_before: Callable[[], set[bytes]]
) -> None:
    """Write down what was picked, and strike out what it replaces.

    A pool's address that no route leads to any more would come alive again with a wider route, long
    after the member has another one. What a person assigned is for persons to take back.
    """
    texts = as_array(member.get("ipAssignments")) or []
    unrouted = {address.ip for address in given.unrouted}
    if unrouted and (replaced := unrouted & picked_before()):
        read = ((text, read_address(text)) for text in texts)
        texts = [text for text, address in read if address is None or address.ip not in replaced]
    member["ipAssignments"] = [*texts, *(address.ip_text for address in given.picked)]


def _flags(terms: NetworkTerms, addresses: Addresses) -> int:
    broadcast = FLAG_BROADCAST if terms.broadcast else 0
    return broadcast | (FLAG_EMULATE_NEIGHBOURS if addresses.emulate_neighbours else 0)


def _certify(issue: Issue) -> CertificateOfMembership:
    certificate = CertificateOfMembership.build(
        issue.network, issue.at, issue.terms.window_ms, issue.to
    )
    return certificate.sign(issue.controller)


def _issue_capabilities(issue: Issue, member: JsonObject) -> tuple[Capability, ...]:
    if not issue.knows_rules:
        return ()
    held = {as_int(number, 0) & _U32 for number in as_array(member.get("capabilities")) or ()}
    numbers = sorted(held & issue.terms.capabilities.keys())[:MAX_CAPABILITIES]
    return tuple(
        Capability(issue.network, issue.at, number, issue.terms.capabilities[number]).sign(
            issue.controller, issue.to.address
        )
        for number in numbers
    )


def _issue_tags(issue: Issue, member: JsonObject) -> tuple[Tag, ...]:
    if not issue.knows_rules:
        return ()
    values = sorted(tag_values(member).items())[:MAX_TAGS]
    return tuple(
        Tag(issue.network, issue.at, number, value, issue.to.address).sign(issue.controller)
        for number, value in values
    )


def _issue_ownership(
    issue: Issue, static_ips: list[InetAddress]
) -> tuple[CertificateOfOwnership, ...]:
    if not static_ips:
        return ()
    things = tuple(Thing.of_ip(address.ip) for address in static_ips[:MAX_THINGS])
    certificate = CertificateOfOwnership(
        issue.network, issue.at, _OWNERSHIP_ID, things, issue.to.address
    )
    return (certificate.sign(issue.controller),)


def _sign_on(terms: NetworkTerms, member: JsonObject) -> SignOn:
    if not terms.sso or as_bool(member.get("ssoExempt"), False):
        return SignOn()
    expires_at = as_int(member.get("authenticationExpiryTime"), 0)
    return SignOn(enabled=True, authentication_expires_at=expires_at)
