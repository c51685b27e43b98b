"""What fills the tables of the data plane."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable

from data_plane import (
    DROP_ALL,
    HONEST,
    NETWORK,
    NOW,
    OWN,
    STRANGER,
    SWITCH,
    THIRD,
    Plane,
    place,
    punted,
)
from earthline._native import fragment
from earthline.effects import (
    GatherRequested,
    HelloReceived,
    InstallPaths,
    InstallRelay,
    PacketReceived,
    PairRelayed,
    RulesRefused,
)
from earthline.vl1.peers.topology import PEER_LIMIT
from earthline.wire.mac import mac_bytes, mac_of
from earthline.wire.messages.frame import ExtFrame, Frame
from earthline.wire.packet import MAX_PACKET, Verb, build
from tables import MORE, fills, overfill, rust


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


@fills("MACs behind bridges, of one network", rust(f"{SWITCH}/networks/common.rs", "MAX_BRIDGED"))
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

    bound = rust(f"{SWITCH}/networks/common.rs", "MAX_BRIDGED")
    overfill(
        lambda n: enter(HONEST, 0x0A00_0000_0000 + n),
        lambda n: enter(STRANGER, 0x0E00_0000_0000 + n),
        kept,
        lambda: sum(map(kept, entered)),
        bound,
    )


@fills(
    "Senders that rules refuse, of one network", rust(f"{SWITCH}/networks/common.rs", "MAX_ASKED")
)
def refused() -> None:
    """Their credentials are asked for once a second."""
    bound = rust(f"{SWITCH}/networks/common.rs", "MAX_ASKED")
    senders = [STRANGER + number for number in range(bound + MORE)]
    plane = Plane(*senders, rules=DROP_ALL)
    remember_alone(lambda number: punted(plane.frame(senders[number])) == [RulesRefused], bound)


@fills(
    "Gatherings answered lately, of one network",
    rust(f"{SWITCH}/networks/common.rs", "MAX_GATHERS"),
)
def gathers() -> None:
    """Each stranger may ask for no more than 2,048 things at once, so there are three."""
    strangers = (STRANGER, STRANGER + 1, STRANGER + 2)
    plane = Plane(HONEST, *strangers)
    remember(
        lambda n: (HONEST, n),
        lambda n: (strangers[n % 3], n),
        lambda key: punted(plane.multicast(*key, gather=1)) == [GatherRequested],
        rust(f"{SWITCH}/networks/common.rs", "MAX_GATHERS"),
    )


@fills("Multicast budgets of members for groups", rust(f"{SWITCH}/ground/budget.rs", "MAX_GROUPS"))
def group_budgets() -> None:
    """One frame each, and four in all groups: of strangers, two of each."""
    bound = rust(f"{SWITCH}/ground/budget.rs", "MAX_GROUPS")
    strangers = [STRANGER + number for number in range((bound + MORE) // 2)]
    plane = Plane(HONEST, *strangers, receive_budget=(1, 1))

    def passes(source: int, group: int) -> bool:
        return len(plane.multicast(source, group).frames) == 1

    flood = [(stranger, group) for stranger in strangers for group in range(2)]
    assert passes(HONEST, 0)
    assert all(itertools.starmap(passes, flood))
    assert passes(HONEST, 1)
    assert not any(passes(HONEST, group) for group in range(2)), "forgotten"
    assert sum(itertools.starmap(passes, reversed(flood))) == len(flood) - (bound - 2)


@fills("Multicast budgets of members", rust(f"{SWITCH}/ground/budget.rs", "MAX_MEMBERS"))
def member_budgets() -> None:
    bound = rust(f"{SWITCH}/ground/budget.rs", "MAX_MEMBERS")
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


@fills("Trusted paths beside those of peers", rust(f"{SWITCH}/reach/paths.rs", "MAX_TRUSTED"))
def trusted() -> None:
    """Frames of a member by many ports: what comes from there for others is relayed."""
    plane = Plane(HONEST, STRANGER, THIRD)
    plane.write(InstallRelay(open=False, upstream=0, path=None))
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
        rust(f"{SWITCH}/reach/paths.rs", "MAX_TRUSTED"),
    )


@fills("Budgets of source prefixes", rust(f"{SWITCH}/reach/ration.rs", "MAX_PREFIXES"))
def prefixes() -> None:
    """What came by the path of a known peer stays spent, whatever prefixes somebody forges.

    A newcomer shares with those, and whenever it is forgotten it may send as much as ever.
    """
    plane = Plane(HONEST)

    def passes(path) -> bool:
        return punted(plane.hello(STRANGER, path)) == [HelloReceived]

    while passes(place(HONEST)):
        pass
    for number in range(rust(f"{SWITCH}/reach/ration.rs", "MAX_PREFIXES") + MORE):
        assert passes((1, bytes([90]) + number.to_bytes(2, "big") + b"\1", 9993))
        if number % 100 == 0:
            assert passes(place(THIRD))
    assert not passes(place(HONEST))


@fills("Budgets of known peers", PEER_LIMIT)
def rations() -> None:
    """Each peer has its own, and goes when its peer goes."""
    plane = Plane(HONEST, STRANGER)
    flood = [punted(plane.send(STRANGER, Verb.WHOIS, b"")) for _ in range(5_000)]
    assert [] in flood
    assert punted(plane.send(HONEST, Verb.WHOIS, b"")) == [PacketReceived]
    plane.meet(THIRD)
    assert punted(plane.send(THIRD, Verb.WHOIS, b"")) == [PacketReceived]


@fills(
    "Pairs introduced lately, by the data plane",
    rust(f"{SWITCH}/reach/introductions.rs", "MAX_PAIRS"),
)
def introductions() -> None:
    """By packets from two networks: of one peer in the one, of 130 in the other."""
    plane = Plane(HONEST)
    plane.write(InstallRelay(open=True, upstream=0, path=None))
    sources = [STRANGER + number for number in range(130)]
    for number, source in enumerate(sources):
        plane.meet(source)
        plane.write(InstallPaths(source, ((1, bytes([80, 2, 0, number]), 9993),)))
    others = [THIRD + number for number in range(130)]
    for other in others:
        plane.meet(other)

    def passes(key) -> bool:
        source, destination, path = key
        packet = build(1, destination, source, Verb.FRAME, b"frame")
        return punted(plane.ingest(path, packet)) == [PairRelayed]

    remember(
        lambda n: (HONEST, others[n], place(HONEST)),
        lambda n: (sources[n % 130], others[n // 130], (1, bytes([80, 2, 0, n % 130]), 9993)),
        passes,
        rust(f"{SWITCH}/reach/introductions.rs", "MAX_PAIRS"),
    )


# Pieces, and what they hold


def _pieces(known: bool, bound: int) -> None:
    """Heads first; then of each packet the rest, of the newest first."""
    plane = Plane(HONEST, STRANGER)
    if not known:
        for peer in (HONEST, STRANGER):
            plane.write(InstallPaths(peer, ()))
    payload = bytes(range(256)) * 6

    def begin(peer: int) -> tuple[int, bytes]:
        sealed = plane.sealed(peer, Verb.WHOIS, payload, whole=False)
        head, rest = fragment(sealed, 1_432)
        assert punted(plane.ingest(place(peer), head)) == []
        return peer, rest

    begun = [begin(HONEST) for _ in range(3)]
    begun += [begin(STRANGER) for _ in range(bound + MORE)]
    begun += [begin(HONEST)]
    whole = [
        punted(plane.ingest(place(peer), rest)) == [PacketReceived] for peer, rest in begun[::-1]
    ]
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
        return punted(plane.send(peer, Verb.WHOIS | 0x80, block)) == [PacketReceived]

    assert passes(HONEST, 38)
    assert not any(passes(STRANGER, runs) for runs in range(40, 90))
    assert passes(HONEST, 38)
    assert plane.switch.counters()["drop_compression"] == 50
