"""What must hold of a node whatever is sent to it, looked at from outside."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from earthline import _native
from earthline._native import Reassembler, SessionKey
from earthline.bounded import FairTable
from earthline.sim.host import SimHost
from earthline.sim.internet import Flight, Verdict
from earthline.sim.nat import Endpoint
from earthline.wire.identity import SecretIdentity
from earthline.wire.messages.ok import Ok
from earthline.wire.packet import HEADER_LENGTH, Verb
from earthline.wire.reader import Malformed
from hostile.limits import AMPLIFICATION

PROBES = 64
"""Datagrams of our own making to a place that is named to us, in `PROBE_MS`: nothing came from
there yet. Each is as large as the largest HELLO."""
PROBE_BYTES = 300
PROBE_MS = 30_000

WAKES_AT_ONCE = 8
"""Times that a node may want to be woken in one millisecond: timers of several kinds meet."""
WAKES_PER_SECOND = 250
"""The quickest timer rings every 10 ms, and events set others."""

_PIECE = 13
_PIECE_MARK = 0xFF


class Spoilt(AssertionError):
    """Something does not hold."""


def bound(holds: bool, says: str) -> None:
    if not holds:
        raise Spoilt(says)


# Waking up


class Wakes:
    """Sees to it that a node which is woken has something to do, and does not want it at once."""

    def __init__(self, host: SimHost) -> None:
        self._host = host
        self._clock = host._clock
        self._on_wake = host._on_wake
        self._at: Counter[int] = Counter()
        self._second = 0
        host._on_wake = self._wake  # type: ignore[method-assign]

    def _wake(self) -> None:
        now = self._clock.now
        if now // 1000 != self._second:
            self._second = now // 1000
            self._at.clear()
        self._at[now] += 1
        bound(self._at[now] <= WAKES_AT_ONCE, f"{self._host.name} is woken again and again")
        bound(self._at.total() <= WAKES_PER_SECOND, f"{self._host.name} is woken too often")
        self._on_wake()
        due = self._host.node.next_timeout()
        bound(due > now, f"{self._host.name} wants to be woken at once, {now - due} ms ago")


# What is sent


@dataclass
class Flow:
    """Bytes between a node and a place, and whether the place has answered."""

    came: int = 0
    left: int = 0
    proved: bool = False
    since: int = 0
    asked: deque[int] = field(default_factory=lambda: deque(maxlen=256))
    """IDs of packets to there."""


class Traffic:
    """Opens all that nodes send, as only we can who hold every key.

    No secret may be in it; and what goes to a place that never answered is bounded.
    """

    def __init__(self, nodes: Mapping[str, SimHost], people: list[SecretIdentity]) -> None:
        self._nodes = nodes
        self._people = {person.address: person for person in people}
        self._keys: dict[tuple[int, int], SessionKey] = {}
        self._pieces = Reassembler()
        self._flows: dict[tuple[str, Endpoint], Flow] = {}
        self.asked: dict[tuple[int, int], deque[tuple[int, int]]] = {}
        """(from, to) → packet ID and verb of what wants an answer."""
        self.seen: deque[tuple[str, bytes]] = deque(maxlen=512)
        """Datagrams of all, and whom they were for, to be replayed."""
        self._secrets: list[bytes] = []
        for person in people:
            self._secrets += (person.private_key[:32], person.private_key[32:])

    def see(self, flight: Flight, _verdict: Verdict) -> None:
        if flight.receiver in self._nodes:
            self.seen.append((flight.receiver, flight.datagram))
            self._came(flight)
        if flight.sender in self._nodes:
            self._left(flight)

    def _came(self, flight: Flight) -> None:
        flow = self._flow(flight.receiver, flight.source, flight.at)
        flow.came += len(flight.datagram)
        if flow.proved:
            return
        plain = self._open(flight.datagram)
        if plain is None or plain[27] & 0x1F != Verb.OK:
            return
        try:
            answered = Ok.parse(plain[HEADER_LENGTH:]).in_re_packet_id
        except Malformed:
            return
        flow.proved = answered in flow.asked

    def _left(self, flight: Flight) -> None:
        flow = self._flow(flight.sender, flight.written_to, flight.at)
        flow.left += len(flight.datagram)
        if len(flight.datagram) >= HEADER_LENGTH:
            flow.asked.append(int.from_bytes(flight.datagram[:8], "big"))
        self._look_for_secrets(flight.datagram)
        plain = self._open(flight.datagram)
        if plain is not None:
            self._look_for_secrets(plain)
            self._note_question(plain)
        if not flow.proved:
            most = AMPLIFICATION * flow.came + PROBES * PROBE_BYTES
            says = f"{flight.sender} sent {flow.left} B to a place that sent {flow.came} B"
            bound(flow.left <= most, says)

    def _flow(self, node: str, place: Endpoint, now: int) -> Flow:
        flow = self._flows.get((node, place))
        if flow is None or (not flow.proved and now - flow.since >= PROBE_MS):
            flow = self._flows[node, place] = Flow(since=now)
        return flow

    def _look_for_secrets(self, data: bytes) -> None:
        bound(not any(secret in data for secret in self._secrets), "a secret was sent")

    def _note_question(self, plain: bytes) -> None:
        to, by = int.from_bytes(plain[8:13], "big"), int.from_bytes(plain[13:18], "big")
        verb = plain[27] & 0x1F
        if verb not in (Verb.OK, Verb.ERROR):
            questions = self.asked.setdefault((by, to), deque(maxlen=64))
            questions.append((int.from_bytes(plain[:8], "big"), verb))

    def _open(self, datagram: bytes) -> bytes | None:
        """The whole packet in the clear, if this is the last of it and we know both."""
        if len(datagram) < HEADER_LENGTH - 12:
            return None
        fragmented = datagram[_PIECE] == _PIECE_MARK or (len(datagram) > 18 and datagram[18] & 0x40)
        whole = self._pieces.accept(datagram, 0) if fragmented else datagram
        if whole is None or len(whole) < HEADER_LENGTH:
            return None
        key = self._key(int.from_bytes(whole[8:13], "big"), int.from_bytes(whole[13:18], "big"))
        opened = None if key is None else key.open(whole)
        return None if opened is None else _native.decompress(opened)

    def _key(self, one: int, other: int) -> SessionKey | None:
        pair = (min(one, other), max(one, other))
        if pair not in self._keys:
            a, b = (self._people.get(address) for address in pair)
            if a is None or b is None or a is b:
                return None
            key = a.agree(b.public)
            self._secrets += (key[:16], key[16:32], key[32:])
            self._keys[pair] = SessionKey(key)
        return self._keys[pair]


# What is kept


def sizes(root: object) -> Iterator[tuple[str, int]]:
    """Every container below an object of ours, as ``Class.attribute``, and how much it holds.

    Those that know their own bound are held against it.
    """
    seen: set[int] = set()
    stack: list[tuple[str, object]] = [("", root)]
    while stack:
        name, thing = stack.pop()
        if id(thing) in seen or isinstance(thing, str | bytes | int | type(None)):
            continue
        seen.add(id(thing))
        if isinstance(thing, dict | WeakValueDictionary | list | set | deque | tuple):
            if not isinstance(thing, tuple):
                yield name, len(thing)
            inner = thing if isinstance(thing, list | set | deque | tuple) else thing.values()
            stack += ((name, one) for one in list(inner))
        elif type(thing).__module__.startswith("earthline."):
            if isinstance(thing, FairTable):
                bound(len(thing) <= thing._limit, f"{name} holds {len(thing)}")
            stack += _attributes(thing)


def _attributes(thing: object) -> Iterator[tuple[str, object]]:
    names = [*getattr(thing, "__dict__", ())]
    for kind in type(thing).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    owner = type(thing).__name__
    for name in names:
        value = getattr(thing, name, None)
        if not callable(value):
            yield f"{owner}.{name}", value
