"""A tiny internet of peer engines in virtual time. Hosts open and relay as the switch does."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from earthline import _native
from earthline._native import Reassembler, SessionKey
from earthline.effects import (
    HelloReceived,
    HellosOpened,
    IdentityProved,
    IngestDatagram,
    InstallPaths,
    InstallRelay,
    InstallRoute,
    InstallSession,
    OpenHellos,
    PacketReceived,
    PairRelayed,
    ProveIdentity,
    RemoveSession,
    Report,
    SocketsChanged,
    StateLoaded,
    Store,
    Transmit,
    UnknownSource,
)
from earthline.vl1.engine import PeerEngine
from earthline.vl1.ground.work import open_hellos, prove
from earthline.wire.identity import SecretIdentity
from earthline.wire.inet import InetAddress
from earthline.wire.packet import FragmentHeader, Header, Verb, increment_hops
from earthline.wire.world import Root, World, WorldKind

START = 1_700_000_000_000
ONE_WAY_MS = 10


@cache
def identity(number: int) -> SecretIdentity:
    return SecretIdentity.generate(number.to_bytes(32, "big"), 1)


@cache
def signer() -> SecretIdentity:
    return identity(1000)


def planet(*roots: Host, timestamp: int = 1, world_id: int = 7, **changes) -> World:
    listed = tuple(Root(h.identity.public, tuple(h.addresses.values())) for h in roots)
    world = World(
        changes.get("kind", WorldKind.PLANET),
        world_id,
        timestamp,
        signer().public.public_key,
        listed,
    )
    return world.sign(signer().private_key)


class Entropy:
    """Different bytes each time, the same in each run."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._count = itertools.count()

    def __call__(self, length: int) -> bytes:
        import hashlib

        return hashlib.shake_128(f"{self._seed} {next(self._count)}".encode()).digest(length)


@dataclass(eq=False)
class Host:
    """One node: its engine, what its switch would know, and what it said."""

    net: Internet
    number: int
    addresses: dict[int, InetAddress]
    identity: SecretIdentity = field(init=False)
    engine: PeerEngine = field(init=False)
    keys: dict[int, SessionKey] = field(default_factory=dict)
    suites: dict[int, int] = field(default_factory=dict)
    routes: dict[int, InstallRoute] = field(default_factory=dict)
    paths: dict[int, tuple] = field(default_factory=dict)
    relay: InstallRelay = field(
        default_factory=lambda: InstallRelay(open=False, upstream=0, path=None)
    )
    stored: dict[tuple[str, int], bytes | None] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    sent: list[Transmit] = field(default_factory=list)
    got: list[PacketReceived] = field(default_factory=list)
    running: bool = False
    proves: Callable[[ProveIdentity], bool] = prove
    work: list[object] = field(default_factory=list)
    """What was asked of the host's other thread; done as soon as the engine is left."""

    def __post_init__(self) -> None:
        self.identity = identity(self.number)
        self.boot()

    def boot(self) -> None:
        """Start, or start again with nothing but what was stored."""
        self.keys, self.suites, self.routes, self.paths = {}, {}, {}, {}
        self.reports = []
        self.reassembler = Reassembler()
        self.engine = PeerEngine(self.identity, Entropy(self.number), self.carry_out)

    def start(self, world: World | None = None) -> None:
        self.running = True
        if world is not None:
            self.give(StateLoaded("planet", 0, world.emit()))
        for (kind, key), data in list(self.stored.items()):
            if data is not None:
                self.give(StateLoaded(kind, key, data))
        self.bind()
        self.handle_timeout()

    def handle_timeout(self) -> None:
        self.engine.handle_timeout(self.net.now)
        self.do_work()

    def bind(self) -> None:
        self.give(SocketsChanged(tuple(self.addresses.items())))

    def give(self, event: object) -> None:
        self.engine.receive(event, self.net.now)
        self.do_work()

    def do_work(self) -> None:
        """Do as the host's other thread does, and hand over the results."""
        while self.work:
            command = self.work.pop(0)
            if isinstance(command, OpenHellos):
                keys = open_hellos(self.identity, command)
                self.engine.receive(HellosOpened(keys, 50 * len(keys)), self.net.now)
            else:
                key = command.public_key
                proved = IdentityProved(command.address, key, self.proves(command), 10_000)
                self.engine.receive(proved, self.net.now)

    # Commands

    def carry_out(self, command: object) -> None:
        match command:
            case Transmit():
                self.sent.append(command)
                self.net.transmit(self, command.path, command.datagram, command.ttl)
            case InstallSession():
                self.keys[command.address] = SessionKey(command.key)
                self.suites[command.address] = command.suite
            case RemoveSession():
                for table in (self.keys, self.suites, self.routes, self.paths):
                    table.pop(command.address, None)
            case InstallRoute():
                self.routes[command.address] = command
            case InstallPaths():
                self.paths[command.address] = command.paths
            case InstallRelay():
                self.relay = command
            case IngestDatagram():
                self.net.soon(lambda: self.open(command.path, command.datagram))
            case Store():
                self.stored[command.kind, command.key] = command.data
            case Report():
                self.reports.append(command)
            case OpenHellos() | ProveIdentity():
                self.work.append(command)

    def events(self) -> list[str]:
        return [report.event for report in self.reports]

    # Datagrams

    def ingest(self, path: tuple, datagram: bytes) -> None:
        if len(datagram) <= 16:
            return
        destination = int.from_bytes(datagram[8:13], "big")
        if destination != self.identity.address:
            self.forward(destination, datagram)
            return
        if datagram[13] == 0xFF or datagram[18] & 0x40:
            whole = self.reassembler.accept(datagram, self.net.now)
            if whole is None:
                return
            datagram = whole
        self.open(path, datagram)

    def open(self, path: tuple, packet: bytes) -> None:
        header = Header.parse(packet)
        if header.suite == 0 and header.verb == Verb.HELLO:
            self.give(HelloReceived(path, packet))
        elif header.source not in self.keys:
            self.give(UnknownSource(path, header.source, packet))
        else:
            opened = self.keys[header.source].open(packet)
            assert opened is not None
            plain = _native.decompress(opened)
            verb = Header.parse(plain).verb
            event = PacketReceived(
                path,
                header.source,
                header.packet_id,
                header.hops,
                header.suite,
                verb,
                plain[28:],
                len(packet),
            )
            self.got.append(event)
            self.give(event)

    def forward(self, destination: int, datagram: bytes) -> None:
        if not self.relay.open:
            return
        route = self.routes.get(destination)
        if route is None or route.path is None:
            return
        fragment = datagram[13] == 0xFF
        if fragment:
            FragmentHeader.parse(datagram)
            relayed = datagram[:15] + bytes([datagram[15] + 1 & 7]) + datagram[16:]
        else:
            relayed = datagram[:18] + bytes([increment_hops(datagram[18])]) + datagram[19:]
            self.give(PairRelayed(Header.parse(datagram).source, destination))
        self.net.transmit(self, route.path, relayed, 0)

    # Questions of the tests

    @property
    def address(self) -> int:
        return self.identity.address

    def verbs_from(self, other: Host) -> list[int]:
        return [packet.verb for packet in self.got if packet.source == other.address]

    def direct_to(self, other: Host) -> bool:
        route = self.routes.get(other.address)
        return route is not None and route.direct and route.path is not None

    def relayed_to(self, other: Host) -> bool:
        route = self.routes.get(other.address)
        return route is not None and not route.direct and route.path is not None


