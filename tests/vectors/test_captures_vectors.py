"""captures/: real traffic of stock nodes, opened, parsed and written again (01, 3 to 6).

``decoded`` was worked out by a separate decoder. Every packet opens with the keys given, to the
payload given, and its message, where its form is canonical, is emitted as the very same bytes.
"""

from __future__ import annotations

from functools import cache

import pytest

from earthline import _native
from earthline._native import SessionKey
from earthline.wire.identity import SecretIdentity
from earthline.wire.messages import PARSERS
from earthline.wire.messages.config import ConfigChunk
from earthline.wire.messages.error import Error
from earthline.wire.messages.hello import Hello, tail_mask
from earthline.wire.messages.ok import (
    Ok,
    OkConfigPush,
    OkHello,
    OkMulticastFrame,
    OkMulticastGather,
    OkNetwork,
    OkWhois,
)
from earthline.wire.metadata import RequestMetadata
from earthline.wire.network_config import NetworkConfig
from earthline.wire.packet import HEADER_LENGTH, FragmentHeader, Header, Verb

OK_PARSERS = {
    Verb.HELLO: OkHello,
    Verb.WHOIS: OkWhois,
    Verb.EXT_FRAME: OkNetwork,
    Verb.NETWORK_CONFIG_REQUEST: ConfigChunk,
    Verb.MULTICAST_GATHER: OkMulticastGather,
    Verb.MULTICAST_FRAME: OkMulticastFrame,
}


@cache
def secret_of(text):
    return SecretIdentity.parse(text)


@cache
def session_of(own, other):
    return SessionKey(secret_of(own).agree(secret_of(other).public))


def session_for(header, document):
    secrets = {
        int(node["address"], 16): node["identity_secret"] for node in document["nodes"].values()
    }
    return session_of(secrets[header.destination], secrets[header.source])


def check_packet(case, document):
    head = bytes.fromhex(case["hex"])
    decoded = case.get("decoded")
    header = Header.parse(head)
    if decoded is None:
        assert header.fragmented, "only a packet that lacks a piece stays closed"
        return
    check_header(header, decoded)
    wire = head + b"".join(pieces_of(case, document))
    assert len(wire) == decoded["assembled_size"]
    session = session_for(header, document)
    opened = session.open(wire)
    assert (opened is not None) is decoded["authentic"]
    assert Header.parse(opened).compressed is decoded["compressed"]
    plain = _native.decompress(opened)
    assert Header.parse(plain).verb == decoded["verb"]
    payload = plain[HEADER_LENGTH:]
    assert payload.hex() == decoded["payload"]
    check_message(decoded, payload, tail_mask(session, header.packet_id))


def check_header(header, decoded):
    assert f"{header.packet_id:016x}" == decoded["packet_id"]
    assert f"{header.destination:010x}" == decoded["destination"]
    assert f"{header.source:010x}" == decoded["source"]
    assert header.hops == decoded["hops"]
    assert header.suite == decoded["cipher"]
    assert header.fragmented is decoded["fragmented"]


def pieces_of(case, document):
    """The data of the fragments that belong to this head, in order."""
    pieces = {
        datagram["fragment"]["number"]: bytes.fromhex(datagram["hex"])[16:]
        for datagram in document["datagrams"]
        if datagram["kind"] == "fragment" and datagram["fragment"]["head"] == case["n"]
    }
    return [pieces[number] for number in sorted(pieces)]


def check_message(decoded, payload, mask):
    verb = Verb(decoded["verb"])
    if verb is Verb.HELLO:
        hello = Hello.parse(payload, mask)
        assert hello.tail_offset == decoded["tail_offset"]
        assert hello.tail.hex() == decoded["tail_plain"]
        assert hello.emit(mask) == payload
        assert hello.identity.locally_valid()
    elif verb is not Verb.ECHO:
        message = PARSERS[verb](payload)
        assert message.emit() == payload
        check_inside(verb, message)


def check_inside(verb, message):
    if verb is Verb.OK:
        check_answer(message)
    elif verb is Verb.ERROR:
        assert Error.network(message) != 0
    elif verb is Verb.NETWORK_CONFIG:
        check_chunk(message)
    elif verb is Verb.NETWORK_CONFIG_REQUEST:
        assert RequestMetadata.parse(message.metadata).emit() == message.metadata


def check_answer(ok: Ok):
    if ok.in_re_verb == Verb.ECHO:
        # The quirk of acknowledged configurations, or the answer to an ECHO.
        answer = OkConfigPush.parse(ok.payload) if len(ok.payload) == 16 else None
        assert answer is None or answer.emit() == ok.payload
        return
    answer = OK_PARSERS[Verb(ok.in_re_verb)].parse(ok.payload)
    assert answer.emit() == ok.payload
    if isinstance(answer, ConfigChunk):
        check_chunk(answer)
    if isinstance(answer, OkHello):
        assert b"".join(world.emit() for world in answer.read_worlds()) == answer.worlds


def check_chunk(chunk):
    if chunk.whole:
        assert NetworkConfig.parse(chunk.data).emit() == chunk.data


def check_fragment(case):
    header = FragmentHeader.parse(bytes.fromhex(case["hex"]))
    fragment = case["fragment"]
    assert f"{header.packet_id:016x}" == fragment["packet_id"]
    assert (header.number, header.total) == (fragment["number"], fragment["total"])
    assert header.hops == fragment["hops"]


def check_other(case):
    assert len(bytes.fromhex(case["hex"])) <= 16


CHECKS = {"packet": check_packet, "fragment": check_fragment, "other": check_other}


@pytest.mark.vectors("captures/basic")
def test_basic_capture(run_check):
    run_check(CHECKS)


@pytest.mark.vectors("captures/rich")
def test_rich_capture(run_check):
    run_check(CHECKS)


@pytest.mark.vectors("captures/relay")
def test_relay_capture(run_check):
    run_check(CHECKS)
