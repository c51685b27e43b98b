"""A peer engine to be filled, and those who fill it: honest ones, and strangers without number."""

from __future__ import annotations

import itertools
import random

from earthline.effects import (
    HelloReceived,
    PacketReceived,
    SocketsChanged,
    StateLoaded,
)
from earthline.sim.simulation import throwaway_identities
from earthline.vl1.engine import PeerEngine
from earthline.vl1.peers.peer import Peer
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.packet import Verb, build
from earthline.wire.world import Root, World, WorldKind

NOW = 1_700_000_000_000
OWN, ROOT, SIGNER, SOMEBODY = itertools.islice(throwaway_identities(), 4)
KEY = bytes(48)
HERE = InetAddress.parse("81.0.0.1/9993")
SEEN = InetAddress.parse("82.0.0.1/9993")
HONEST_NET, STRANGE_NET = 80 << 24 | 1 << 16, 80 << 24 | 2 << 16
"""The first address of two IPv4 networks, of 65,536 addresses each."""


def place(network: int, number: int) -> InetAddress:
    """An address in one of them."""
    return InetAddress((network + number).to_bytes(4, "big"), 9993)


def path(endpoint: InetAddress):
    return (0, endpoint.ip, endpoint.port)


def port(network: int, number: int):
    """Paths that differ in nothing but the port."""
    return (0, network.to_bytes(4, "big"), 1_024 + number)


def who(number: int) -> Identity:
    return Identity(0x10_0000_0000 + number, SOMEBODY.public.public_key)


def strange(number: int) -> Identity:
    return who(0x1000_0000 + number)


def engine(commands: list[object] | None = None, identity: SecretIdentity = OWN) -> PeerEngine:
    """One that has a socket, and knows a root."""
    commands = [] if commands is None else commands
    made = PeerEngine(identity, random.Random(7).randbytes, commands.append)
    root = Root(ROOT.public, (InetAddress.parse("83.0.0.1/9993"),))
    world = World(WorldKind.PLANET, 7, 1, SIGNER.public.public_key, (root,))
    made.receive(StateLoaded("planet", 0, world.sign(SIGNER.private_key).emit()), NOW)
    made.receive(SocketsChanged(((0, HERE),)), NOW)
    return made


def known(node: PeerEngine, identity: Identity, *, member: bool = False) -> Peer:
    peer = node.topology.add(identity, NOW, KEY)
    assert peer is not None
    if member:
        peer.trusted_at = NOW
    return peer


def packet(source: int, number: int) -> PacketReceived:
    """A frame, which is nothing to the peer engine."""
    return PacketReceived(path(SEEN), source, number, 0, 1, Verb.FRAME, b"")


def hello(identity: Identity, endpoint: InetAddress) -> HelloReceived:
    payload = bytes([12, 1, 14, 0, 1]) + bytes(8) + identity.emit() + SEEN.emit() + bytes(20)
    return HelloReceived(
        path(endpoint), build(1, OWN.address, identity.address, Verb.HELLO, payload)
    )
