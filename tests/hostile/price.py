"""What a packet costs whom it is sent to: CPU time of the loop, bytes sent on, lines of the log.

The loop is that of `earthline.runtime.node.core`: from what the switch hands up to the last command
that follows. What is done on other threads (agreements, the slow hash, what a controller decides)
is not in it, nor is the switch's own work.
"""

from __future__ import annotations

import gc
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from earthline import _native, effects
from earthline.effects import Path
from earthline.runtime.base.logs import Sparing
from earthline.sim.host import AGREEMENT_US, PROOF_US, SimHost
from earthline.sim.nat import Endpoint
from earthline.vl1.ground.work import open_hellos, prove
from earthline.vl2.ground.parts import PAUSE_MS
from earthline.wire.dictionary import Dictionary

CPU_NS = 1_000_000
"""What the loop may spend on one packet, on the machine of `REFERENCE_NS`."""
REFERENCE_NS = 420_000
"""What `reference` takes there at best: a virtual machine of two cores, of 2026, with Python 3.11.
A machine that takes twice as long for that may take twice as long for a packet, and so may the same
machine while others keep its caches busy."""
REFERENCE_ROUNDS = 6
LOG_BYTES = 1_000
MOST_PARTS = 64
"""Enough for what is put off of the longest packet."""

_LINE_BYTES = len('{"level": "info", "timestamp": "2026-01-01T00:00:00.000000Z"}\n')
_SAMPLE = b"\n".join(b"key%d=%x" % (number, number * 77) for number in range(60))
_KEY = bytes(range(64))


def reference() -> int:
    """CPU time of some of what the loop does, in ns: Python that parses, and a signature."""
    public = _native.public_key_of(_KEY)
    signature = _native.sign(_KEY, _SAMPLE)
    started = time.thread_time_ns()
    for _ in range(REFERENCE_ROUNDS):
        Dictionary.parse(_SAMPLE)
        _native.verify(public, _SAMPLE, signature)
    return time.thread_time_ns() - started


@dataclass
class Price:
    """Of one try."""

    cpu_ns: int
    wire_bytes: int
    sent_bytes: int
    """By paths that were not proved."""
    log_bytes: int
    happened: tuple[tuple[str, int], ...]
    """What the node counted: identical tries count the same."""


