"""Addresses, identities, worlds, dictionaries and configurations at their edges."""

from __future__ import annotations

import dataclasses

import pytest

from earthline.wire.address import is_reserved, parse_address, parse_network
from earthline.wire.credentials.capability import Capability
from earthline.wire.credentials.common import Verification
from earthline.wire.credentials.tag import Tag
from earthline.wire.dictionary import Dictionary
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress, Scope
from earthline.wire.mac import parse_mac
from earthline.wire.metadata import RequestMetadata
from earthline.wire.network_config import (
    ROLE_ACTIVE_BRIDGE,
    ROLE_ANCHOR,
    ROLE_MULTICAST_REPLICATOR,
    Dns,
    NetworkConfig,
    Route,
)
from earthline.wire.reader import Malformed, Reader
from earthline.wire.rules import ACCEPT_ALL, Rule, RuleType, parse_rules
from earthline.wire.sign_on import SignOn
from earthline.wire.world import Root, World, WorldKind

SECRET = SecretIdentity.generate(bytes(32), 1)
CONTROLLER = SECRET.address
NETWORK = CONTROLLER << 24 | 7


@pytest.mark.parametrize("address", [0, 0xFF00000000, 0xFFFFFFFFFF])
def test_reserved_addresses(address):
    assert is_reserved(address)
    with pytest.raises(ValueError, match="reserved"):
        Identity.parse(f"{address:010x}:0:{'00' * 64}")


@pytest.mark.parametrize(
    "text", ["", "123456789", "12345678901", "0x12345678", "+123456789", "\uff11" * 10]
)
def test_texts_that_are_no_addresses(text):
    with pytest.raises(ValueError):
        parse_address(text)
    with pytest.raises(ValueError):
        parse_network(text)


@pytest.mark.parametrize("text", ["", "02:00", "02:00:00:00:00:0g", "020000000000 "])
def test_texts_that_are_no_macs(text):
    with pytest.raises(ValueError):
        parse_mac(text)


@pytest.mark.parametrize(
    "text",
    ["", "/24", "10.0.0.1/", "10.0.0.1/x", "10.0.0.1/65536", "10.0.0.1/-1", "fe80::1%eth0/64"],
)
def test_texts_that_are_no_internet_addresses(text):
    with pytest.raises(ValueError):
        InetAddress.parse(text)


@pytest.mark.parametrize(
    ("ip", "scope"),
    [
        ("255.1.2.3", Scope.NONE),
        ("::ffff:127.0.0.1", Scope.LOOPBACK),
        ("::ffff:10.0.0.1", Scope.GLOBAL),
        ("febf::1", Scope.LINK_LOCAL),
        ("fec0::1", Scope.GLOBAL),
        ("172.31.255.255", Scope.PRIVATE),
        ("254.0.0.1", Scope.PSEUDO_PRIVATE),
    ],
)
def test_scopes_at_their_borders(ip, scope):
    assert InetAddress.parse(ip).scope is scope


def test_a_secret_key_is_not_shown():
    assert SECRET.private_key.hex() not in repr(SECRET)
    assert repr(SECRET.private_key) not in repr(SECRET)


def test_a_generated_identity_is_valid_and_signs():
    assert SECRET.public.locally_valid()
    assert SECRET.public.verify(b"message", SECRET.sign(b"message"))
    assert not SECRET.public.verify(b"massage", SECRET.sign(b"message"))
    assert SecretIdentity.parse(SECRET.text + "\n") == SECRET


def world(**changes):
    fields = {
        "kind": WorldKind.PLANET,
        "world_id": 5,
        "timestamp": 10,
        "update_key": SECRET.public.public_key,
        "roots": (Root(SECRET.public),),
    }
    return World(**{**fields, **changes}).sign(SECRET.private_key)


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        ({"timestamp": 11}, True),
        ({"timestamp": 10}, False),
        ({"timestamp": 11, "world_id": 6}, False),
        ({"timestamp": 11, "kind": WorldKind.MOON}, False),
    ],
    ids=["newer", "same revision", "other ID", "other kind"],
)
def test_only_a_newer_revision_replaces_a_world(change, accepted):
    assert world(**change).may_replace(world()) is accepted


def test_a_revision_by_a_stranger_is_refused():
    stranger = SecretIdentity.generate(b"\x01" * 32, 1)
    newer = world(timestamp=11).sign(stranger.private_key)
    assert not newer.may_replace(world())


@pytest.mark.parametrize(
    ("world_id", "kind", "earth"),
    [
        (0x1234567890000001, WorldKind.PLANET, 0x1234567890000001),
        (0x1234567890000001, WorldKind.MOON, None),
        (0x1234567890000002, WorldKind.PLANET, None),
        (0x0000000000000001, WorldKind.PLANET, None),
        (0xFF34567890000001, WorldKind.PLANET, None),
        (149604618, WorldKind.PLANET, None),
    ],
)
def test_a_planet_names_its_earth_by_its_id(world_id, kind, earth):
    assert world(world_id=world_id, kind=kind).earth == earth


def test_keys_that_would_break_a_dictionary_are_refused():
    for key in ("", "a=b", "a\nb", "a\0b", "ä"):
        with pytest.raises(ValueError, match="not a dictionary key"):
            Dictionary().set(key, b"")


def test_setting_a_key_again_changes_its_first_entry():
    dictionary = Dictionary([("a", b"1"), ("b", b"2"), ("a", b"3")])
    dictionary.set_int("b", 5)
    dictionary.set_text("a", "x")
    assert dictionary.emit() == b"a=x\nb=0000000000000005\na=3"
    assert dictionary.get_text("a") == "x"
    assert "b" in dictionary
    assert len(dictionary) == 3


