"""One Ethernet engine on the real switch, above a peer engine that only notes what it is asked."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from typing import NamedTuple

from earthline import effects
from earthline._native import SessionKey, Switch, compress, decompress
from earthline.vl2.ethernet import EthernetEngine
from earthline.wall import Wall
from earthline.wire.credentials.com import CertificateOfMembership
from earthline.wire.identity import Identity, SecretIdentity
from earthline.wire.messages.error import Error
from earthline.wire.messages.ok import Ok
from earthline.wire.network_config import NetworkConfig
from earthline.wire.packet import Header, Verb, build
from earthline.wire.rules import ACCEPT_ALL

NOW = 1_700_000_000_000
WINDOW = 1_800_000
COMPRESSED = 0x80
"""The verb byte's flag."""
PATH = (1, bytes([80, 1, 0, 1]), 9993)


def entropy(seed: int = 0):
    count = itertools.count()
    return lambda length: hashlib.shake_128(f"{seed} {next(count)}".encode()).digest(length)


def identity(number: int) -> SecretIdentity:
    """A throw-away identity of the simulator."""
    from earthline.sim.simulation import throwaway_identities

    return next(itertools.islice(throwaway_identities(), number, None))


class Sent(NamedTuple):
    to: int
    verb: int
    payload: bytes
    compressed: bool = False


def compressible(verb: int, payload: bytes) -> bool:
    """Whether a packet gets shorter, and so is sent compressed where it may be."""
    return bool(compress(build(1, 2, 3, verb, payload))[27] & COMPRESSED)


@dataclass
class FakeUnderlay:
    """Stands for the peer engine. ``known`` nodes can be verified, ``up`` ones reached."""

    identity: SecretIdentity
    known: dict[int, Identity] = field(default_factory=dict)
    up: set[int] = field(default_factory=set)
    upstreams: tuple[int, ...] = ()
    acting_as_upstream: bool = False
    sent: list[Sent] = field(default_factory=list)
    latencies: dict[int, int] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    deferred: list[effects.PacketReceived] = field(default_factory=list)
    trusted_peers: list[int] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    tokens: int = 1_000_000
    tokens_spent: int = 0

    def __post_init__(self):
        self.handlers, self.ok_handlers, self.error_handlers = {}, {}, {}
        self.known[self.identity.address] = self.identity.public
        self.unproven, self.unassured = set(), set()
        self.credited = []

    def best_upstream(self, now):
        return self.upstreams[0] if self.upstreams else None

    def send(self, destination, verb, payload, now, *, compress=False):
        if destination != self.identity.address:
            shorter = compress and compressible(verb, payload)
            self.sent.append(Sent(destination, verb, payload, shorter))

    def reply_ok(self, packet, payload, now):
        ok = Ok(packet.verb, packet.packet_id, payload).emit()
        self.sent.append(Sent(packet.source, Verb.OK, ok))

    def reply_error(self, packet, code, payload, now):
        error = Error(packet.verb, packet.packet_id, code, payload).emit()
        self.sent.append(Sent(packet.source, Verb.ERROR, error))

    def register(self, verb, handler):
        self.handlers[verb] = handler

    def register_ok(self, in_re_verb, handler, asked=None):
        self.ok_handlers[in_re_verb] = handler

    def register_error(self, code, handler):
        self.error_handlers[code] = handler

    def defer(self, packet, now):
        self.deferred.append(packet)

    def came_in(self, source, path, size, now):
        self.credited.append((source, path, size))

    def assured(self, packet, now):
        return packet.source not in self.unassured

    def identity_of(self, address):
        return self.known.get(address)

    def proven(self, address, now, path=None):
        return None if address in self.unproven else self.known.get(address)

    def reachable(self, address, now):
        return address in self.up

    def direct_latency(self, address, now):
        return self.latencies.get(address)

    def whois(self, address, now):
        self.asked.append(address)

    def affords(self, address, verb, tokens, now):
        self.tokens_spent += tokens
        return self.tokens_spent <= self.tokens

    def trusted(self, address, path, now):
        self.trusted_peers.append(address)

    def count(self, reason):
        self.counted.append(reason)


