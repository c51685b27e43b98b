"""Strategies for every value of the wire, as a node of ours could make it."""

from __future__ import annotations

from hypothesis import strategies as st

from earthline.wire.credentials.capability import Capability, Custody
from earthline.wire.credentials.com import CertificateOfMembership, Qualifier
from earthline.wire.credentials.ownership import CertificateOfOwnership, Thing
from earthline.wire.credentials.revocation import Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.identity import Identity
from earthline.wire.inet import InetAddress
from earthline.wire.messages.config import ConfigChunk, NetworkConfigRequest
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.messages.error import AuthenticationRequired, Error, UnwantedMulticast
from earthline.wire.messages.frame import ExtFrame, Frame, MulticastFrame
from earthline.wire.messages.misc import (
    PathNegotiation,
    QosMeasurement,
    RemoteTrace,
    UserMessage,
)
from earthline.wire.messages.multicast import MulticastGather, MulticastLike
from earthline.wire.messages.ok import (
    Gathered,
    Ok,
    OkConfigPush,
    OkHello,
    OkMulticastFrame,
    OkMulticastGather,
    OkNetwork,
    OkWhois,
)
from earthline.wire.messages.paths import PushDirectPaths, PushedPath
from earthline.wire.messages.rendezvous import Rendezvous
from earthline.wire.messages.whois import Whois
from earthline.wire.multicast import MulticastGroup
from earthline.wire.network_config import Dns, NetworkConfig, Route
from earthline.wire.rules import Rule, RuleType, emit_rules
from earthline.wire.sign_on import SignOn
from earthline.wire.world import Root, World, WorldKind


def number(bits):
    return st.integers(0, (1 << bits) - 1)


def octets(length):
    return st.binary(min_size=length, max_size=length)


def several(strategy, limit=4, at_least=0):
    return st.lists(strategy, min_size=at_least, max_size=limit).map(tuple)


def distinct(values):
    """What says the same twice is read as said once."""
    return tuple(dict.fromkeys(values))


MAX_U64 = (1 << 64) - 1
u8, u16, u32, u64 = number(8), number(16), number(32), number(64)
addresses = st.integers(1, 0xFEFFFFFFFF)
macs = number(48)
payloads = st.binary(max_size=64)
signatures = octets(96)
ips = octets(4) | octets(16)
inets = st.builds(InetAddress, ips, u16)
groups = st.builds(MulticastGroup, macs, u32)
identities = st.builds(Identity, addresses, octets(64))

roots = st.builds(Root, identities, several(inets))
worlds = st.builds(
    World, st.sampled_from(WorldKind), u64, u64, octets(64), several(roots), signatures
)


@st.composite
def coms(draw):
    qualifiers = draw(st.lists(st.builds(Qualifier, u64, u64, u64), max_size=8))
    signed_by = draw(st.just(0) | addresses)
    signature = draw(signatures) if signed_by else b""
    return CertificateOfMembership(tuple(sorted(qualifiers)), signed_by, signature)


@st.composite
def rules(draw):
    kind = draw(st.sampled_from(RuleType) | number(6))
    if kind == RuleType.INTEGER_RANGE:
        start = draw(u64)
        rule = Rule.of(kind, start, start + draw(u32) & MAX_U64, draw(u16), draw(u8))
    else:
        rule = Rule.of(kind, *(draw(field) for field in rule_fields(kind)))
    return rule._replace(negated=draw(st.booleans()), alternative=draw(st.booleans()))


def rule_fields(kind):
    """Strategies for the fields of a rule (03, 6.1), written down a second time."""
    if kind in (2, 3, 4):
        return (number(40), u32, u16)
    shapes = {
        24: (octets(5),),
        25: (octets(5),),
        26: (u16,),
        27: (u8,),
        28: (u8,),
        29: (octets(6),),
        30: (octets(6),),
        31: (octets(4), u8),
        32: (octets(4), u8),
        33: (octets(16), u8),
        34: (octets(16), u8),
        35: (u8, u8, u8),
        36: (u8,),
        37: (u16,),
        38: (u8, u8, u8),
        39: (u16, u16),
        40: (u16, u16),
        41: (u64,),
        42: (u16, u16),
        43: (u32,),
    }
    return (u32, u32) if 44 <= kind <= 50 else shapes.get(kind, ())


capabilities = st.builds(
    Capability,
    u64,
    u64,
    u32,
    several(rules(), 6),
    st.just(7),
    several(st.builds(Custody, addresses, addresses, signatures), 7),
)
signed = {"signed_by": addresses, "signature": signatures}
tags = st.builds(Tag, u64, u64, u32, u32, addresses, **signed)
ownerships = st.builds(
    CertificateOfOwnership,
    u64,
    u64,
    u32,
    several(ips.map(Thing.of_ip) | macs.map(Thing.of_mac), 16),
    addresses,
    u64,
    **signed,
)
revocations = st.builds(Revocation, u64, u32, u32, u64, addresses, u8, u64, **signed)

