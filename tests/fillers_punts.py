"""What fills the lines in which the data plane has things wait for the engines."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

from data_plane import (
    HONEST,
    NETWORK,
    NOW,
    OWN,
    PUNTS,
    STRANGER,
    THIRD,
    Plane,
    payload_of,
    place,
    source_of,
)
from earthline.wire.mac import mac_bytes, mac_of
from earthline.wire.messages.frame import Frame
from earthline.wire.packet import Verb
from tables import ROOT, fills, rust

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
    honest = [payload_of(punt)[-1:] for punt in waiting if source_of(punt) == HONEST]
    assert honest == [b"\0", b"\1", b"\2", b"\3"]
    newest = (BOUND[kind] // 4 - 1).to_bytes(4, "big")
    assert {source_of(punt) for punt in waiting if payload_of(punt).endswith(newest)} == {
        *strangers
    }


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


MARK, MAX_PRICE = rust(PUNTS, "MARK"), rust("core/src/punts/pressure.rs", "MAX_PRICE")


class Strangers:
    """Some of whom nothing is known; a flood of them comes from 32 prefixes."""

    def __init__(self, send: Callable[[Plane, int, tuple], object]) -> None:
        self.plane = Plane()
        self._send = send
        self._numbers = itertools.count()

    def come(self, source: int, path: tuple) -> None:
        self._send(self.plane, source, path)

    def flood(self, count: int) -> int:
        """So many new ones, of whom each tries once; the last one."""
        for number in itertools.islice(self._numbers, count):
            source = 0x50_0000_0000 + number
            self.come(source, (1, bytes([90, 0, number % 32, 1]), 9993))
        return source

    def each_ms(self, count: int, ms: int) -> int:
        """The same again and again."""
        for _ in range(ms):
            self.plane.now += 1
            last = self.flood(count)
        return last


def _strangers_wait(send: Callable[[Plane, int, tuple], object]) -> None:
    """Whoever comes is let in while there is room, and then whoever comes again and again."""
    strangers = Strangers(send)
    queue = strangers.plane.queue
    early = [HONEST + number for number in range(3)]
    for source in early:
        strangers.come(source, place(HONEST))
    strangers.each_ms(2, 400)
    assert len(queue) == MARK
    taken = queue.take(100)
    late = HONEST + 3
    for _ in range(MAX_PRICE):
        strangers.each_ms(2, 10)
        refused = queue.counters()["drop_punt_unrepeated"]
        strangers.come(late, place(HONEST))
        assert len(queue) <= MARK
        if queue.counters()["drop_punt_unrepeated"] == refused:
            break
        taken += queue.take(8)
    taken += strangers.plane.waiting()
    assert {source_of(punt) for punt in taken} >= {*early, late}


@fills("HELLOs of newcomers that wait", MARK)
def newcomer_punts() -> None:
    _strangers_wait(Plane.hello)


@fills("Packets of unknown addresses that wait", MARK)
def stranger_punts() -> None:
    _strangers_wait(Plane.unknown)


@fills("Strangers let in lately", rust("core/src/punts/tries.rs", "LET_IN_CELLS"))
def let_in() -> None:
    """Fixed memory: who was let in pays more, among any number of others, who do not."""
    strangers = Strangers(Plane.hello)
    strangers.come(STRANGER, place(STRANGER))
    assert [source_of(punt) for punt in strangers.plane.waiting()] == [STRANGER]
    for number in range(20_000):
        path = (1, bytes([91]) + number.to_bytes(2, "big") + b"\1", 9993)
        strangers.come(0x60_0000_0000 + number, path)
    strangers.plane.waiting()
    for _ in range(4):
        strangers.come(STRANGER, place(STRANGER))
        strangers.come(HONEST, place(HONEST))
    assert {source_of(punt) for punt in strangers.plane.waiting()} == {HONEST}


@fills("Tries of strangers", rust("core/src/punts/tries.rs", "CELLS"))
def tries() -> None:
    """Fixed memory: who tries again is known among any number of others."""
    strangers = Strangers(Plane.hello)
    plane = strangers.plane
    strangers.flood(MARK + 1)
    assert len(plane.queue) == MARK
    strangers.come(HONEST, place(HONEST))
    for number in range(20_000):
        path = (1, bytes([91]) + number.to_bytes(2, "big") + b"\1", 9993)
        strangers.come(0x60_0000_0000 + number, path)
    assert plane.queue.counters()["drop_punt_unrepeated"] == 2 + 20_000
    plane.waiting()
    strangers.come(STRANGER, place(STRANGER))
    assert len(plane.queue) == 0
    strangers.come(HONEST, place(HONEST))
    assert [source_of(punt) for punt in plane.waiting()] == [HONEST]
