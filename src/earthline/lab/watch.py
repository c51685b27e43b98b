"""Watching a connection form: which way packets go, and how long they take."""

from __future__ import annotations

import re
import signal
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from earthline.lab.process import LabProcess
from earthline.lab.service import Service
from earthline.lab.topology import Host

_POLL_S = 0.1
_REPLY = re.compile(r"^\[(\d+\.\d+)\] \d+ bytes from .* time=([\d.]+) ms$", re.MULTILINE)

RELAYED = "relayed"


@dataclass(frozen=True, slots=True)
class Turn:
    """From this moment on packets to the peer went this way."""

    at: float
    """Seconds of the wall clock, the one that ``ping -D`` prints."""
    way: str
    """``relayed``, or the physical endpoint of the direct path."""

    @property
    def direct(self) -> bool:
        return self.way != RELAYED


class PathWatch:
    """Notes every change of the way from one service to a peer, by asking it over and over."""

    def __init__(self, service: Service, peer: str, changed: Callable[[Turn], None]) -> None:
        self.turns: list[Turn] = []
        self._service = service
        self._peer = peer
        self._changed = changed
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    @property
    def way(self) -> str | None:
        """The last way noted; None while the peer is not known."""
        return self.turns[-1].way if self.turns else None

    @property
    def direct(self) -> bool:
        return self.way not in {None, RELAYED}

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_POLL_S):
            peers = self._service.peers()
            if self._peer in peers:
                paths = peers[self._peer]["paths"]
                ways = [str(path["address"]) for path in paths if path["preferred"]]
                self._note(ways[0] if ways else RELAYED)

    def _note(self, way: str) -> None:
        if not self.turns or self.turns[-1].way != way:
            self.turns.append(Turn(time.clock_gettime(time.CLOCK_REALTIME), way))
            self._changed(self.turns[-1])


@dataclass(frozen=True, slots=True)
class Reply:
    """One answered ping."""

    at: float
    milliseconds: float


class Ping:
    """A ping that runs until it is stopped, five times a second."""

    def __init__(self, host: Host, target: str) -> None:
        self._process: LabProcess = host.start(
            ["ping", "-n", "-D", "-i", "0.2", target], name=f"ping-{target}"
        )

    @property
    def replies(self) -> list[Reply]:
        found = _REPLY.findall(self._process.output)
        return [Reply(float(at), float(milliseconds)) for at, milliseconds in found]

    def silent(self, seconds: float) -> bool:
        """Whether nothing has been answered for so long."""
        last = max((reply.at for reply in self.replies), default=0.0)
        return time.clock_gettime(time.CLOCK_REALTIME) - last > seconds

    def stop(self) -> None:
        self._process.signal(signal.SIGINT)
        self._process.wait(5)


def latency(replies: list[Reply], turns: list[Turn], *, direct: bool) -> float | None:
    """Median round trip in ms of those pings that were answered while the way was of one sort."""
    first_direct = next((turn.at for turn in turns if turn.direct), float("inf"))
    times = [reply.milliseconds for reply in replies if (reply.at >= first_direct) == direct]
    return statistics.median(times) if times else None