texts = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=20)
sign_ons = st.builds(
    SignOn,
    enabled=st.just(value=True),
    version=st.just(0),
    authentication_url=texts,
    authentication_expires_at=u64,
) | st.builds(
    SignOn,
    enabled=st.just(value=True),
    version=st.just(1),
    issuer_url=texts,
    central_url=texts,
    nonce=texts,
    state=texts,
    client_id=texts,
    provider=texts,
)
network_configs = st.builds(
    NetworkConfig,
    network=st.integers(1, (1 << 64) - 1),
    issued_to=addresses,
    timestamp=u64,
    credential_max_delta=u64,
    revision=u64,
    trace_target=number(40),
    trace_level=u64,
    flags=u64,
    multicast_limit=u64,
    public=st.booleans(),
    name=texts,
    mtu=st.integers(1280, 10000),
    com=st.none() | coms(),
    capabilities=st.lists(capabilities, max_size=2).map(
        lambda c: tuple(sorted(c, key=lambda capability: capability.capability_id))
    ),
    tags=st.lists(tags, max_size=4).map(lambda t: tuple(sorted(t, key=lambda tag: tag.tag_id))),
    ownerships=several(ownerships, 2),
    specialists=several(u64),
    routes=several(st.builds(Route, inets, st.none() | inets, u16, u16)),
    static_ips=several(inets),
    rules=several(rules(), 6).map(emit_rules),
    dns=st.builds(Dns, texts, several(inets)),
    sign_on=sign_ons,
)


@st.composite
def chunks(draw):
    data = draw(payloads)
    offset = draw(st.integers(0, 1000))
    total = offset + len(data) + draw(st.integers(0, 1000))
    return ConfigChunk(draw(u64), data, draw(u64), total, offset, draw(u8), draw(signatures))


gathered = st.builds(Gathered, u32, several(addresses))
optional_com = st.none() | coms()

MESSAGES = {
    Error: st.builds(Error, u8, u64, u8, payloads),
    UnwantedMulticast: st.builds(UnwantedMulticast, u64, groups),
    AuthenticationRequired: st.builds(AuthenticationRequired, u64, st.binary(min_size=1)),
    Ok: st.builds(Ok, u8, u64, payloads),
    OkHello: st.builds(OkHello, u64, u8, u8, u8, u16, st.none() | inets, payloads),
    OkWhois: st.builds(OkWhois, several(identities, at_least=1)),
    OkNetwork: st.builds(OkNetwork, u64),
    OkMulticastGather: st.builds(OkMulticastGather, u64, groups, gathered),
    OkMulticastFrame: st.builds(OkMulticastFrame, u64, groups, optional_com, st.none() | gathered),
    OkConfigPush: st.builds(OkConfigPush, u64, u64),
    Whois: st.builds(Whois, several(addresses, at_least=1)),
    Rendezvous: st.builds(
        Rendezvous, addresses, st.builds(InetAddress, ips, st.integers(1, 0xFFFF))
    ),
    Frame: st.builds(Frame, u64, u16, payloads),
    ExtFrame: st.builds(
        ExtFrame, u64, macs, macs, u16, payloads, st.sampled_from((0, 0x02, 0x16)), optional_com
    ),
    MulticastFrame: st.builds(
        MulticastFrame,
        u64,
        groups,
        u16,
        payloads,
        st.sampled_from((0, 0x08)),
        optional_com,
        st.none() | u32,
        st.none() | macs,
    ),
    MulticastLike: st.builds(MulticastLike, several(st.tuples(u64, groups)).map(distinct)),
    MulticastGather: st.builds(MulticastGather, u64, groups, u32, optional_com),
    NetworkCredentials: st.builds(
        NetworkCredentials,
        several(coms(), 2),
        several(capabilities, 2),
        several(tags, 2),
        several(revocations, 2),
        several(ownerships, 2),
    ),
    NetworkConfigRequest: st.builds(NetworkConfigRequest, u64, payloads, u64, u64),
    ConfigChunk: chunks(),
    PushDirectPaths: st.builds(PushDirectPaths, several(st.builds(PushedPath, inets, u8))),
    UserMessage: st.builds(UserMessage, u64, payloads),
    RemoteTrace: st.builds(
        RemoteTrace, several(st.binary(min_size=1, max_size=9).filter(lambda d: b"\0" not in d))
    ),
    QosMeasurement: st.builds(QosMeasurement, several(st.tuples(u64, u16), limit=140, at_least=1)),
    PathNegotiation: st.builds(PathNegotiation, st.integers(-(1 << 15), (1 << 15) - 1)),
    World: worlds,
    NetworkConfig: network_configs,
}
"""Values of every class that is read by ``parse``."""

CREDENTIALS = {
    CertificateOfMembership: coms(),
    Capability: capabilities,
    Tag: tags,
    CertificateOfOwnership: ownerships,
    Revocation: revocations,
    Identity: identities,
}
"""Values of every class that is read by ``read``."""
