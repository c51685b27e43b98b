"""The engine answers recorded HELLOs as the stock node did (01, 6.5; 02, 3.6)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from vl1_internet import START, Entropy

from earthline._native import SessionKey
from earthline.effects import (
    HelloReceived,
    HellosOpened,
    IdentityProved,
    OpenHellos,
    PacketReceived,
    ProveIdentity,
    SocketsChanged,
    Transmit,
    UnknownSource,
)
from earthline.vl1.engine import PeerEngine
from earthline.vl1.ground.work import open_hellos, prove
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.packet import HEADER_LENGTH, Header, Suite, Verb

FILE = Path(__file__).parents[2] / "vectors" / "data" / "hello.json"
CASES = [case for case in json.loads(FILE.read_text())["cases"] if case["kind"] == "receive"]
SENDER = InetAddress.parse("10.5.5.5/555")


class Receiver:
    """An engine, what it sent, and the key it shares with the sender."""

    def __init__(self, case):
        self.sent = []
        self.work = []
        self.secret = secret = SecretIdentity.parse(case["receiver_secret"])
        self.engine = PeerEngine(secret, Entropy(1), self.note)
        self.engine.receive(SocketsChanged(((0, InetAddress.parse("10.5.5.4/9993")),)), START)
        known = case["receiver_already_knows"]
        if known:
            self.engine.topology.add(Identity.parse(known), START, genuine=True)
        sender = SecretIdentity.parse(case["sender_secret"])
        self.session = SessionKey(sender.agree(secret.public))

    def note(self, command):
        if isinstance(command, Transmit):
            self.sent.append(command)
        elif isinstance(command, OpenHellos | ProveIdentity):
            self.work.append(command)

    def do_work(self):
        """What the host's other thread does."""
        while self.work:
            command = self.work.pop()
            if isinstance(command, OpenHellos):
                answer = HellosOpened(open_hellos(self.secret, command), 0)
            else:
                answer = IdentityProved(command.address, command.public_key, prove(command), 0)
            self.engine.receive(answer, START)

    def receive(self, wire):
        """Do as the switch does: open what is not a clear HELLO, if the sender is known."""
        header, path = Header.parse(wire), (0, *SENDER)
        if header.suite == Suite.POLY1305:
            event = HelloReceived(path, wire)
        elif self.engine.peer(header.source) is None:
            event = UnknownSource(path, header.source, wire)
        else:
            plain = self.session.open(wire)
            fields = (header.source, header.packet_id, header.hops, header.suite)
            event = PacketReceived(path, *fields, Verb.HELLO, plain[HEADER_LENGTH:], len(wire))
        self.engine.receive(event, START)
        self.do_work()

    def replies(self):
        """(suite, verb, payload) of each; a HELLO's payload is its own affair."""
        for command in self.sent:
            plain = self.session.open(command.datagram)
            header = Header.parse(plain)
            payload = b"" if header.verb == Verb.HELLO else plain[HEADER_LENGTH:]
            yield header.suite, header.verb, payload.hex()


def recorded(case):
    for reply in case["replies"]:
        payload = "" if reply["verb"] == Verb.HELLO else reply["payload"]
        yield reply["cipher"], reply["verb"], payload


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_engine_replies_as_recorded_to(case):
    receiver = Receiver(case)
    receiver.receive(bytes.fromhex(case["wire"]))
    known = case["receiver_already_knows"]
    holder = Identity.parse(known).emit().hex() if known else ""
    assert list(receiver.replies()) == [
        # A collision we prove: where stock nodes end, the identity of the address's holder follows.
        (suite, verb, payload + (holder if verb == Verb.ERROR else ""))
        for suite, verb, payload in recorded(case)
    ]
