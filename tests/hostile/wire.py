"""Places on the internet from which anything can be sent, and people with keys who speak there."""

from __future__ import annotations

import random
from collections.abc import Iterable

from earthline import _native
from earthline._native import SessionKey
from earthline.sim.host import DEFAULT_PORT, SimHost
from earthline.sim.internet import Internet
from earthline.sim.link import Link
from earthline.sim.nat import Endpoint
from earthline.vl1.sending.outbound import MAX_PIECES
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.messages.hello import Hello, tail_mask
from earthline.wire.packet import DEFAULT_MTU, FLAG_FRAGMENTED, Suite, Verb, build, seal_trusted

TRUSTED_ID = 7
"""Of the only trusted path there is (01, 3.7)."""
_FLAGS = 18


class Wire:
    """Attached to the internet without a node: whoever sits there speaks for any identity."""

    def __init__(self, name: str, ip: bytes, internet: Internet) -> None:
        self.name, self.ip = name, ip
        self.link = Link(delay_ms=1)
        self._internet = internet
        internet.core.hosts[ip] = self

    def datagram_in(self, port: int, source: Endpoint, datagram: bytes) -> None:
        """What comes back is nobody's."""

    def send(self, victim: SimHost, datagrams: Iterable[bytes], source: Endpoint) -> None:
        """To the victim's ordinary port; ``source`` may be anybody's."""
        there = (victim.ip, DEFAULT_PORT)
        for datagram in datagrams:
            self._internet.send(self, self._internet.core, source, there, datagram)


class Speaker:
    """Somebody with a key: makes packets that are authentic, whatever they say."""

    def __init__(self, identity: SecretIdentity, entropy: random.Random) -> None:
        self.identity = identity
        self._entropy = entropy
        self._keys: dict[Identity, SessionKey] = {}

    @property
    def address(self) -> int:
        return self.identity.address

    def key(self, other: Identity) -> SessionKey:
        """What is shared with somebody."""
        if other not in self._keys:
            self._keys[other] = SessionKey(self.identity.agree(other))
        return self._keys[other]

    def packet_id(self) -> int:
        return self._entropy.getrandbits(64)

    def packet(
        self,
        to: Identity,
        verb: int,
        payload: bytes,
        *,
        suite: int = Suite.AES_GMAC_SIV,
        compress: bool = False,
        hops: int = 0,
    ) -> list[bytes]:
        """The datagrams of a packet; none if it is longer than what can be delivered."""
        packet = build(self.packet_id(), to.address, self.address, verb, payload)
        if compress:
            packet = _native.compress(packet)
        return self._cut(packet, self.key(to), suite, hops)

    def hello(
        self,
        to: Identity,
        now: int,
        *,
        sent_to: InetAddress | None = None,
        planet: tuple[int, int] = (0, 0),
        moons: tuple[tuple[int, int], ...] = (),
        protocol: int = 12,
        identity: Identity | None = None,
    ) -> list[bytes]:
        """A HELLO in the clear with a MAC that holds."""
        packet_id, key = self.packet_id(), self.key(to)
        who = identity or self.identity.public
        message = Hello(protocol, 1, 14, 1, now, who, sent_to, *planet, moons)
        payload = message.emit(tail_mask(key, packet_id))
        packet = build(packet_id, to.address, self.address, Verb.HELLO, payload)
        return self._cut(packet, key, Suite.POLY1305, 0)

    def _cut(self, packet: bytes, key: SessionKey, suite: int, hops: int) -> list[bytes]:
        if len(packet) > DEFAULT_MTU:
            packet = packet[:_FLAGS] + bytes([packet[_FLAGS] | FLAG_FRAGMENTED]) + packet[19:]
        trusted = suite == Suite.TRUSTED_PATH
        sealed = seal_trusted(packet, TRUSTED_ID) if trusted else key.seal(packet, suite)
        sealed = sealed[:_FLAGS] + bytes([sealed[_FLAGS] | hops]) + sealed[19:]
        pieces = _native.fragment(sealed, DEFAULT_MTU)
        return pieces if len(pieces) <= MAX_PIECES else []


def made_up(entropy: random.Random) -> SecretIdentity:
    """A key, and an address that nobody proved: what a forger has within a microsecond."""
    private = entropy.randbytes(64)
    address = entropy.randrange(1 << 32, 0xFF << 32)
    return SecretIdentity(Identity(address, _native.public_key_of(private)), private)
