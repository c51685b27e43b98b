"""Simulated members that ask a controller for their configuration, in real packets over real UDP.

Each has an identity with a valid proof of work, a session with the controller and a socket of its
own, in a /24 of its own: a node examines one stranger of a /24 every two seconds (02, 4.10).
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from controller_fill import METADATA
from earthline import _native
from earthline._native import SessionKey
from earthline.lab import Host, LabError
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.messages.config import ConfigChunk, NetworkConfigRequest
from earthline.wire.messages.hello import Hello, tail_mask
from earthline.wire.messages.ok import Ok, OkHello
from earthline.wire.packet import (
    FLAG_FRAGMENTED,
    HEADER_LENGTH,
    PROTOCOL_VERSION,
    Header,
    Suite,
    Verb,
    build,
)

_RANGE = "81.128.0.0/16"
_PORT = 9993
_PATIENCE_S = 2.0
_GREETING_S = 60.0
_VERSION = (1, 14, 1)


class Member:
    """One member's end of its conversation with the controller."""

    def __init__(self, identity: SecretIdentity, controller: Identity, to: InetAddress) -> None:
        self._identity = identity
        self._controller = controller.address
        self._to = to
        self._session = SessionKey(identity.agree(controller))
        self._pieces = _native.Reassembler()
        self.known = False
        """Whether the controller answered our HELLO."""
        self.refused = 0
        """Requests that were answered by an error."""

    @property
    def address(self) -> int:
        return self._identity.address

    def hello(self) -> bytes:
        number = _packet_id()
        greeting = Hello(PROTOCOL_VERSION, *_VERSION, _now(), self._identity.public, self._to).emit(
            tail_mask(self._session, number)
        )
        return self._seal(number, Verb.HELLO, greeting, Suite.POLY1305)

    def request(self, network: int) -> tuple[int, bytes]:
        """A request for a configuration: its packet ID, and the datagram."""
        number = _packet_id()
        asked = NetworkConfigRequest(network, METADATA.emit()).emit()
        return number, self._seal(number, Verb.NETWORK_CONFIG_REQUEST, asked)

    def take(self, datagram: bytes) -> tuple[int | None, bytes | None]:
        """The packet ID of the request that a datagram answers, and what to send back for it."""
        piece = datagram[13] == 0xFF or datagram[18] & FLAG_FRAGMENTED
        packet = self._pieces.accept(datagram, _now()) if piece else datagram
        opened = None if packet is None else self._session.open(packet)
        plain = None if opened is None else _native.decompress(opened)
        if plain is None:
            return None, None
        header, payload = Header.parse(plain), plain[HEADER_LENGTH:]
        if header.verb == Verb.OK:
            return self._take_ok(Ok.parse(payload)), None
        if header.verb == Verb.ERROR:
            self.refused += 1
            return None, None
        return None, self._answer(header, payload)

    def _take_ok(self, answer: Ok) -> int | None:
        if answer.in_re_verb == Verb.HELLO:
            self.known = True
        if answer.in_re_verb != Verb.NETWORK_CONFIG_REQUEST:
            return None
        if not ConfigChunk.parse(answer.payload).whole:
            raise LabError("a configuration in several chunks")
        return answer.in_re_packet_id

    def _answer(self, header: Header, payload: bytes) -> bytes | None:
        """By which the controller sees that we are where it sends to (02, 6.3)."""
        if header.verb == Verb.HELLO:
            said = OkHello(
                Hello.parse(payload).timestamp, PROTOCOL_VERSION, *_VERSION, self._to
            ).emit()
        elif header.verb == Verb.ECHO:
            said = payload
        else:
            return None
        answer = Ok(header.verb, header.packet_id, said).emit()
        return self._seal(_packet_id(), Verb.OK, answer)

    def _seal(
        self, number: int, verb: Verb, payload: bytes, suite: Suite = Suite.SALSA20_POLY1305
    ) -> bytes:
        packet = build(number, self._controller, self.address, verb, payload)
        return self._session.seal(packet, suite)


@dataclass(slots=True)
class Round:
    """So many requests, each answered."""

    requests: int
    seconds: float
    latencies_ms: list[float]
    """Ascending."""

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    def latency_ms(self, share: float) -> float:
        """Within which this share of the requests was answered."""
        return self.latencies_ms[min(int(share * self.requests), self.requests - 1)]


