"""fragments.json: packets cut into datagrams and put together again (01, 4)."""

from __future__ import annotations

import pytest

from earthline import _native
from earthline._native import Reassembler, SessionKey
from earthline.wire.identity import SecretIdentity
from earthline.wire.messages.misc import UserMessage
from earthline.wire.packet import (
    FRAGMENT_HEADER_LENGTH,
    HEADER_LENGTH,
    FragmentHeader,
    Header,
    build,
)
from earthline.wire.reader import Malformed


class Receiver:
    """What a node does with datagrams up to the opened packet (01, 1.5 and 3.10)."""

    def __init__(self, case):
        self.secret = SecretIdentity.parse(case["receiver_secret"])
        sender = SecretIdentity.parse(case["sender_secret"])
        self.session = SessionKey(self.secret.agree(sender.public))
        self.reassembler = Reassembler()

    def receive(self, datagrams):
        opened = [self._open(self._whole(datagram)) for datagram in datagrams]
        return [packet for packet in opened if packet is not None]

    def _whole(self, datagram):
        if len(datagram) <= FRAGMENT_HEADER_LENGTH:
            return None
        try:
            header = parse_header(datagram)
        except Malformed:
            return None
        if header.destination != self.secret.address:
            return None
        if isinstance(header, Header) and not header.fragmented:
            return datagram
        return self.reassembler.accept(datagram, 0)

    def _open(self, packet):
        opened = None if packet is None else self.session.open(packet)
        return None if opened is None else _native.decompress(opened)


def parse_header(datagram):
    return FragmentHeader.parse(datagram) if datagram[13] == 0xFF else Header.parse(datagram)


def check_send(case):
    receiver = Receiver(case)
    datagrams = [bytes.fromhex(datagram) for datagram in case["datagrams"]]
    assert [len(datagram) for datagram in datagrams] == case["datagram_sizes"]
    whole = datagrams[0] + b"".join(piece[FRAGMENT_HEADER_LENGTH:] for piece in datagrams[1:])
    assert len(whole) == case["packet_size"]
    assert Header.parse(whole).fragmented is case["fragmented"]
    assert receiver.session.open(whole)[HEADER_LENGTH:].hex() == case["payload"]
    assert _native.fragment(whole, case["mtu"]) == datagrams
    check_sealed_anew(case, receiver.session, whole)
    for arrival in case["receive"]:
        check_arrival(case, arrival, datagrams)


def check_sealed_anew(case, session, whole):
    """A packet of our own of that size is cut at the same places."""
    header = Header.parse(whole)
    plain = build(
        header.packet_id,
        header.destination,
        header.source,
        case["verb"],
        bytes.fromhex(case["payload"]),
        fragmented=case["fragmented"],
    )
    sealed = session.seal(plain, header.suite)
    pieces = _native.fragment(sealed, case["mtu"])
    assert [len(piece) for piece in pieces] == case["datagram_sizes"]


def check_arrival(case, arrival, datagrams):
    messages = Receiver(case).receive(datagrams[index] for index in arrival["order"])
    assert len(messages) == arrival["deliveries"]
    if arrival["content_ok"]:
        assert all(message[HEADER_LENGTH:].hex() == case["payload"] for message in messages)


def check_receive(case):
    datagrams = [bytes.fromhex(datagram) for datagram in case["datagrams"]]
    messages = Receiver(case).receive(datagrams)
    assert len(messages) == case["deliveries"]
    parsed = [UserMessage.parse(message[HEADER_LENGTH:]) for message in messages]
    expected = [
        UserMessage(int(message["message_type"], 16), bytes.fromhex(message["data"]))
        for message in case["messages"]
    ]
    assert sorted(parsed, key=repr) == sorted(expected, key=repr)


@pytest.mark.vectors("fragments")
def test_fragments(run_check):
    run_check({"send": check_send, "receive": check_receive})
