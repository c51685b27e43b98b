"""The worked examples of the specification (01, appendix A; 03, 12)."""

from __future__ import annotations

import hashlib

import pytest

from earthline import _native
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.credentials.common import CredentialType
from earthline.wire.credentials.revocation import Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.dictionary import Dictionary
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.mac import format_mac, mac_of
from earthline.wire.messages.config import split_config
from earthline.wire.network_config import NetworkConfig, Route
from earthline.wire.packet import Suite, Verb, build
from earthline.wire.rules import ACCEPT_ALL, Rule, RuleType, emit_rules
from earthline.wire.world import Root, World, WorldKind

A = SecretIdentity.parse(
    "62127e89a9:0:"
    "65b5bd1533d5e88b8a6ab022e65c0f05153c0f29de8f69a1564eb4a9faa3ef24"
    "7a243b7dfcb80e3e33e6e99cb94a5388d15a82f0baccf0dfb6456912ee704cae:"
    "b6782e13adc25e1b4053346867ae2d2dc16e7cc9e53c3de17e1d275f2a52231b"
    "d64b1084002d5f5f223e62caaed9ab02d319e368e78a54ac310e585ed13f0864"
)
B = SecretIdentity.parse(
    "919f742684:0:"
    "76cf4d6e33ea87ba96395c55d01735fabfa29cb56cea19f882176df1f83d2b5c"
    "7ff5e234652706a866fb556f00e1c02d8745e7f6cfcf2ee05313dc98b548c458:"
    "fb75b560bd855c15802e8eafa57fd0692e43896d3dc2cc57b30343761cfb9761"
    "b8c1cb1e0d021b68e70e02bcea804b2ec71f5a00f94be1a4fa6dfdb6aca8bb19"
)
KEY = bytes.fromhex(
    "99d1ce7e458c90f25e212944cd2fd79e6b9c3305d219b22f86df0ec1d97a7bbb"
    "d87989021772c729ad0166fae3166513"
)
CONTROLLER = Identity.parse(
    "b560ca9ae8:0:739588409b7adf43946385c6198f91c895e27de93c479a31f8b90384f23d7c35"
    "81d23896858973c881281f7566c4549c88304f7e35aabf06f38c3bbb5be0dc76"
)
MEMBER = Identity.parse(
    "6ec7bccdf7:0:cdfba2c6944a5efe7beec6552b9eefc58599b8bc9121cb289a6c9ed1305f8c0a"
    "dd7255f421fa4b702656cf6b92f96b0aaf9e0bc1e521a5823a1ac6af3eb2679e"
)
NETWORK = 0xB560CA9AE8000001
NOW = 1_700_000_000_000


def unsigned_com():
    return CertificateOfMembership.build(NETWORK, NOW, 1_800_000, MEMBER)


def test_two_identities_agree_on_the_documented_key():
    assert A.agree(B.public) == B.agree(A.public) == KEY
    assert A.public.locally_valid()
    assert B.public.locally_valid()


def test_signature_of_abc():
    assert A.sign(b"abc").hex() == (
        "b3de3e1c581956f1264cd3527593d63bf504a4867d46088a8dddafe080dc4a05"
        "3304e04d29b30e919c468f57b0a9776e72b2f97da4e45a0c1246b2e36af5050a"
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    )


@pytest.mark.parametrize(
    ("suite", "wire"),
    [
        (Suite.POLY1305, "0102030405060708919f74268462127e89a900848ec4b9c18b6d450870696e67"),
        (
            Suite.SALSA20_POLY1305,
            "0102030405060708919f74268462127e89a988405be5a723506873c10fbcd6bd",
        ),
        (Suite.AES_GMAC_SIV, "7adf52d235978732919f74268462127e89a91813ed72e25ef9a77a7a7b15dd0a"),
    ],
)
def test_an_echo_sealed_with_each_suite(suite, wire):
    plain = build(0x0102030405060708, B.address, A.address, Verb.ECHO, b"ping")
    session = _native.SessionKey(KEY)
    assert session.seal(plain, suite).hex() == wire
    assert session.open(bytes.fromhex(wire))[27:] == b"\x08ping"


def test_the_mask_of_a_hello_tail_ignores_the_low_bits_of_the_packet_id():
    session = _native.SessionKey(KEY)
    assert session.mask_hello_tail(0x0102030405060707, b"ping").hex() == "af5f28a4"
    assert session.mask_hello_tail(0x0102030405060700, b"ping").hex() == "af5f28a4"


def test_a_moon_of_one_root():
    root = Root(B.public, (InetAddress.parse("10.0.0.1/9993"),))
    moon = World(WorldKind.MOON, 0x1122334455, NOW, A.public.public_key, (root,))
    signed = moon.sign(A.private_key).emit()
    assert len(signed) == 259
    assert hashlib.sha256(signed).hexdigest() == (
        "ee75db9f088dbdd9c10a0b4bc8433ad6946cb58f8de41d4c8cacb5691506363f"
    )


def test_every_escape_of_a_dictionary():
    dictionary = Dictionary([("x", bytes.fromhex("613d625c630d0a00"))])
    assert dictionary.emit() == rb"x=a\eb\\c\r\n\0"


