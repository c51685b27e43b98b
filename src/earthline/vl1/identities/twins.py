"""Whether another host uses our identity, such as one made from a copy of our disk, and where.

Whoever has our key is we, so nothing that others say tells. But a packet to our own address that we
hand to a root goes where the root takes us to be. So each node calls there now and then; what it
calls goes either back to it, or to the other, who answers to the places that the call names:

    one  ── call ──▶ root ── call ──▶ the other     knows now that there is one, and where
    one  ◀───────────── answer ───────────────      knows it now as well

Behind a NAT that lets in nobody unknown the answer is lost, and the other has to wait until the
root takes it for both. But each has its own calls back as long as it is alone: who misses many in
a row, while the roots answer it, is taken to be elsewhere.

The sender named is one whom nobody has, which follows from the key: the switch drops what bears our
own address, and others' nodes take it for a stranger's. The packet is sealed with the key that our
identity agrees on with itself, and so comes of nobody else. The payload of the NOP:

     0  8  number of this run, drawn at its start
     8  8  time by the sender's wall clock, ms: an old call that somebody kept is not listened to,
           nor one of before our start, which may be our own of then
    16  1  0: call, 1: answer
    17  1  number of places
    18  …  places (01, 2.8), of the sender
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from earthline._native import SessionKey
from earthline.effects import Path, Transmit, UnknownSource
from earthline.vl1.ground.local import ALL_SOCKETS, Local
from earthline.vl1.peers.topology import Topology
from earthline.vl1.surface.surface import Surface
from earthline.wire.inet import InetAddress, emit_inet, read_inet
from earthline.wire.packet import HEADER_LENGTH, Suite, Verb, build
from earthline.wire.reader import Malformed, Reader

FIRST_MS = 30_000
"""After a start or a move: by then roots know where we are."""
CALL_MS = 300_000
FRUGAL_CALL_MS = 3_600_000
"""In low-bandwidth mode (02, 1.7)."""
MISSED_CALL_MS = 10_000
"""Until the next call if one does not come back."""
KNOWN_CALL_MS = 30_000
"""While there is another, or seems to be: roots change their minds, so that both hear of it."""
MISSED = 8
"""So many calls in a row that none came back of are not lost by chance: a third are, at times."""
ANSWER_MS = 10_000
KEPT_MS = 3 * CALL_MS
"""After three calls that nobody else made, the other is gone."""
FRUGAL_KEPT_MS = 3 * FRUGAL_CALL_MS
"""The same in low-bandwidth mode, which a copied home folder has, too."""
FRESH_MS = 600_000
"""How far apart the clocks of the two may be, and how old a call is at most that counts."""
MAX_PLACES = 8

_CALL, _ANSWER = 0, 1


@dataclass(frozen=True, slots=True)
class Twin:
    """Another host with our identity, as we heard of it last."""

    places: tuple[InetAddress, ...]
    """Where it is: as we saw it, if it sent to us directly, and as it says."""
    heard_at: int
    heard_by: InetAddress
    """Where that came from: the other's place, or that of a root."""
    direct: bool


