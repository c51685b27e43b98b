"""What a forger sends to a node, as kinds: packets and pieces that nobody has a key for.

python -m earthline.lab.storm '{"kind": ..., "sources": ..., ...}'
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum

from earthline import _native
from earthline._native import SessionKey
from earthline.lab.barrage import (
    HEADERS,
    SOURCE_IP,
    SOURCE_PORT,
    Drawn,
    Forgery,
    datagram,
    pour,
)
from earthline.lab.process import LabProcess
from earthline.lab.service import wait_until
from earthline.lab.topology import Host
from earthline.wire.address import address_bytes
from earthline.wire.identity import Identity
from earthline.wire.messages.hello import Hello
from earthline.wire.packet import PROTOCOL_VERSION, Suite, Verb

_READY = "ready\n"
_PATIENCE_S = 120
_PORT = 20_001
_LIST_S = 0.5
"""A list is as long as what is sent in this time: who starts and is not answered, which a list
imitates, tries again about as often."""
_KEYS = 4_096
"""Key pairs that a forger who spends an agreement for each has made before."""
_FIRST_ADDRESS = 0x5E
_ID, _DESTINATION, _SOURCE, _FLAGS, _MAC, _VERB = (HEADERS + n for n in (0, 8, 13, 18, 19, 27))
_IDENTITY = HEADERS + 28 + 13
_HOST_BYTES = bytes(1 + value % 254 for value in range(256))
_UNICAST = bytes(
    value if 0 < value < 224 and value not in {10, 100, 127, 169, 172, 192} else 20 + value % 32
    for value in range(256)
)
"""First bytes of addresses that no node takes for private ones."""


class Kind(StrEnum):
    """What is sent. All addresses begin with `_FIRST_ADDRESS` where they are made up."""

    NOISE = "noise"
    MALFORMED = "malformed"
    STRANGER = "stranger"
    HELLO = "hello"
    HELLO_LIST = "hello-list"
    SIGNED = "signed"
    SIGNED_KEYS = "signed-keys"
    SIGNED_LIST = "signed-list"
    FRAGMENT = "fragment"
    PEER = "peer"
    PEER_CLEAR = "peer-clear"
    PEER_HELLO = "peer-hello"
    RELAY_UNKNOWN = "relay-unknown"
    RELAY_KNOWN = "relay-known"

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    Kind.NOISE: "12 bytes of anything",
    Kind.MALFORMED: "a HELLO that ends before its identity",
    Kind.STRANGER: "29 bytes from an unknown address",
    Kind.HELLO: "a HELLO of a made-up identity with a false MAC, each another",
    Kind.HELLO_LIST: "the same from a list, again and again",
    Kind.SIGNED: "a HELLO whose MAC holds and whose address is false: of one key, many addresses",
    Kind.SIGNED_KEYS: "the same, a few thousand keys in turn",
    Kind.SIGNED_LIST: "the same from a list, again and again, each with a key of its own",
    Kind.FRAGMENT: "a piece of 17 bytes",
    Kind.PEER: "a packet that claims to be a known peer's, with a false MAC",
    Kind.PEER_CLEAR: "an ECHO or OK in the clear, likewise",
    Kind.PEER_HELLO: "a HELLO with the identity of a known peer, likewise",
    Kind.RELAY_UNKNOWN: "a packet for a known peer from an unknown address",
    Kind.RELAY_KNOWN: "a packet for a known peer that claims to be another known one's",
}

LISTS = frozenset({Kind.HELLO_LIST, Kind.SIGNED_LIST})


class Sources(StrEnum):
    """Where it seems to come from."""

    ONE = "one"
    NETS = "nets"
    ANY = "any"

    def drawn(self) -> tuple[Drawn, ...]:
        """What differs in the IP and UDP headers."""
        port = Drawn((SOURCE_PORT + 1,), 1)
        if self is Sources.ONE:
            return ()
        last = Drawn((SOURCE_IP + 3,), 1, _HOST_BYTES)
        if self is Sources.NETS:
            return port, Drawn((SOURCE_IP + 2,), 1), last
        return port, Drawn((SOURCE_IP,), 1, _UNICAST), Drawn((SOURCE_IP + 1,), 2), last


@dataclass(frozen=True, slots=True)
class Order:
    """What to send and where."""

    kind: Kind
    sources: Sources
    ip: str
    port: int
    source: str
    """The forger's own address: what sources are made of."""
    identity: str
    """Of the node at the target; its public text."""
    peers: tuple[str, str]
    """The public texts of two peers that it knows."""
    rate: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What a forger did."""

    count: int
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Datagrams a second."""
        return self.count / self.seconds