class Bench:
    """The engine, its switch, and everything that came out of either."""

    def __init__(self, own: SecretIdentity, now: int = NOW) -> None:
        self.own, self.now = own, now
        self.underlay = FakeUnderlay(own)
        self.switch = Switch(own.address, bytes(32))
        self.commands: list[object] = []
        self.frames: list[tuple[int, bytes]] = []
        self.punts = 0
        self.keys: dict[int, SessionKey] = {}
        self._packet_ids = itertools.count(1)
        self._pending: list[object] = []
        self.engine = EthernetEngine(
            own,
            self.underlay,
            self._pending.append,
            entropy(),
            metadata=b"v=7",
            now=now,
            wall=Wall(),
        )

    # The world around

    def meet(self, peer: Identity) -> None:
        """The peer engine has a session with, and a route to, a peer."""
        key = self.own.agree(peer)
        self.keys[peer.address] = SessionKey(key)
        self.underlay.known[peer.address] = peer
        self.underlay.up.add(peer.address)
        address, path = peer.address, self.path_of(peer.address)
        entries = [
            effects.InstallSession(address, key, 1, peer.public_key),
            effects.InstallPaths(address, (path,)),
            # One datagram per packet, however long.
            effects.InstallRoute(address, path, direct=True, mtu=10_100),
        ]
        self.switch.apply(entries, self.now)
        self.settle()

    def path_of(self, address: int):
        return (1, address.to_bytes(5, "big")[1:], 9993)

    def member_config(self, network: int, controller: SecretIdentity | None, **changes):
        """A configuration of ours, with a certificate if there is a controller to sign it."""
        com = None
        timestamp = changes.pop("timestamp", self.now)
        if controller is not None:
            built = CertificateOfMembership.build(network, timestamp, WINDOW, self.own.public)
            com = built.sign(controller)
        settings = {
            "credential_max_delta": WINDOW,
            "flags": 0x02,
            "multicast_limit": 32,
            "rules": ACCEPT_ALL,
            "com": com,
        }
        return NetworkConfig(network, self.own.address, timestamp, **(settings | changes))

    # Doing

    def tell(self, event: object) -> None:
        self.engine.receive(event, self.now)
        self.settle()

    def command(self, command: object) -> None:
        self.engine.send(command, self.now)
        self.settle()

    def advance(self, ms: int) -> None:
        """Let time pass, waking the engine whenever it wants."""
        end = self.now + ms
        while (due := self.engine.next_timeout()) <= end:
            self.now = max(due, self.now)
            self.engine.handle_timeout(self.now)
            self.settle()
        self.now = end

    def packet(self, source: int, verb: int, payload: bytes) -> effects.PacketReceived:
        number = next(self._packet_ids)
        return effects.PacketReceived(self.path_of(source), source, number, 0, 1, verb, payload)

    def give(self, source: int, verb: int, payload: bytes) -> effects.PacketReceived:
        """A packet that the peer engine dispatches to us."""
        packet = self.packet(source, verb, payload)
        self.underlay.handlers[verb](packet, self.now)
        self.settle()
        return packet

    def give_ok(self, source: int, in_re_verb: int, payload: bytes) -> None:
        ok = Ok(in_re_verb, 1, payload)
        packet = self.packet(source, Verb.OK, ok.emit())
        self.underlay.ok_handlers[in_re_verb](packet, ok, self.now)
        self.settle()

    def give_error(self, source: int, in_re_verb: int, code: int, payload: bytes) -> None:
        error = Error(in_re_verb, 1, code, payload)
        packet = self.packet(source, Verb.ERROR, error.emit())
        self.underlay.error_handlers[code](packet, error, self.now)
        self.settle()

    def tap(self, network: int, frame: bytes) -> None:
        """A frame of the host."""
        self._outcome(self.switch.ingest_frames([(network, frame)], self.now))
        self.settle()

    def wire(self, source: int, verb: int, payload: bytes, packet_id: int | None = None) -> None:
        """A sealed packet of a peer that was met, into the switch."""
        number = next(self._packet_ids) if packet_id is None else packet_id
        plain = build(number, self.own.address, source, verb, payload)
        sealed = self.keys[source].seal(plain, 1)
        batch = [(*self.path_of(source), sealed)]
        self._outcome(self.switch.ingest_datagrams(batch, self.now))
        self.settle()

    def settle(self) -> None:
        """Carry out commands until there are none."""
        self.engine.settle(self.now)
        while self._pending:
            command = self._pending.pop(0)
            self.commands.append(command)
            if type(command) in effects.SWITCH_COMMANDS:
                self._outcome(self.switch.apply([command], self.now))
            elif isinstance(command, effects.WriteFrame):
                self.frames.append((command.network, command.frame))

    def _outcome(self, output) -> None:
        self.frames += output.frames
        for _socket, _ip, _port, datagram in output.datagrams:
            self._opened(datagram)
        for event in output.punts:
            self.punts += 1
            if isinstance(event, effects.PacketReceived):
                handler = self.underlay.handlers.get(event.verb)
                if handler is not None:
                    handler(event, self.now)
            else:
                self.engine.receive(event, self.now)

    def _opened(self, datagram: bytes) -> None:
        """Note a packet of the switch as if it had been sent by the peer engine."""
        header = Header.parse(datagram)
        opened = self.keys[header.destination].open(datagram)
        packet = decompress(opened)
        compressed = bool(opened[27] & COMPRESSED)
        sent = Sent(header.destination, packet[27] & 0x1F, packet[28:], compressed)
        self.underlay.sent.append(sent)

    # Looking

    def of(self, kind: type) -> list:
        """Commands of one kind so far."""
        return [command for command in self.commands if isinstance(command, kind)]

    def sent(self, verb: int | None = None) -> list[Sent]:
        """What left, by the switch or by the peer engine."""
        return [sent for sent in self.underlay.sent if verb is None or sent.verb == verb]

    def forget(self) -> None:
        """Start noting afresh."""
        self.commands.clear()
        self.underlay.sent.clear()
        self.underlay.asked.clear()
        self.frames.clear()
        self.punts = 0
