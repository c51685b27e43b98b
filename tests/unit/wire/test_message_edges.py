"""What messages may leave out, and what makes them malformed."""

from __future__ import annotations

import pytest

from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.messages.config import (
    MAX_CHUNK,
    MAX_CONFIG,
    ConfigChunk,
    NetworkConfigRequest,
    split_config,
)
from earthline.wire.messages.credentials import NetworkCredentials
from earthline.wire.messages.error import AuthenticationRequired, Error
from earthline.wire.messages.frame import ExtFrame, Frame, MulticastFrame
from earthline.wire.messages.hello import Hello
from earthline.wire.messages.misc import PathNegotiation, QosMeasurement, RemoteTrace
from earthline.wire.messages.multicast import MulticastGather, MulticastLike
from earthline.wire.messages.ok import OkHello, OkWhois
from earthline.wire.messages.paths import PushDirectPaths, PushedPath
from earthline.wire.messages.rendezvous import Rendezvous
from earthline.wire.messages.whois import Whois
from earthline.wire.multicast import MulticastGroup
from earthline.wire.packet import FragmentHeader, Header
from earthline.wire.reader import Malformed, Reader

IDENTITY = Identity(0x1234567890, bytes(range(64)))
NETWORK = 0x8056C2E21C000001
GROUP = MulticastGroup(0xFFFFFFFFFFFF, 0x0A010203)


def clear(tail):
    return tail


def hello(**fields):
    return Hello(12, 1, 14, 1, 1_700_000_000_000, IDENTITY, **fields)


def test_reading_past_the_end_is_malformed():
    reader = Reader(b"\x01\x02")
    with pytest.raises(Malformed):
        reader.u32()
    assert (reader.u16(), reader.done) == (0x0102, True)
    with pytest.raises(Malformed):
        reader.peek()


def test_a_hello_that_ends_after_its_identity_is_whole():
    payload = hello().emit(clear)[:84]
    assert Hello.parse(payload, clear) == hello()


def test_a_hello_that_ends_after_its_address_is_whole():
    sent_to = InetAddress.parse("10.0.0.1/9993")
    payload = hello(sent_to=sent_to).emit(clear)[:91]
    assert Hello.parse(payload, clear) == hello(sent_to=sent_to)


def test_a_hello_whose_moons_overrun_is_malformed():
    payload = hello(moons=((1, 2), (3, 4))).emit(clear)
    with pytest.raises(Malformed):
        Hello.parse(payload[:-1], clear)


def test_a_hello_skips_worlds_that_are_no_moons():
    payload = bytearray(hello(moons=((1, 2), (3, 4))).emit(clear))
    payload[hello().tail_offset + 2] = 1
    assert Hello.parse(bytes(payload), clear).moons == ((3, 4),)


def test_an_answered_hello_may_lack_address_and_worlds():
    answer = OkHello(1, 12, 1, 14, 1)
    assert OkHello.parse(answer.emit()[:13]) == answer
    assert answer.read_worlds() == ()


def test_an_answered_hello_with_a_broken_world_is_malformed():
    with pytest.raises(Malformed):
        OkHello(1, 12, 1, 14, 1, None, b"\x01\x02").read_worlds()


def test_all_identities_of_an_answered_whois_are_read():
    other = Identity(0x1111111111, bytes(64))
    assert OkWhois.parse(IDENTITY.emit() + other.emit()).identities == (IDENTITY, other)
    with pytest.raises(Malformed):
        OkWhois.parse(b"")


def test_a_part_of_an_address_at_the_end_of_a_whois_is_ignored():
    payload = Whois((0x1234567890, 0x1111111111)).emit()
    assert Whois.parse(payload + b"\x01\x02").addresses == (0x1234567890, 0x1111111111)
    with pytest.raises(Malformed):
        Whois.parse(b"\x01\x02")


@pytest.mark.parametrize(
    "payload",
    [
        "00123456789000000" + "40a000001",
        "001234567890270905" + "0a00000101",
        "0012345678902709100a000001",
    ],
    ids=["port 0", "IP of 5 bytes", "IP cut off"],
)
def test_a_rendezvous_without_an_endpoint_is_malformed(payload):
    with pytest.raises(Malformed):
        Rendezvous.parse(bytes.fromhex(payload))


def test_pushed_paths_of_unknown_types_and_extended_data_are_skipped():
    path = PushedPath(InetAddress.parse("192.0.2.1/9993"), flags=2)
    extended = bytes([2]) + b"\x00\x03abc" + path.emit()[3:]
    unknown = bytes([0, 0, 0, 9, 4]) + b"????"
    short = bytes([0, 0, 0, 6, 6]) + bytes(6)
    payload = b"\x00\x03" + unknown + extended + short
    assert PushDirectPaths.parse(payload).paths == (path,)


def test_frames_may_be_empty():
    assert Frame.parse(Frame(NETWORK, 0x0800, b"").emit()).payload == b""
    with pytest.raises(Malformed):
        Frame.parse(bytes(9))


