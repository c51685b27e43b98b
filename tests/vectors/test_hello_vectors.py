"""hello.json: HELLO as it is sent, masked and authenticated, and the answers to it (01, 6.5)."""

from __future__ import annotations

import pytest

from earthline import _native
from earthline._native import SessionKey
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.messages.error import Error
from earthline.wire.messages.hello import Hello, tail_mask
from earthline.wire.messages.ok import Ok, OkHello
from earthline.wire.packet import (
    HEADER_LENGTH,
    MINIMUM_PROTOCOL_VERSION,
    ErrorCode,
    Header,
    Suite,
    Verb,
    build,
)
from earthline.wire.reader import Malformed


def check_hello(case):
    sender = SecretIdentity.parse(case["sender_secret"])
    receiver = SecretIdentity.parse(case["receiver_secret"])
    session = SessionKey(receiver.agree(sender.public))
    wire = bytes.fromhex(case["wire"])
    header = Header.parse(wire)
    hello = expected_hello(case, sender)
    mask = tail_mask(session, header.packet_id)
    payload = hello.emit(mask)
    plain = build(header.packet_id, header.destination, header.source, Verb.HELLO, payload)
    assert session.seal(plain, Suite.POLY1305) == wire
    assert hello.tail_offset + HEADER_LENGTH == case["encrypted_tail_offset"]
    assert hello.tail.hex() == case["tail_plain"]
    assert mask(hello.tail).hex() == case["tail_on_wire"]
    assert Hello.parse(session.open(wire)[HEADER_LENGTH:], mask) == hello
    check_replies(case, session)


def expected_hello(case, sender):
    major, minor, revision = map(int, case["software_version"].split("."))
    return Hello(
        protocol=case["protocol_version"],
        major=major,
        minor=minor,
        revision=revision,
        timestamp=case["timestamp"],
        identity=sender.public,
        sent_to=InetAddress.parse(case["sent_to"]),
        planet_id=int(case["planet_world_id"], 16),
        planet_timestamp=case["planet_timestamp"],
        moons=tuple((int(moon["world_id"], 16), moon["timestamp"]) for moon in case["moons"]),
    )


def check_replies(case, session):
    """Every reply opens to the payload given, and says in its own form what is in it."""
    for reply in case["replies"]:
        wire = bytes.fromhex(reply["wire"])
        header = Header.parse(wire)
        assert header.suite == reply["cipher"]
        opened = session.open(wire)
        assert (opened is not None) is reply["authentic"]
        assert Header.parse(opened).compressed is reply["was_compressed"]
        plain = _native.decompress(opened)
        assert Header.parse(plain).verb == reply["verb"]
        payload = plain[HEADER_LENGTH:]
        assert payload.hex() == reply["payload"]
        REPLIES[reply["verb"]](payload, tail_mask(session, header.packet_id))


def check_ok(payload, _mask):
    ok = Ok.parse(payload)
    assert ok.in_re_verb == Verb.HELLO
    answer = OkHello.parse(ok.payload)
    worlds = b"".join(world.emit() for world in answer.read_worlds())
    assert worlds == answer.worlds
    assert Ok(ok.in_re_verb, ok.in_re_packet_id, answer.emit()).emit() == payload


def check_error(payload, _mask):
    error = Error.parse(payload)
    assert (error.in_re_verb, error.code) == (Verb.HELLO, ErrorCode.IDENTITY_COLLISION)
    assert error.emit() == payload


def check_returned_hello(payload, mask):
    assert Hello.parse(payload, mask).emit(mask) == payload


REPLIES = {Verb.OK: check_ok, Verb.ERROR: check_error, Verb.HELLO: check_returned_hello}


def check_receive(case):
    receiver = SecretIdentity.parse(case["receiver_secret"])
    assert accepted(case, receiver) is case["accepted"]
    sender = SecretIdentity.parse(case["sender_secret"])
    check_replies(case, SessionKey(receiver.agree(sender.public)))


def accepted(case, receiver):
    """Whether the packet proves a HELLO of a valid identity that does not collide (01, 6.5)."""
    wire = bytes.fromhex(case["wire"])
    known = case["receiver_already_knows"]
    try:
        if Header.parse(wire).suite == Suite.POLY1305:
            return accepted_in_the_clear(wire, receiver, Identity.parse(known) if known else None)
        return bool(known) and accepted_encrypted(wire, receiver, Identity.parse(known))
    except Malformed:
        return False


def accepted_in_the_clear(wire, receiver, known):
    hello = Hello.parse(wire[HEADER_LENGTH:])
    if hello.protocol < MINIMUM_PROTOCOL_VERSION:
        return False
    if hello.identity.address != Header.parse(wire).source:
        return False
    session = SessionKey(receiver.agree(hello.identity))
    if session.open(wire) is None:
        return False
    Hello.parse(wire[HEADER_LENGTH:], tail_mask(session, Header.parse(wire).packet_id))
    return hello.identity.locally_valid() if known is None else hello.identity == known


def accepted_encrypted(wire, receiver, known):
    session = SessionKey(receiver.agree(known))
    opened = session.open(wire)
    if opened is None:
        return False
    mask = tail_mask(session, Header.parse(wire).packet_id)
    return Hello.parse(_native.decompress(opened)[HEADER_LENGTH:], mask).identity == known


@pytest.mark.vectors("hello")
def test_hello(run_check):
    run_check({"hello": check_hello, "receive": check_receive})