@dataclass
class Till:
    """Takes packets for one host."""

    host: SimHost
    _sent: list[tuple[Path, int]] = field(default_factory=list)
    _reports: list[effects.Report] = field(default_factory=list)

    def price(self, datagrams: Iterable[bytes], source: Endpoint, now: int) -> Price:
        """Hand the datagrams of one packet to the host, as if they had come from ``source``."""
        datagrams = list(datagrams)
        before = Counter(self.host.node.counters)
        self._sent.clear()
        self._reports.clear()
        output = self.host.switch.ingest_datagrams(
            [(1, *source, datagram) for datagram in datagrams], now
        )
        self._note(output)
        gc.disable()
        try:
            cpu_ns = self._handle(output, now)
        finally:
            gc.enable()
        after = Counter(self.host.node.counters)
        happened = {name: n - before[name] for name, n in after.items() if n != before[name]}
        return Price(
            cpu_ns,
            sum(map(len, datagrams)),
            sum(length for path, length in self._sent if not self._proved(path)),
            sum(map(_line_length, self._reports)),
            tuple(sorted(happened.items())),
        )

    def _handle(self, output: _native.Output, now: int) -> int:
        """All that is to be done, and what the node puts off of it; the CPU time of the loop.

        What is put off is done a part at a time: others have their turn in between. The dearest of
        all is returned.
        """
        turns = [self._turn(lambda: output.punts, now)]
        while len(turns) < MOST_PARTS:
            at = now + PAUSE_MS * len(turns)
            turns.append(self._turn(partial(self._another_part, at), at))
        return max(turns)

    def _another_part(self, now: int) -> list[Any]:
        self.host.node.ethernet.go_on(now)
        return []

    def _turn(self, begin: Callable[[], Iterable[Any]], now: int) -> int:
        """Until nothing is left to be done of it."""
        node, switch = self.host.node, self.host.switch
        spent, started = 0, time.thread_time_ns()
        events = list(begin())
        commands = deque(node.poll())
        while commands or events:
            if not commands:
                node.receive(events.pop(0), now)
                commands.extend(node.poll())
                continue
            command = commands.popleft()
            if type(command) in effects.SWITCH_COMMANDS:
                more = switch.apply([command], now)
                if more:
                    self._note(more)
                    events += more.punts
            elif isinstance(command, effects.RequestConfig):
                spent += time.thread_time_ns() - started
                spent += self._ask(command, now)
                started = time.thread_time_ns()
            else:
                spent += time.thread_time_ns() - started
                events += self._elsewhere(command)
                started = time.thread_time_ns()
        return spent + time.thread_time_ns() - started

    def _ask(self, command: effects.RequestConfig, now: int) -> int:
        """Have our controller decide; the CPU time of what the loop does with its answers."""
        if self.host.authority is None:
            return 0
        answers = self.host.authority.handle_request(command, now)
        started = time.thread_time_ns()
        for answer in answers:
            self.host.node.send(answer, now)
            for follows in self.host.node.poll():
                if type(follows) in effects.SWITCH_COMMANDS:
                    self.host.switch.apply([follows], now)
                else:
                    self._elsewhere(follows)
        return time.thread_time_ns() - started

    def _elsewhere(self, command: Any) -> list[Any]:
        """What other threads do, the kernel, or the disk."""
        match command:
            case effects.Transmit():
                self._sent.append((command.path, len(command.datagram)))
            case effects.Report():
                self._reports.append(command)
            case effects.OpenHellos():
                keys = open_hellos(self.host.identity, command)
                return [effects.HellosOpened(keys, AGREEMENT_US * len(keys))]
            case effects.ProveIdentity():
                holds = prove(command)
                key = command.public_key
                return [effects.IdentityProved(command.address, key, holds, PROOF_US)]
        return []

    def _note(self, output: _native.Output) -> None:
        self._sent += (((s, ip, port), len(data)) for s, ip, port, data in output.datagrams)

    def _proved(self, path: Path) -> bool:
        """Whether a peer is reached by it: it answered there."""
        place = path[1:]
        peers = self.host.node.peers.topology.peers.values()
        return any(slot.path.key[1:] == place for peer in peers for slot in peer.slots)


def on_the_known_machine(price: Price, reference_ns: int) -> Price:
    """What a try would have cost where `reference`, which took ``reference_ns`` just now, takes
    `REFERENCE_NS`."""
    return replace(price, cpu_ns=price.cpu_ns * REFERENCE_NS // reference_ns)


def _line_length(report: effects.Report) -> int:
    fields = Sparing().line(report.event, dict(report.fields), 0) or {}
    return _LINE_BYTES + len(json.dumps({"event": report.event, **fields}, default=str))


def of_tries(tries: list[Price]) -> Price:
    """The price of a packet that was tried several times: the least of identical tries.

    Where they were not identical, as when a gate closed, it is that of the dearest kind.
    """
    kinds: dict[tuple[tuple[str, int], ...], list[Price]] = {}
    for price in tries:
        kinds.setdefault(price.happened, []).append(price)
    common = [same for same in kinds.values() if len(same) > 1] or [tries]
    cheapest = [min(same, key=lambda price: price.cpu_ns) for same in common]
    dearest = max(cheapest, key=lambda price: price.cpu_ns)
    return Price(
        dearest.cpu_ns,
        dearest.wire_bytes,
        max(price.sent_bytes for price in tries),
        max(price.log_bytes for price in tries),
        dearest.happened,
    )
