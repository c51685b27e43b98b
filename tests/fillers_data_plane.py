"""What fills the tables of the data plane: sealed and forged packets, into a real switch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Hashable

from earthline._native import PuntQueue, SessionKey, Switch, fragment
from earthline.effects import InstallNetwork
from earthline.vl1.topology import PEER_LIMIT
from earthline.wire.mac import mac_bytes, mac_of
from earthline.wire.messages.frame import ExtFrame, Frame, MulticastFrame
from earthline.wire.multicast import MulticastGroup
from earthline.wire.packet import FLAG_FRAGMENTED, MAX_PACKET, Suite, Verb, build
from earthline.wire.rules import ACCEPT_ALL
from tables import MORE, ROOT, fills, overfill, rust

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
        self.switch.set_network(InstallNetwork(network, **settings | changes))

    def meet(self, address: int, *, admitted: bool = True) -> None:
        at = place(address)
        self.switch.set_session(address, KEY, Suite.SALSA20_POLY1305)
        self.switch.set_known_paths(address, [at])
        self.switch.set_route(address, at, True, 10_000, 0)
        self.switch.set_member(NETWORK, address, admitted, True, NEVER)

    def sealed(self, source: int, verb: int, payload: bytes, *, whole: bool = True) -> bytes:
        packet = bytearray(build(next(self._ids), OWN, source, verb, payload))
        packet[18] |= 0 if whole else FLAG_FRAGMENTED
        return SEAL.seal(bytes(packet), Suite.SALSA20_POLY1305)

    def ingest(self, path, datagram: bytes):
        output = self.switch.ingest_datagrams([(*path, datagram)], NOW)
        self.queue.push(output, NOW)
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


def punted(output) -> list[str]:
    return [punt.kind for punt in output.punts]


def remember(
    honest: Callable[[int], Hashable],
    stranger: Callable[[int], Hashable],
    passes: Callable[[Hashable], bool],
    bound: int,
) -> None:
    """A memory of what may not pass again. To ask it is to use it: the newest are asked first."""
    early = [honest(number) for number in range(3)]
    flood = [stranger(number) for number in range(bound + MORE)]
    assert all(passes(key) for key in (*early, *flood))
    late = honest(3)
    assert not any(passes(key) for key in early), "forgotten"
    assert passes(late)
    remembered = [not passes(key) for key in reversed(flood)]
    assert remembered.index(False) == bound - 4
    assert not any(passes(key) for key in (*early, late))


def remember_alone(passes: Callable[[int], bool], bound: int) -> None:
    """The same where each has one entry: the longest unused goes."""
    flood = range(bound + MORE)
    assert all(map(passes, flood))
    remembered = [not passes(number) for number in reversed(flood)]
    assert remembered.index(False) == bound


# What networks remember


@fills("MACs behind bridges, of one network", rust(f"{SWITCH}/common.rs", "MAX_BRIDGED"))
def bridged() -> None:
    plane = Plane(HONEST, STRANGER, bridges=(HONEST, STRANGER))
    entered: list[int] = []

    def enter(bridge: int, mac: int) -> int:
        frame = ExtFrame(NETWORK, mac_of(OWN, NETWORK), mac, 0x0800, b"frame")
        plane.send(bridge, Verb.EXT_FRAME, frame.emit())
        entered.append(mac)
        return mac

    def kept(mac: int) -> bool:
        """A frame to it goes to one bridge, not to both."""
        frame = mac_bytes(mac) + mac_bytes(mac_of(OWN, NETWORK)) + b"\x08\0frame"
        return len(plane.switch.ingest_frames([(NETWORK, frame)], NOW).datagrams) == 1

    bound = rust(f"{SWITCH}/common.rs", "MAX_BRIDGED")
    overfill(
        lambda n: enter(HONEST, 0x0A00_0000_0000 + n),
        lambda n: enter(STRANGER, 0x0E00_0000_0000 + n),
        kept,
        lambda: sum(map(kept, entered)),
        bound,
    )


@fills("Senders that rules refuse, of one network", rust(f"{SWITCH}/common.rs", "MAX_ASKED"))
def refused() -> None:
    """Their credentials are asked for once a second."""
    bound = rust(f"{SWITCH}/common.rs", "MAX_ASKED")
    senders = [STRANGER + number for number in range(bound + MORE)]
    plane = Plane(*senders, rules=DROP_ALL)
    remember_alone(lambda number: punted(plane.frame(senders[number])) == ["rules"], bound)


@fills("Gatherings answered lately, of one network", rust(f"{SWITCH}/common.rs", "MAX_GATHERS"))
def gathers() -> None:
    """Each stranger may ask for no more than 2,048 things at once, so there are three."""
    strangers = (STRANGER, STRANGER + 1, STRANGER + 2)
    plane = Plane(HONEST, *strangers)
    remember(
        lambda n: (HONEST, n),
        lambda n: (strangers[n % 3], n),
        lambda key: punted(plane.multicast(*key, gather=1)) == ["gather"],
        rust(f"{SWITCH}/common.rs", "MAX_GATHERS"),
    )


@fills("Multicast budgets of members for groups", rust(f"{SWITCH}/budget.rs", "MAX_GROUPS"))
def group_budgets() -> None:
    """One frame each, and four in all groups: what is spent stays spent."""
    plane = Plane(HONEST, STRANGER, receive_budget=(1, 1))
    assert all(plane.multicast(HONEST, group).frames for group in range(3))
    for group in range(rust(f"{SWITCH}/budget.rs", "MAX_GROUPS") + MORE):
        plane.multicast(STRANGER, 1_000 + group)
    assert not any(plane.multicast(HONEST, group).frames for group in range(3))
    assert plane.multicast(HONEST, 3).frames


@fills("Multicast budgets of members", rust(f"{SWITCH}/budget.rs", "MAX_MEMBERS"))
def member_budgets() -> None:
    bound = rust(f"{SWITCH}/budget.rs", "MAX_MEMBERS")
    members = [STRANGER + number for number in range(bound + MORE)]
    plane = Plane(*members, receive_budget=(1, 1))
    groups = itertools.count()

    def passes(number: int) -> bool:
        """All four frames that it may send to four groups."""
        return all(plane.multicast(members[number], next(groups)).frames for _ in range(4))

    remember_alone(passes, bound)


@fills("Flows that rules decided on, of one network", rust("core/src/rules/recent.rs", "FLOWS"))
def flows() -> None:
    """Each flow has one place, and whoever takes it costs the other a second look alone."""
    plane = Plane(HONEST, STRANGER)

    def passes(source: int, port: int) -> bool:
        udp = port.to_bytes(2, "big") + b"\0\x07\0\x08\0\0"
        ip = bytes([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2])
        frame = Frame(NETWORK, 0x0800, ip + udp)
        return len(plane.send(source, Verb.FRAME, frame.emit()).frames) == 1

    assert passes(HONEST, 1)
    assert all(passes(STRANGER, port) for port in range(1, 2_000))
    assert passes(HONEST, 1)
    assert passes(HONEST, 2)


# Paths and budgets


@fills("Trusted paths beside those of peers", rust(f"{SWITCH}/paths.rs", "MAX_TRUSTED"))
def trusted() -> None:
    """Frames of a member by many ports: what comes from there for others is relayed."""
    plane = Plane(HONEST, STRANGER, THIRD)
    plane.switch.set_relay(False, 0, None)
    entered: list = []

    def enter(member: int, port: int):
        path = place(member, port=port)
        plane.frame(member, path)
        entered.append(path)
        return path

    def kept(path) -> bool:
        packet = build(1, THIRD, HONEST, Verb.FRAME, b"frame")
        return bool(plane.ingest(path, packet).datagrams)

    overfill(
        lambda n: enter(HONEST, 1_000 + n),
        lambda n: enter(STRANGER, 1_000 + n),
        kept,
        lambda: sum(map(kept, entered)),
        rust(f"{SWITCH}/paths.rs", "MAX_TRUSTED"),
    )


@fills("Budgets of source prefixes", rust(f"{SWITCH}/ration.rs", "MAX_PREFIXES"))
def prefixes() -> None:
    """What came by the path of a known peer stays spent, whatever prefixes somebody forges."""
    plane = Plane(HONEST)

    def passes(path) -> bool:
        return punted(plane.hello(STRANGER, path)) == ["hello"]

    while passes(place(HONEST)):
        pass
    for number in range(rust(f"{SWITCH}/ration.rs", "MAX_PREFIXES") + MORE):
        assert passes((1, bytes([90]) + number.to_bytes(2, "big") + b"\1", 9993))
    assert not passes(place(HONEST))


@fills("Budgets of known peers", PEER_LIMIT)
def rations() -> None:
    """Each peer has its own, and goes when its peer goes."""
    plane = Plane(HONEST, STRANGER)
    flood = [punted(plane.send(STRANGER, Verb.WHOIS, b"")) for _ in range(5_000)]
    assert [] in flood
    assert punted(plane.send(HONEST, Verb.WHOIS, b"")) == ["packet"]
    plane.meet(THIRD)
    assert punted(plane.send(THIRD, Verb.WHOIS, b"")) == ["packet"]


@fills("Pairs introduced lately, by the data plane", rust(f"{SWITCH}/relay.rs", "MAX_PAIRS"))
def introductions() -> None:
    """By packets from two networks: of one peer in the one, of 130 in the other."""
    plane = Plane(HONEST)
    plane.switch.set_relay(True, 0, None)
    sources = [STRANGER + number for number in range(130)]
    for number, source in enumerate(sources):
        plane.meet(source)
        plane.switch.set_known_paths(source, [(1, bytes([80, 2, 0, number]), 9993)])
    others = [THIRD + number for number in range(130)]
    for other in others:
        plane.meet(other)

    def passes(key) -> bool:
        source, destination, path = key
        packet = build(1, destination, source, Verb.FRAME, b"frame")
        return punted(plane.ingest(path, packet)) == ["introduce"]

    remember(
        lambda n: (HONEST, others[n], place(HONEST)),
        lambda n: (sources[n % 130], others[n // 130], (1, bytes([80, 2, 0, n % 130]), 9993)),
        passes,
        rust(f"{SWITCH}/relay.rs", "MAX_PAIRS"),
    )


# Pieces, and what they hold


def _pieces(known: bool, bound: int) -> None:
    """Heads first; then of each packet the rest, of the newest first."""
    plane = Plane(HONEST, STRANGER)
    if not known:
        for peer in (HONEST, STRANGER):
            plane.switch.set_known_paths(peer, [])
    payload = bytes(range(256)) * 6

    def begin(peer: int) -> tuple[int, bytes]:
        sealed = plane.sealed(peer, Verb.WHOIS, payload, whole=False)
        head, rest = fragment(sealed, 1_432)
        assert punted(plane.ingest(place(peer), head)) == []
        return peer, rest

    begun = [begin(HONEST) for _ in range(3)]
    begun += [begin(STRANGER) for _ in range(bound + MORE)]
    begun += [begin(HONEST)]
    whole = [punted(plane.ingest(place(peer), rest)) == ["packet"] for peer, rest in begun[::-1]]
    assert whole.pop(0)
    assert whole[-3:] == [True] * 3
    assert whole[:-3] == [True] * (bound - 4) + [False] * (MORE + 4)


SLOTS = rust("core/src/fragment/reassembly.rs", "DEFAULT_SLOTS")


@fills("Packets of known endpoints in pieces", SLOTS)
def known_pieces() -> None:
    _pieces(known=True, bound=SLOTS)


@fills("Packets of unknown endpoints in pieces", -(-SLOTS // 4))
def unknown_pieces() -> None:
    _pieces(known=False, bound=-(-SLOTS // 4))


@fills("Bytes of one packet, unpacked", MAX_PACKET)
def unpacked() -> None:
    """Some 60 bytes that unpack to 15,000, between packets that unpack to what may be."""
    plane = Plane(HONEST, STRANGER)
    assert rust("core/src/packet.rs", "MAX_PACKET") == MAX_PACKET

    def passes(peer: int, runs: int) -> bool:
        block = b"\x1f\0\x01\0" + b"\xff" * runs + b"\0\x5012345"
        return punted(plane.send(peer, Verb.WHOIS | 0x80, block)) == ["packet"]

    assert passes(HONEST, 38)
    assert not any(passes(STRANGER, runs) for runs in range(40, 90))
    assert passes(HONEST, 38)
    assert plane.switch.counters()["drop_compression"] == 50


# What waits for the engines

CLASSES = ("host", "peers", "frames", "newcomers", "strangers")
BOUNDS = [
    int(all_of_it)
    for all_of_it in re.findall(
        r"bounds: Bounds \{ all: (\d+), each: \d+ \}", (ROOT / "rust" / PUNTS).read_text()
    )
]
BOUND = dict(zip(CLASSES, BOUNDS, strict=True))


@fills("Frames of our own that wait for the engine", BOUND["host"])
def host_punts() -> None:
    """Each network has a line of its own."""
    plane = Plane(HONEST)
    networks = [NETWORK + number for number in range(1, 4)]
    for network in networks:
        plane.install(network)

    def enter(network: int) -> None:
        frame = mac_bytes(mac_of(THIRD, network)) + mac_bytes(mac_of(OWN, network)) + b"\x08\0x"
        plane.queue.push(plane.switch.ingest_frames([(network, frame)], NOW), NOW)

    for _ in range(3):
        enter(NETWORK)
    for network in networks * BOUND["host"]:
        enter(network)
    enter(NETWORK)
    assert len(plane.queue) == BOUND["host"]
    assert sum(punt.network == NETWORK for punt in plane.waiting()) == 4


def _flooded(plane: Plane, enter: Callable[[int, bytes], object], kind: str) -> None:
    """Of one peer 4 things in all, of five others more than there is room for."""
    strangers = [STRANGER + number for number in range(5)]
    for number in range(3):
        enter(HONEST, bytes([number]))
    for number in range(BOUND[kind] // 4):
        for stranger in strangers:
            enter(stranger, number.to_bytes(4, "big"))
    enter(HONEST, b"\3")
    assert len(plane.queue) == BOUND[kind]
    waiting = plane.waiting()
    honest = [punt.data[-1:] for punt in waiting if punt.source == HONEST]
    assert honest == [b"\0", b"\1", b"\2", b"\3"]
    newest = (BOUND[kind] // 4 - 1).to_bytes(4, "big")
    assert {punt.source for punt in waiting if punt.data.endswith(newest)} == {*strangers}


@fills("Control packets of peers that wait", BOUND["peers"])
def peer_punts() -> None:
    plane = Plane(HONEST, *(STRANGER + number for number in range(5)))
    _flooded(plane, lambda peer, data: plane.send(peer, Verb.WHOIS, data), "peers")


@fills("Frames of peers that wait for a decision", BOUND["frames"])
def frame_punts() -> None:
    plane = Plane(HONEST, *(STRANGER + number for number in range(5)), admitted=False)
    _flooded(
        plane,
        lambda peer, data: plane.send(peer, Verb.FRAME, Frame(NETWORK, 0x0800, data).emit()),
        "frames",
    )


def _strangers_wait(send: Callable[[Plane, int, tuple], object], kind: str) -> None:
    """Everybody repeats itself, else nobody is let in. The flood comes from 32 prefixes."""
    plane = Plane()

    def enter(number: int, path: tuple) -> int:
        source = 0x50_0000_0000 + number
        send(plane, source, path)
        send(plane, source, path)
        return source

    early = [enter(number, place(HONEST)) for number in range(3)]
    flood = [
        enter(1_000 + number, (1, bytes([90, 0, number % 32, 1]), 9993))
        for number in range(BOUND[kind] + 256)
    ]
    late = enter(3, place(HONEST))
    assert len(plane.queue) == BOUND[kind]
    sources = {punt.source for punt in plane.waiting()}
    assert {*early, late, flood[-1]} <= sources
    assert flood[0] not in sources


@fills("HELLOs of newcomers that wait", BOUND["newcomers"])
def newcomer_punts() -> None:
    _strangers_wait(Plane.hello, "newcomers")


@fills("Packets of unknown addresses that wait", BOUND["strangers"])
def stranger_punts() -> None:
    _strangers_wait(Plane.unknown, "strangers")


@fills("Strangers seen lately", rust("core/src/punts/repeats.rs", "MAX_ENTRIES"))
def repeats() -> None:
    """Fixed memory: who repeats itself is known among any number of others."""
    plane = Plane()
    for number in range(20_000):
        path = (1, bytes([90]) + number.to_bytes(2, "big") + b"\1", 9993)
        plane.hello(0x50_0000_0000 + number, path)
    assert plane.queue.counters()["drop_punt_unrepeated"] > 19_000
    waiting = len(plane.queue)
    plane.hello(HONEST, place(HONEST))
    assert len(plane.queue) == waiting
    plane.hello(HONEST, place(HONEST))
    assert len(plane.queue) == waiting + 1