def test_optional_fields_of_a_multicast_frame_set_their_flags():
    frame = MulticastFrame(NETWORK, GROUP, 0x0806, b"arp", gather_limit=32, source=0x020304050607)
    assert frame.emit()[8] == 0x06
    assert MulticastFrame.parse(frame.emit()) == frame


def test_flags_of_an_ext_frame_are_kept_but_the_certificates():
    frame = ExtFrame(NETWORK, 1, 2, 0x0800, b"x", flags=0x16)
    assert frame.emit()[8] == 0x16
    with pytest.raises(Malformed):
        ExtFrame.parse(frame.emit()[:8] + b"\x01" + frame.emit()[9:])


def test_an_undecodable_certificate_of_a_gather_is_ignored():
    payload = MulticastGather(NETWORK, GROUP, 10).emit()
    flagged = payload[:8] + b"\x01" + payload[9:] + b"rubbish"
    assert MulticastGather.parse(flagged) == MulticastGather(NETWORK, GROUP, 10)


def test_a_partial_group_makes_a_multicast_like_malformed():
    with pytest.raises(Malformed):
        MulticastLike.parse(MulticastLike(((NETWORK, GROUP),)).emit() + b"\x01")


@pytest.mark.parametrize("length", [1, 3, 5, 7, 9])
def test_credentials_may_end_after_any_part(length):
    assert NetworkCredentials.parse(bytes(length)) == NetworkCredentials()


def test_credentials_that_end_within_a_count_are_malformed():
    with pytest.raises(Malformed):
        NetworkCredentials.parse(bytes(2))
    with pytest.raises(Malformed):
        NetworkCredentials.parse(b"")


def test_a_config_request_may_lack_what_is_held():
    request = NetworkConfigRequest(NETWORK, b"v=7")
    assert NetworkConfigRequest.parse(request.emit()[:13]) == request


def chunk(**changes):
    fields = {"network": NETWORK, "data": b"n=x", "update_id": 1, "total": 3, "offset": 0}
    return ConfigChunk(**{**fields, "signature": bytes(96), **changes})


@pytest.mark.parametrize(
    "bad",
    [chunk(offset=1), chunk(total=2), chunk(total=MAX_CONFIG), chunk(signature=bytes(95))],
    ids=["past the total", "longer than the total", "too long", "short signature"],
)
def test_impossible_chunks_are_malformed(bad):
    with pytest.raises(Malformed):
        ConfigChunk.parse(bad.emit())


def test_an_unsigned_chunk_verifies_for_nobody():
    unsigned = ConfigChunk.parse(chunk(signature=None, update_id=0).emit())
    assert unsigned.whole
    assert unsigned.signature is None
    assert not unsigned.verify(IDENTITY)


def test_a_configuration_is_cut_into_signed_chunks_without_gaps():
    controller = SecretIdentity.generate(bytes(32), 1)
    dictionary = bytes(MAX_CHUNK + 1)
    chunks = split_config(NETWORK, dictionary, 7, controller)
    assert [(c.offset, len(c.data), c.total) for c in chunks] == [
        (0, MAX_CHUNK, MAX_CHUNK + 1),
        (MAX_CHUNK, 1, MAX_CHUNK + 1),
    ]
    assert all(c.verify(controller.public) and not c.whole for c in chunks)


def test_a_configuration_that_no_member_takes_is_refused():
    controller = SecretIdentity(IDENTITY, bytes(64))
    with pytest.raises(ValueError, match="possible"):
        split_config(NETWORK, bytes(MAX_CONFIG), 7, controller)


def test_errors_name_their_network():
    error = Error(0x0B, 1, 0x07, NETWORK.to_bytes(8, "big"))
    assert error.network() == NETWORK
    with pytest.raises(Malformed):
        Error(0x0B, 1, 0x07).network()


def test_authentication_required_without_data_has_an_empty_dictionary():
    head = NETWORK.to_bytes(8, "big")
    assert AuthenticationRequired.parse(head + b"\x00\x05") == AuthenticationRequired(NETWORK)
    with pytest.raises(Malformed):
        AuthenticationRequired.parse(head + b"\x00\x05abc")


def test_an_unterminated_trace_is_ignored():
    assert RemoteTrace.parse(b"a=1\0\0b=2\0c=3").dictionaries == (b"a=1", b"b=2")
    assert RemoteTrace.parse(b"").dictionaries == ()


def test_measurements_are_little_endian():
    record = bytes.fromhex("0102030405060708" + "0a00")
    assert QosMeasurement.parse(record + b"\x00").records == ((0x0807060504030201, 10),)
    with pytest.raises(Malformed):
        QosMeasurement.parse(record[:9])


def test_a_path_negotiation_is_exactly_two_bytes():
    assert PathNegotiation.parse(b"\xff\xfe").utility == -2
    with pytest.raises(Malformed):
        PathNegotiation.parse(b"\x00\x00\x00")


def test_short_datagrams_have_no_header():
    with pytest.raises(Malformed):
        Header.parse(bytes(27))
    with pytest.raises(Malformed):
        FragmentHeader.parse(bytes(13) + b"\xff\x21\x00")
