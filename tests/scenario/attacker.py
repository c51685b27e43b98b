"""Somebody with an identity of its own who writes any source on what it sends, and a meter."""

from __future__ import annotations

import random
from collections.abc import Iterable

from earthline._native import SessionKey, compress, fragment
from earthline.sim.host import SimHost
from earthline.sim.internet import Flight, Verdict, ip_bytes
from earthline.sim.simulation import Simulation
from earthline.wire.identity import SecretIdentity
from earthline.wire.messages.hello import Hello, tail_mask
from earthline.wire.packet import DEFAULT_MTU, FLAG_FRAGMENTED, Suite, Verb, build

VICTIM_IP = ip_bytes("66.6.6.6")
"""A third party, who has nothing to do with any of this."""
_FLAGS_OFFSET = 18


class Attacker:
    """Seals what any node can seal; ``source`` is what it writes on it."""

    def __init__(self, sim: Simulation, identity: SecretIdentity | None = None) -> None:
        self.identity = identity or next(sim._identities)
        self.source = (VICTIM_IP, 7_777)
        self._sim = sim
        self._wire = sim.host("wire")
        self._random = random.Random(sim.seed)
        self._keys: dict[int, SessionKey] = {}

    def hello(self, target: SimHost, *, stale: bool = False) -> list[bytes]:
        """A greeting; ``stale``: of somebody whose planet is of long ago."""
        packet_id, key = self._random.getrandbits(64), self._key(target)
        now, public = self._sim.clock.now, self.identity.public
        planet = self._sim.planet
        world_id = planet.world_id if stale and planet is not None else 0
        hello = Hello(12, 1, 14, 1, now, public, None, world_id, 1)
        payload = hello.emit(tail_mask(key, packet_id))
        source, verb = self.identity.address, Verb.HELLO
        return [key.seal(build(packet_id, target.address, source, verb, payload), Suite.POLY1305)]

    def packet(self, target: SimHost, verb: Verb, payload: bytes) -> list[bytes]:
        """Any other packet, as short as it can be made."""
        source = self.identity.address
        plain = build(self._random.getrandbits(64), target.address, source, verb, payload)
        plain = bytearray(compress(plain))
        if len(plain) > DEFAULT_MTU:
            plain[_FLAGS_OFFSET] |= FLAG_FRAGMENTED
        sealed = self._key(target).seal(bytes(plain), Suite.AES_GMAC_SIV)
        return fragment(sealed, DEFAULT_MTU)

    def send(self, target: SimHost, datagrams: Iterable[bytes]) -> None:
        """Put them on the wire, from where they are said to come."""
        for datagram in datagrams:
            core, there = self._sim.internet.core, (target.ip, 9993)
            self._sim.internet.send(self._wire, core, self.source, there, datagram)

    def _key(self, target: SimHost) -> SessionKey:
        if target.address not in self._keys:
            agreed = self.identity.agree(target.identity.public)
            self._keys[target.address] = SessionKey(agreed)
        return self._keys[target.address]


class Meter:
    """Bytes that one host gets from a place, and what it sends there, from now on."""

    def __init__(self, sim: Simulation, host: SimHost, *places: bytes) -> None:
        self._host = host
        self._places = places or (VICTIM_IP,)
        self.into = self.out = 0
        self.worst = 0.0
        """The largest that was sent so far for each byte that had come, at any time."""
        sim.internet.watchers.append(self._see)

    def _see(self, flight: Flight, _verdict: Verdict) -> None:
        if flight.sender == self._host.name and flight.destination[0] in self._places:
            self.out += len(flight.datagram)
            self.worst = max(self.worst, self.out / max(self.into, 1))
        elif flight.receiver == self._host.name and flight.source[0] in self._places:
            self.into += len(flight.datagram)