class Twins:
    """Calls the other, and listens."""

    def __init__(self, local: Local, topology: Topology, surface: Surface) -> None:
        self._local = local
        self._topology = topology
        self._surface = surface
        self._run = local.entropy(8)
        self._key = local.identity.agree(local.identity.public)
        self._session = SessionKey(self._key)
        digest = hashlib.sha256(b"earthline twins" + self._key).digest()
        self._mark = int.from_bytes(digest[:5], "big") & 0x7F_FFFF_FFFF | 1
        self._began_at: int | None = None
        self._due_at: int | None = None
        self._answered_at: int | None = None
        self._twin: Twin | None = None
        self._by: tuple[InetAddress, ...] = ()
        """The roots of the last call, as long as it did not come back..."""
        self._missed = 0
        """...and how many before it did not, in a row."""

    def twin(self, now: int) -> Twin | None:
        """The other, if it was heard of lately."""
        twin = self._twin
        kept_ms = FRUGAL_KEPT_MS if self._local.low_bandwidth else KEPT_MS
        return None if twin is None or now - twin.heard_at > kept_ms else twin

    def astray(self) -> tuple[InetAddress, ...]:
        """The roots that pass on what is for us, but not to us; none while that may be chance."""
        return self._by if self._missed >= MISSED else ()

    def places(self) -> tuple[InetAddress, ...]:
        """Where we are: as others see us, as gateways map us, and as our sockets are bound."""
        local = self._local
        known = (*self._surface.told(), *local.mapped, *local.sockets.values())
        return tuple(dict.fromkeys(known))[:MAX_PLACES]

    def start_over(self, now: int) -> None:
        """We may be somewhere else."""
        self._began_at = now if self._began_at is None else self._began_at
        self._due_at = now + FIRST_MS
        self._by, self._missed = (), 0

    def consider(self, now: int) -> None:
        """Call, if it is time and there is a root that would pass it on."""
        if self._due_at is None:
            self.start_over(now)
        if self._due_at is None or now < self._due_at:
            return
        ways = list(self._ways(now))
        if not ways:
            return
        self._missed += bool(self._by)
        self._due_at = now + (MISSED_CALL_MS if self._missed < MISSED else self._pause_ms(now))
        self._by = tuple(InetAddress(ip, port) for _, ip, port in ways)
        for way in ways:
            self._send(_CALL, way, now)

    def _pause_ms(self, now: int) -> int:
        if self._local.low_bandwidth:
            return FRUGAL_CALL_MS
        calm = self.twin(now) is None and not self._missed
        return CALL_MS if calm else KNOWN_CALL_MS

    def recognises(self, event: UnknownSource, now: int) -> bool:
        """Whether the packet names the sender that only we and the other know; it is dealt with."""
        if event.source != self._mark:
            return False
        packet = self._session.open(event.packet)
        if packet is None:
            self._local.count("twin_forged")
            return True
        try:
            self._hear(event.path, Reader(packet[HEADER_LENGTH:]), now)
        except Malformed:
            self._local.count("twin_malformed")
        return True

    def _hear(self, path: Path, reader: Reader, now: int) -> None:
        run, sent_at = reader.take(8), reader.u64()
        kind, named = reader.u8(), min(reader.u8(), MAX_PLACES)
        said = [place for _ in range(named) if (place := read_inet(reader)) is not None]
        if run == self._run:
            self._local.count("twin_none")
            if self._by:
                self._due_at = now + self._pause_ms(now)
                self._by, self._missed = (), 0
            return
        if not self._counts(sent_at, now):
            self._local.count("twin_old")
            return
        direct, heard_by = kind == _ANSWER, InetAddress(path[1], path[2])
        first = [heard_by] if direct else []
        places = tuple(dict.fromkeys((*first, *said)))[:MAX_PLACES]
        known = self.twin(now)
        self._twin = Twin(places, now, heard_by, direct)
        if self._due_at is not None:
            self._due_at = min(self._due_at, now + self._pause_ms(now))
        if known is None or (places and set(places).isdisjoint(known.places)):
            self._report(places)
        if not direct:
            self._answer(said, now)

    def _counts(self, sent_at: int, now: int) -> bool:
        """Whether another host may just have sent what bears this time."""
        wall = self._local.wall
        began_at = now if self._began_at is None else self._began_at
        return sent_at >= wall.at(began_at) and abs(sent_at - wall.at(now)) <= FRESH_MS

    def _answer(self, places: Iterable[InetAddress], now: int) -> None:
        if self._answered_at is not None and now - self._answered_at < ANSWER_MS:
            return
        self._answered_at = now
        for place in places:
            if self._topology.usable(self._local.address, place):
                self._send(_ANSWER, (ALL_SOCKETS, place.ip, place.port), now)

    def _report(self, places: Iterable[InetAddress]) -> None:
        here, there = (", ".join(map(str, some)) for some in (self.places(), places))
        self._local.report("identity_cloned", here=here, there=there)

    def _ways(self, now: int) -> Iterable[Path]:
        for address in self._topology.upstreams:
            peer = self._topology.peer(address)
            slot = None if peer is None else peer.best(now)
            if slot is not None and slot.path.alive(now):
                yield slot.path.key

    def _send(self, kind: int, way: Path, now: int) -> None:
        places = self.places()
        payload = b"".join(
            (
                self._run,
                self._local.wall.at(now).to_bytes(8, "big"),
                bytes((kind, len(places))),
                *map(emit_inet, places),
            )
        )
        ours = self._local.address
        packet = build(self._local.packet_id(), ours, self._mark, Verb.NOP, payload)
        self._local.emit(Transmit(way, self._session.seal(packet, Suite.SALSA20_POLY1305)))
