"""A real switch to be filled, by sealed packets and by forged ones."""

from __future__ import annotations

import itertools

from earthline._native import PuntQueue, SessionKey, Switch
from earthline.effects import (
    GateRefused,
    HelloReceived,
    InstallMember,
    InstallNetwork,
    InstallPaths,
    InstallRoute,
    InstallSession,
    SwitchCommand,
)
from earthline.wire.messages.frame import Frame, MulticastFrame
from earthline.wire.multicast import MulticastGroup
from earthline.wire.packet import FLAG_FRAGMENTED, Suite, Verb, build
from earthline.wire.rules import ACCEPT_ALL

NOW = 1_700_000_000_000
NEVER = 1 << 61
OWN, HONEST, STRANGER, THIRD = 0x10_0000_0001, 0x20_0000_0001, 0x30_0000_0001, 0x40_0000_0001
NETWORK = 0x8056_C2E2_1C00_0001
DROP_ALL = b"\x00\x00"
KEY = bytes(range(48))
SEAL = SessionKey(KEY)
NETS = {HONEST: bytes([80, 1]), STRANGER: bytes([80, 2])}
"""Where somebody sends from, with two bytes more to choose."""
SWITCH, PUNTS = "core/src/switch", "core/src/punts/mod.rs"


def place(address: int, number: int = 0, port: int = 9993):
    return (1, NETS.get(address, bytes([81, address & 0xFF])) + number.to_bytes(2, "big"), port)


class Plane:
    """A switch, and what it leaves for the engines."""

    def __init__(self, *members: int, admitted: bool = True, **network: object) -> None:
        self.switch = Switch(OWN, bytes(32))
        self.queue = PuntQueue(self.switch)
        self.now = NOW
        self._ids = itertools.count(1)
        self.install(NETWORK, **network)
        for member in members:
            self.meet(member, admitted=admitted)

    def install(self, network: int, **changes: object) -> None:
        settings: dict = {
            "mtu": 2800,
            "public": False,
            "broadcast": True,
            "emulate_neighbours": False,
            "compress_multicast": False,
            "multicast_limit": 32,
            "bridges": (),
            "rules": ACCEPT_ALL,
            "receive_budget": (0, 0),
        }
        self.write(InstallNetwork(network, **settings | changes))

    def write(self, *commands: SwitchCommand) -> None:
        self.switch.apply(commands, self.now)

    def meet(self, address: int, *, admitted: bool = True) -> None:
        at = place(address)
        self.write(
            InstallSession(address, KEY, Suite.SALSA20_POLY1305, bytes(64)),
            InstallPaths(address, (at,)),
            InstallRoute(address, at, direct=True, mtu=10_000),
            InstallMember(NETWORK, address, admitted, ready=True, push_due_at=NEVER),
        )

    def sealed(self, source: int, verb: int, payload: bytes, *, whole: bool = True) -> bytes:
        packet = bytearray(build(next(self._ids), OWN, source, verb, payload))
        packet[18] |= 0 if whole else FLAG_FRAGMENTED
        return SEAL.seal(bytes(packet), Suite.SALSA20_POLY1305)

    def ingest(self, path, datagram: bytes):
        output = self.switch.ingest_datagrams([(*path, datagram)], self.now)
        self.queue.push(output, self.now)
        return output

    def send(self, source: int, verb: int, payload: bytes, path=None):
        """A packet of a peer, and what came of it."""
        return self.ingest(path or place(source), self.sealed(source, verb, payload))

    def frame(self, source: int, path=None):
        return self.send(source, Verb.FRAME, Frame(NETWORK, 0x0800, b"frame").emit(), path)

    def multicast(self, source: int, group: int, gather: int | None = None):
        to = MulticastGroup(0x0100_0000_0000, group)
        sent = MulticastFrame(NETWORK, to, 0x0800, b"frame", gather_limit=gather)
        return self.send(source, Verb.MULTICAST_FRAME, sent.emit())

    def hello(self, source: int, path):
        """A HELLO that no key fits."""
        identity = source.to_bytes(5, "big") + b"\0" + bytes(64) + b"\0"
        payload = bytes([12, 1, 14, 0, 1]) + bytes(8) + identity
        return self.ingest(path, build(next(self._ids), OWN, source, Verb.HELLO, payload))

    def unknown(self, source: int, path):
        """A packet of an address that nobody has a key for."""
        packet = bytearray(build(next(self._ids), OWN, source, Verb.WHOIS, b"x"))
        packet[18] |= Suite.SALSA20_POLY1305 << 3
        return self.ingest(path, bytes(packet))

    def waiting(self) -> list:
        """All that waits for the engines, in the order in which they get it."""
        return [punt for _ in range(len(self.queue)) for punt in self.queue.take(100)]


def punted(output) -> list[type]:
    return [type(event) for event in output.punts]


def source_of(event) -> int:
    """The address that what was punted came from."""
    if isinstance(event, HelloReceived):
        return int.from_bytes(event.packet[13:18], "big")
    return event.packet.source if isinstance(event, GateRefused) else event.source


def payload_of(event) -> bytes:
    """What the packet that was punted holds."""
    return event.packet.payload if isinstance(event, GateRefused) else event.payload