def test_the_mac_of_a_member():
    assert format_mac(mac_of(0x0123456789, 0x8056C2E21C000001)) == "02:01:23:59:85:4b"
    assert format_mac(mac_of(0xDEADBEEF01, 0x8056C2E21C123452)) == "32:ea:bf:a2:0d:c3"


def test_the_qualifiers_of_a_certificate_of_membership():
    com = unsigned_com()
    assert com.signed_bytes().hex() == (
        "00000000000000000000018bcfe5680000000000001b7740"
        "0000000000000001b560ca9ae80000010000000000000000"
        "00000000000000020000006ec7bccdf7ffffffffffffffff"
        "00000000000000030ec34568ef1932fdffffffffffffffff"
        "0000000000000004417f0015a86f9ecbffffffffffffffff"
        "000000000000000589a4b21314f8ef85ffffffffffffffff"
        "00000000000000063101e8f63c2a60acffffffffffffffff"
    )
    signature = bytes.fromhex(
        "d96258a154e8f65701a6e4a34babc156937629e6fc822968b73e11d7845b9e1c"
        "dec035c47bfdb2e6e3c699da2feefe5450b5eb0575b5693c069313fd9ba9620a"
        "275814ab62bc0ca869df8ac5b83e631e78060a191a5cf489c512877c87129965"
    )
    assert CONTROLLER.verify(com.signed_bytes(), signature)


def test_the_signed_message_of_a_tag():
    tag = Tag(NETWORK, NOW, 1000, 7, MEMBER.address, signed_by=CONTROLLER.address)
    signature = bytes.fromhex(
        "9a6a8ad78edfdc7cc3158c0fc0d22aa7263b616e6a581c6c9ec7b0df4f601a33"
        "ddb0a651099ced62f3fcf4ac70790834931791acaa0d9f71712463067b756a00"
        "91858458a845865f2499873f9d4f558afaa2401d6c8370094f5d28ecefac8c59"
    )
    assert len(tag.signed_bytes()) == 52
    assert CONTROLLER.verify(tag.signed_bytes(), signature)


def test_the_signed_message_of_a_revocation():
    revocation = Revocation(
        revocation_id=77,
        network=NETWORK,
        credential_id=0,
        threshold=NOW,
        target=MEMBER.address,
        credential_type=CredentialType.CERTIFICATE_OF_MEMBERSHIP,
        flags=1,
        signed_by=CONTROLLER.address,
    )
    signature = bytes.fromhex(
        "deb943f544c8468fb6ea88a9ca2d0b860f1ef1c31533fb57d355967e7d205055"
        "410a05fb779b43733dbf46e281a4903ef6351065f5f952a4a9e3725e7f0fac0e"
        "f43122d68d80d4e2e04ff40f382ee1ffbb197db086945b7c5af75105e0761584"
    )
    assert len(revocation.emit()) == 152
    assert CONTROLLER.verify(revocation.signed_bytes(), signature)


def test_blobs_of_a_configuration():
    assert InetAddress.parse("10.1.2.3/24").emit().hex() == "040a0102030018"
    escaped = Dictionary([("I", InetAddress.parse("10.1.2.3/24").emit())]).emit()
    assert escaped.hex() == "493d" + "045c6e0102035c3018"
    route = Route(InetAddress.parse("10.1.2.0/24"))
    assert route.emit().hex() == "040a010200001800" + "00000000"
    rules = (
        Rule.of(RuleType.IP_PROTOCOL, 0x11),
        Rule.of(RuleType.IP_PROTOCOL, 0x06, alternative=True),
        Rule.of(RuleType.IP_DESTINATION_PORT_RANGE, 0x50, 0x50),
        Rule.of(RuleType.ACCEPT),
        Rule.of(RuleType.DROP),
    )
    assert emit_rules(rules).hex() == "24011164010628040050005001000000"
    assert Rule.of(RuleType.TEE, 0x3333333333, 0, 10).emit().hex() == (
        "020e000000333333333300000000000a"
    )


def test_a_minimal_configuration_keeps_the_documented_scalars():
    config = NetworkConfig(
        network=NETWORK,
        issued_to=MEMBER.address,
        timestamp=NOW,
        credential_max_delta=1_800_000,
        revision=1,
        flags=2,
        multicast_limit=32,
        name="demo",
        com=unsigned_com(),
        static_ips=(InetAddress.parse("10.1.2.3/24"),),
        rules=ACCEPT_ALL,
    )
    lines = config.emit().split(b"\n")
    for line in (
        b"v=0000000000000007",
        b"nwid=b560ca9ae8000001",
        b"ts=0000018bcfe56800",
        b"ctmd=00000000001b7740",
        b"id=6ec7bccdf7",
        b"ml=0000000000000020",
        b"n=demo",
        b"mtu=0000000000000af0",
        rb"R=" + b"\x01" + rb"\0",
    ):
        assert line in lines


def test_the_signed_region_of_a_chunk():
    dictionary = bytes(570)
    (chunk,) = split_config(NETWORK, dictionary, 0x1122334455667788, A)
    assert chunk.signed_bytes() == (
        bytes.fromhex("b560ca9ae8000001023a")
        + dictionary
        + bytes.fromhex("0011223344556677880000023a00000000")
    )
    assert len(chunk.signed_bytes()) == 597
