"""What is thrown bytes at: every parser of the wire, with what must hold of whatever it returns.

A target takes any bytes. It returns if they were a value or `Malformed`, and raises where the
code is wrong. The property tests run every target for a moment, ``make fuzz`` as long as is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from earthline import _native
from earthline.wire.credentials.capability import Capability
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.credentials.ownership import CertificateOfOwnership
from earthline.wire.credentials.revocation import Revocation
from earthline.wire.credentials.tag import Tag
from earthline.wire.dictionary import Dictionary
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress, emit_inet, read_inet
from earthline.wire.messages import PARSERS
from earthline.wire.messages.error import AuthenticationRequired, UnwantedMulticast
from earthline.wire.messages.hello import Hello
from earthline.wire.messages.ok import (
    OkConfigPush,
    OkHello,
    OkMulticastFrame,
    OkMulticastGather,
    OkNetwork,
    OkWhois,
)
from earthline.wire.metadata import RequestMetadata
from earthline.wire.network_config import NetworkConfig
from earthline.wire.packet import HEADER_LENGTH, MAX_PACKET, FragmentHeader, Header, Verb
from earthline.wire.reader import Malformed, Reader
from earthline.wire.rules import emit_rules, parse_rules
from earthline.wire.world import World

Target = Callable[[bytes], None]

SESSION = _native.SessionKey(bytes(range(48)))


def again(parse: Callable[[bytes], Any], emit: Callable[[Any], bytes]) -> Target:
    """What parses is emitted in a form that parses to the same value."""

    def target(data: bytes) -> None:
        try:
            value = parse(data)
        except Malformed:
            return
        assert parse(emit(value)) == value

    return target


def of_reader(kind: Any) -> Target:
    return again(lambda data: kind.read(Reader(data)), lambda value: value.emit())


def of_message(kind: Any) -> Target:
    return again(kind.parse, lambda value: value.emit())


def unmasked(tail: bytes) -> bytes:
    return tail


def packet(data: bytes) -> None:
    try:
        header = Header.parse(data)
    except Malformed:
        assert len(data) < HEADER_LENGTH
        return
    assert 0 <= header.hops < 8
    opened = SESSION.open(data)
    if opened is not None:
        assert len(opened) == len(data)
    plain = _native.decompress(data)
    assert plain is None or HEADER_LENGTH <= len(plain) <= max(MAX_PACKET, len(data))


def sealed(data: bytes) -> None:
    """Any packet is opened again after it is sealed, whatever it says."""
    if not HEADER_LENGTH <= len(data) <= MAX_PACKET:
        return
    for suite in (0, 1, 3):
        opened = SESSION.open(SESSION.seal(data, suite))
        assert opened is not None
        assert opened[HEADER_LENGTH - 1 :] == data[HEADER_LENGTH - 1 :]


def fragment(data: bytes) -> None:
    """Datagrams of any kind, cut from the data by their own first bytes."""
    reassembler = _native.Reassembler()
    reader = Reader(data)
    while reader.remaining > 2:
        datagram = reader.take(min(reader.u16() % 2048, reader.remaining))
        with suppress(Malformed):
            FragmentHeader.parse(datagram)
        whole = reassembler.accept(datagram, 0)
        assert whole is None or len(whole) <= MAX_PACKET


def dictionary(data: bytes) -> None:
    entries = Dictionary.parse(data)
    assert Dictionary.parse(entries.emit()) == entries
    for key, _ in entries:
        assert 0 <= entries.get_int(key) <= 0xFFFFFFFFFFFFFFFF
        entries.get_text(key)
        entries.get_bool(key)


def identity_text(data: bytes) -> None:
    text = data.decode("latin-1")
    for parse in (Identity.parse, SecretIdentity.parse):
        try:
            identity = parse(text)
        except ValueError:
            continue
        public = identity.public if isinstance(identity, SecretIdentity) else identity
        assert Identity.parse(str(public)) == public


def inet_text(data: bytes) -> None:
    try:
        address = InetAddress.parse(data.decode("latin-1"))
    except ValueError:
        return
    assert InetAddress.parse(str(address)) == address
    assert address.scope in range(8)


def metadata(data: bytes) -> None:
    assert RequestMetadata.parse(data).emit()


TARGETS: dict[str, Target] = {
    "packet": packet,
    "sealed": sealed,
    "fragment": fragment,
    "dictionary": dictionary,
    "identity": of_reader(Identity),
    "identity_text": identity_text,
    "inet": again(lambda data: read_inet(Reader(data)), emit_inet),
    "inet_text": inet_text,
    "world": of_message(World),
    "rules": again(parse_rules, emit_rules),
    "com": of_reader(CertificateOfMembership),
    "capability": of_reader(Capability),
    "tag": of_reader(Tag),
    "ownership": of_reader(CertificateOfOwnership),
    "revocation": of_reader(Revocation),
    "network_config": of_message(NetworkConfig),
    "metadata": metadata,
    "ok_hello": of_message(OkHello),
    "ok_whois": of_message(OkWhois),
    "ok_network": of_message(OkNetwork),
    "ok_multicast_gather": of_message(OkMulticastGather),
    "ok_multicast_frame": of_message(OkMulticastFrame),
    "ok_config_push": of_message(OkConfigPush),
    "unwanted_multicast": of_message(UnwantedMulticast),
    "authentication_required": of_message(AuthenticationRequired),
    "hello": again(lambda data: Hello.parse(data, unmasked), lambda hello: hello.emit(unmasked)),
    **{
        verb.name.lower(): again(parse, lambda value: value.emit())
        for verb, parse in PARSERS.items()
        if verb is not Verb.HELLO
    },
}
"""By the name that ``make fuzz TARGET=`` takes."""