@dataclass
class PortRestrictedNat:
    """One public IP; lets in only what comes from where a private endpoint sent to."""

    public_ip: bytes
    inside: set[bytes]
    opened: set[tuple[InetAddress, InetAddress]] = field(default_factory=set)

    def outward(self, source: InetAddress, target: InetAddress) -> InetAddress:
        self.opened.add((source, target))
        return InetAddress(self.public_ip, source.port)

    def inward(self, source: InetAddress, target: InetAddress) -> InetAddress | None:
        for private, remote in self.opened:
            if private.port == target.port and remote == source:
                return private
        return None


class Internet:
    """Delivers every datagram after 10 ms, unless ``drops`` says otherwise."""

    def __init__(self) -> None:
        self.now = START
        self.hosts: list[Host] = []
        self.nats: list[PortRestrictedNat] = []
        self.drops: Callable[[InetAddress, InetAddress, bytes], bool] = lambda *_: False
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def host(self, number: int, *addresses: str) -> Host:
        endpoints = {n: InetAddress.parse(text) for n, text in enumerate(addresses)}
        host = Host(self, number, endpoints)
        self.hosts.append(host)
        return host

    def running(self) -> list[Host]:
        return [host for host in self.hosts if host.running]

    def soon(self, action: Callable[[], None], delay: int = 0) -> None:
        heapq.heappush(self._queue, (self.now + delay, next(self._order), action))

    def transmit(self, host: Host, path: tuple, datagram: bytes, ttl: int) -> None:
        socket, ip, port = path
        target = InetAddress(ip, port)
        numbers = host.addresses if socket == -1 else [socket]
        for number in numbers:
            source = host.addresses.get(number)
            if source is not None and source.is_ipv4 == target.is_ipv4:
                self._send(source, target, datagram, ttl)

    def _send(self, source: InetAddress, target: InetAddress, datagram: bytes, ttl: int) -> None:
        nat = next((n for n in self.nats if source.ip in n.inside), None)
        if nat is not None and target.ip not in nat.inside:
            source = nat.outward(source, target)
        if ttl or self.drops(source, target, datagram):
            return
        self.soon(lambda: self._arrive(source, target, datagram), ONE_WAY_MS)

    def _arrive(self, source: InetAddress, target: InetAddress, datagram: bytes) -> None:
        nat = next((n for n in self.nats if n.public_ip == target.ip), None)
        if nat is not None:
            private = nat.inward(source, target)
            if private is None:
                return
            target = private
        elif any(target.ip in n.inside and source.ip not in n.inside for n in self.nats):
            return
        for host in self.running():
            for number, address in host.addresses.items():
                if address == target:
                    host.ingest((number, source.ip, source.port), datagram)

    def run(self, duration: int) -> None:
        """Let time pass, jumping from one event to the next."""
        end = self.now + duration
        while True:
            due = min((h.engine.next_timeout() for h in self.running()), default=end)
            at = self._queue[0][0] if self._queue else end
            moment = max(self.now, min(due, at))
            if moment > end:
                break
            self.now = moment
            while self._queue and self._queue[0][0] <= self.now:
                heapq.heappop(self._queue)[2]()
            for host in self.running():
                if host.engine.next_timeout() <= self.now:
                    host.handle_timeout()
            if moment >= end:
                break
        self.now = end