@pytest.mark.parametrize("number", [-1, 1 << 64])
def test_numbers_of_more_than_64_bits_are_refused(number):
    with pytest.raises(ValueError, match="64-bit"):
        Dictionary().set_int("n", number)


@pytest.mark.parametrize(
    ("value", "number"),
    [(b" \t+1f", 0x1F), (b"0x", 0), (b"-", 0), (b"f" * 17, (1 << 64) - 1), (b"-1", (1 << 64) - 1)],
)
def test_numbers_are_read_as_c_does(value, number):
    assert Dictionary([("n", value)]).get_int("n") == number
    assert Dictionary([("n", b"")]).get_int("n", 3) == 3


def test_the_request_metadata_is_that_of_a_stock_node():
    metadata = RequestMetadata(major=1, minor=14, revision=1, platform="linux/x86_64")
    assert metadata.emit().split(b"\n") == [
        b"v=0000000000000007",
        b"vend=0000000000000001",
        b"pv=000000000000000c",
        b"majv=0000000000000001",
        b"minv=000000000000000e",
        b"revv=0000000000000001",
        b"mr=0000000000000400",
        b"mc=0000000000000080",
        b"mcr=0000000000000040",
        b"mt=0000000000000080",
        b"f=0000000000000000",
        b"revr=0000000000000001",
        b"o=linux/x86_64",
    ]
    with_token = dataclasses.replace(metadata, token="token:secret")
    assert RequestMetadata.parse(with_token.emit()) == with_token


def config(**fields):
    return NetworkConfig(network=NETWORK, issued_to=1, **fields)


def test_roles_of_specialists():
    bridge, anchor, both = 0x1111111111, 0x2222222222, 0x3333333333
    roles = config(
        specialists=(
            bridge | ROLE_ACTIVE_BRIDGE,
            anchor | ROLE_ANCHOR,
            both | ROLE_ANCHOR | ROLE_MULTICAST_REPLICATOR,
            0x4444444444,
        )
    )
    assert roles.bridges == (bridge,)
    assert roles.anchors == (anchor, both)
    assert roles.replicators == (both,)
    assert roles.always_contact == (anchor, both)


def test_a_route_without_a_target_is_left_out():
    table = b"\x00\x00" + bytes(4) + Route(InetAddress.parse("10.0.0.0/8")).emit()
    entries = Dictionary.parse(config().emit())
    entries.set("RT", table)
    parsed = NetworkConfig.parse(entries.emit())
    assert parsed.routes == (Route(InetAddress.parse("10.0.0.0/8")),)


def test_addresses_and_routes_of_impossible_prefixes_are_kept_but_not_used():
    """What is looked at for every packet of every peer must not be there to raise."""
    ip, target = InetAddress.parse("10.1.2.3/24"), InetAddress.parse("10.0.0.0/8")
    drawn = config(
        static_ips=(InetAddress.parse("10.1.2.3/33"), ip, InetAddress.parse("fd00::1/129")),
        routes=(Route(InetAddress.parse("10.0.0.0/33")), Route(target)),
    )
    parsed = NetworkConfig.parse(drawn.emit())
    assert parsed == drawn
    assert parsed.addresses == (ip,)
    assert parsed.possible_routes == (Route(target),)


def test_names_are_cut_at_127_bytes_and_never_within_a_character():
    entries = Dictionary.parse(config().emit())
    entries.set_text("n", "é" * 100)
    parsed = NetworkConfig.parse(entries.emit())
    assert parsed.name == "é" * 63
    assert NetworkConfig.parse(parsed.emit()) == parsed


def test_a_dns_domain_without_its_end_keeps_127_bytes():
    value = b"d" * 128 + bytes(4)
    assert Dns.parse(value).domain == "d" * 127
    with pytest.raises(Malformed):
        Dns.parse(value[:-1])


def test_sign_on_that_is_off_says_nothing():
    off = SignOn(enabled=False, authentication_url="https://a.example")
    dictionary = Dictionary()
    off.write(dictionary)
    assert dictionary.emit() == b"ssov=0000000000000000\nssoe=0"


def test_the_rules_of_a_configuration_are_kept_in_canonical_form():
    entries = Dictionary.parse(config().emit())
    entries.set("R", b"\x01\x02??")
    assert NetworkConfig.parse(entries.emit()).rules == ACCEPT_ALL


def test_a_rule_takes_the_fields_of_its_type():
    rule = Rule.of(RuleType.IPV4_SOURCE, bytes([10, 0, 0, 0]), 8, negated=True)
    assert rule.emit().hex() == "9f050a00000008"
    assert parse_rules(rule.emit()) == (rule,)
    assert rule.fields == (bytes([10, 0, 0, 0]), 8)


def test_a_tag_of_a_foreign_signer_is_invalid_and_of_an_unknown_one_deferred():
    tag = Tag(NETWORK, 1, 2, 3, 4).sign(SECRET)
    assert tag.verify(lambda _address: SECRET.public) is Verification.VALID
    assert tag.verify(lambda _address: None) is Verification.DEFERRED
    foreign = dataclasses.replace(tag, network=1 << 24)
    assert foreign.verify(lambda _address: SECRET.public) is Verification.INVALID


def test_a_capability_nobody_signed_is_invalid():
    capability = Capability(NETWORK, 1, 2, (Rule.of(RuleType.ACCEPT),))
    assert capability.issued_to == 0
    assert capability.verify(lambda _address: SECRET.public) is Verification.INVALID
    issued = capability.sign(SECRET, to=5)
    assert issued.issued_to == 5
    assert issued.verify(lambda _address: SECRET.public) is Verification.VALID
    assert Capability.read(Reader(issued.emit())) == issued