class Storm:
    """A forger at work on a host, until it is ended."""

    def __init__(self, host: Host, order: Order) -> None:
        argv = [sys.executable, "-m", "earthline.lab.storm", json.dumps(asdict(order))]
        name = f"storm-{host.lab.number()}"
        self._process: LabProcess = host.start(argv, name=name)
        wait_until("the forger is ready", self._ready, timeout_s=_PATIENCE_S)

    def _ready(self) -> bool:
        if self._process.exit_status is not None:
            self._process.finish(0)
        return _READY in self._process.output

    def end(self) -> Sent:
        """End it; what it sent."""
        self._process.signal(signal.SIGTERM)
        *_, line = self._process.finish(_PATIENCE_S).splitlines()
        return Sent(**json.loads(line))

    def kill(self) -> None:
        """End it whatever happened; harmless if it has ended."""
        self._process.kill()


def _pairs(count: int, root: Identity) -> list[tuple[bytes, SessionKey]]:
    """Key pairs of our own, each with what it agrees on with the node."""
    secrets = (os.urandom(64) for _ in range(count))
    return [
        (_native.public_key_of(secret), SessionKey(_native.agree(secret, root.public_key)))
        for secret in secrets
    ]


class Forger:
    """Makes the packets of every kind for one order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._root = Identity.parse(order.identity)
        self._peers = tuple(Identity.parse(text) for text in order.peers)

    def batches(self) -> Iterator[bytes]:
        """What to send, a batch at a time."""
        forgery = self._forgery()
        if self._order.kind not in LISTS:
            return forgery.fresh()
        return forgery.repeated(int(self._order.rate * _LIST_S))

    def _forgery(self) -> Forgery:
        order = self._order
        payload, drawn, finish = _KINDS[order.kind](self)
        template = datagram(order.source, (order.ip, order.port), _PORT, payload)
        return Forgery(template, (*order.sources.drawn(), *drawn), finish)

    def noise(self) -> _Made:
        return bytes(12), (Drawn((_ID,), 12),), None

    def malformed(self) -> _Made:
        return self._hello(self._made_up())[:60], (_PACKET_ID, _ADDRESS), None

    def stranger(self) -> _Made:
        packet = self._head(_made_up_address(), self._root.address, Suite.AES_GMAC_SIV) + b"\x00"
        return packet, (_PACKET_ID, _ADDRESS, _MAC_AND_VERB), None

    def hello(self) -> _Made:
        drawn = (_PACKET_ID, _BOTH_ADDRESSES, _FALSE_MAC, Drawn((_IDENTITY + 6,), 64))
        return self._hello(self._made_up()), drawn, None

    def signed(self, keys: int = 1) -> _Made:
        """The address and the half of the key that signs are not in what the two agree on."""
        pairs = itertools.cycle(_pairs(keys, self._root))

        def finish(packet: bytes) -> bytes:
            public_key, session = next(pairs)
            at = _IDENTITY - HEADERS + 6
            return session.seal(packet[:at] + public_key[:32] + packet[at + 32 :], Suite.POLY1305)

        drawn = (_PACKET_ID, _BOTH_ADDRESSES, Drawn((_IDENTITY + 6 + 32,), 32))
        return self._hello(self._made_up()), drawn, finish

    def signed_keys(self) -> _Made:
        return self.signed(_KEYS)

    def signed_list(self) -> _Made:
        return self.signed(4 * _KEYS)

    def fragment(self) -> _Made:
        packet = bytes(8) + address_bytes(self._root.address) + b"\xff\x21\x00\x00"
        return packet, (_PACKET_ID,), None

    def peer(self) -> _Made:
        packet = self._head(self._peers[0].address, self._root.address, Suite.AES_GMAC_SIV)
        return packet + bytes(60), (_PACKET_ID, _MAC_AND_VERB), None

    def peer_clear(self) -> _Made:
        packet = self._head(self._peers[0].address, self._root.address, Suite.POLY1305)
        verbs = bytes((Verb.ECHO, Verb.OK)) * 128
        return packet + bytes(20), (_PACKET_ID, _FALSE_MAC, Drawn((_VERB,), 1, verbs)), None

    def peer_hello(self) -> _Made:
        return self._hello(self._peers[0]), (_PACKET_ID, _FALSE_MAC), None

    def relay_unknown(self) -> _Made:
        packet = self._head(_made_up_address(), self._peers[1].address, Suite.AES_GMAC_SIV)
        return packet + bytes(60), (_PACKET_ID, _ADDRESS, _MAC_AND_VERB), None

    def relay_known(self) -> _Made:
        here, there = (peer.address for peer in self._peers)
        packet = self._head(here, there, Suite.AES_GMAC_SIV)
        return packet + bytes(60), (_PACKET_ID, _MAC_AND_VERB), None

    def _made_up(self) -> Identity:
        return Identity(_made_up_address(), random.randbytes(64))

    def _hello(self, identity: Identity) -> bytes:
        head = self._head(identity.address, self._root.address, Suite.POLY1305)
        payload = Hello(PROTOCOL_VERSION, 1, 14, 1, 0, identity).emit(lambda tail: tail)
        return head[:-1] + bytes([Verb.HELLO]) + payload

    @staticmethod
    def _head(source: int, destination: int, suite: Suite) -> bytes:
        addresses = address_bytes(destination) + address_bytes(source)
        return bytes(8) + addresses + bytes([suite << 3]) + bytes(8) + b"\x00"


_Made = tuple[bytes, tuple[Drawn, ...], Callable[[bytes], bytes] | None]
"""The payload of one, what differs, and what is done at last."""

_PACKET_ID = Drawn((_ID,), 8)
_ADDRESS = Drawn((_SOURCE + 1,), 4)
_BOTH_ADDRESSES = Drawn((_SOURCE + 1, _IDENTITY + 1), 4)
_FALSE_MAC = Drawn((_MAC,), 8)
_MAC_AND_VERB = Drawn((_MAC,), 9)

_KINDS: dict[Kind, Callable[[Forger], _Made]] = {
    Kind.NOISE: Forger.noise,
    Kind.MALFORMED: Forger.malformed,
    Kind.STRANGER: Forger.stranger,
    Kind.HELLO: Forger.hello,
    Kind.HELLO_LIST: Forger.hello,
    Kind.SIGNED: Forger.signed,
    Kind.SIGNED_KEYS: Forger.signed_keys,
    Kind.SIGNED_LIST: Forger.signed_list,
    Kind.FRAGMENT: Forger.fragment,
    Kind.PEER: Forger.peer,
    Kind.PEER_CLEAR: Forger.peer_clear,
    Kind.PEER_HELLO: Forger.peer_hello,
    Kind.RELAY_UNKNOWN: Forger.relay_unknown,
    Kind.RELAY_KNOWN: Forger.relay_known,
}


def _made_up_address() -> int:
    return _FIRST_ADDRESS << 32


def main() -> None:
    """Send what the command line orders until SIGTERM, then print how much that was."""
    fields = json.loads(sys.argv[1])
    fields.update(kind=Kind(fields["kind"]), sources=Sources(fields["sources"]))
    order = Order(**fields)
    batches = Forger(order).batches()
    first = next(batches)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    print(_READY, end="", flush=True)
    began, cpu_s = time.monotonic(), time.process_time()
    batches = itertools.chain([first], batches)
    count = pour(batches, order.ip, order.rate, lambda: not ended.is_set())
    sent = Sent(count, time.monotonic() - began, time.process_time() - cpu_s)
    print(json.dumps(asdict(sent)))


if __name__ == "__main__":
    main()