@dataclass(slots=True)
class _Flight:
    """Requests on their way: when each was sent, and how long each took."""

    sent_at: dict[int, float] = field(default_factory=dict)
    latencies_ms: list[float] = field(default_factory=list)

    def land(self, number: int | None) -> bool:
        sent_at = None if number is None else self.sent_at.pop(number, None)
        if sent_at is None:
            return False
        self.latencies_ms.append((time.perf_counter() - sent_at) * 1e3)
        return True


class Crowd:
    """All members, on one host."""

    def __init__(
        self, host: Host, controller: Identity, to: str, identities: Sequence[SecretIdentity]
    ) -> None:
        """``to``: the IP address of the controller."""
        self._members: list[tuple[Member, socket.socket]] = []
        self._selector = selectors.DefaultSelector()
        host.lab.core.ip("route", "replace", _RANGE, "via", host.address)
        host.namespace.ip("route", "replace", "local", _RANGE, "dev", "lo")
        for number, identity in enumerate(identities):
            member = Member(identity, controller, InetAddress.parse(f"{to}/{_PORT}"))
            with host.inside():
                opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.bind((f"81.128.{number}.1", 0))
            opened.connect((to, _PORT))
            opened.setblocking(False)
            self._selector.register(opened, selectors.EVENT_READ, member)
            self._members.append((member, opened))

    def close(self) -> None:
        self._selector.close()
        for _, opened in self._members:
            opened.close()

    def greet(self) -> None:
        """Until the controller knows everybody, and where."""
        deadline = time.monotonic() + _GREETING_S
        while strangers := [pair for pair in self._members if not pair[0].known]:
            if time.monotonic() > deadline:
                raise LabError(f"{len(strangers)} of {len(self._members)} are not known")
            for member, opened in strangers[:32]:
                opened.send(member.hello())
            self._listen(0.3)
        self._listen(1.0)

    def ask(self, pairs: Sequence[tuple[int, int]], in_flight: int) -> Round:
        """Each (network, number of a member) once, so many at a time."""
        asked = [(self._members[n][1], *self._members[n][0].request(net)) for net, n in pairs]
        waiting = iter(asked)
        flight = _Flight()
        started = time.perf_counter()
        self._send_next(waiting, flight, in_flight)
        while flight.sent_at:
            answers = list(self._receive(_PATIENCE_S))
            if not answers or self.refused:
                unanswered = f"{len(flight.sent_at)} requests were not answered"
                raise LabError(f"{unanswered}, {self.refused} refused")
            self._send_next(waiting, flight, sum(map(flight.land, answers)))
        seconds = time.perf_counter() - started
        return Round(len(asked), seconds, sorted(flight.latencies_ms))

    @property
    def refused(self) -> int:
        """Requests that were answered by an error, up to now."""
        return sum(member.refused for member, _ in self._members)

    def flood(self, pairs: Iterable[tuple[int, int]], per_second: float, seconds: float) -> int:
        """Ask at a rate, whatever becomes of it; how many configurations came back."""
        started, sent, granted = time.perf_counter(), 0, 0
        pair = iter(pairs)
        while (passed := time.perf_counter() - started) < seconds:
            while sent < passed * per_second:
                network, number = next(pair)
                member, opened = self._members[number]
                opened.send(member.request(network)[1])
                sent += 1
            granted += sum(number is not None for number in self._receive(0.002))
        return granted

    def _send_next(
        self, waiting: Iterator[tuple[socket.socket, int, bytes]], flight: _Flight, count: int
    ) -> None:
        for _, (opened, number, datagram) in zip(range(count), waiting, strict=False):
            flight.sent_at[number] = time.perf_counter()
            opened.send(datagram)

    def _listen(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for _ in self._receive(left):
                pass

    def _receive(self, timeout_s: float) -> Iterator[int | None]:
        """For every datagram that is there, the packet ID of the request that it answers."""
        for key, _ in self._selector.select(timeout_s):
            opened: socket.socket = key.fileobj  # type: ignore[assignment]
            number, reply = key.data.take(opened.recv(2048))
            if reply is not None:
                opened.send(reply)
            yield number


def _packet_id() -> int:
    return int.from_bytes(os.urandom(8), "big") | 1


def _now() -> int:
    return time.time_ns() // 1_000_000
