"""What is measured between two connected hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from measures import ping, tcp, udp
from measures.pair import Pair

__all__ = ["MEASURES", "Measure", "Pair", "measure"]


@dataclass(frozen=True, slots=True)
class Measure:
    """How a value comes about, and its unit."""

    take: Callable[[Pair, int], Iterator[tuple[str, float]]]
    unit: str
    more_is_better: bool = False
    relayed: bool = False
    """It is taken between two hosts that reach one another by a third one only."""


def _memory(pair: Pair, _seconds: int) -> Iterator[tuple[str, float]]:
    """Resident memory of the daemon that sent, at the end of all."""
    if pair.pids:
        yield "rss_mb", pair.rss_mb()


MEASURES = {
    "tcp1_gbps": Measure(tcp.one, "Gb/s", more_is_better=True),
    "cpu_s_per_gb": Measure(tcp.one, "s/GB"),
    "tcp4_gbps": Measure(tcp.four, "Gb/s", more_is_better=True),
    "tcp_bidir_gbps": Measure(tcp.bidirectional, "Gb/s", more_is_better=True),
    "udp64_lossless_kpps": Measure(udp.lossless, "kpps", more_is_better=True),
    "udp64_arrived_percent": Measure(udp.steady, "%", more_is_better=True),
    "udp64_cpu_us_per_packet": Measure(udp.steady, "us"),
    "udp1400_gbps": Measure(udp.flooded, "Gb/s", more_is_better=True),
    "ping_idle_ms": Measure(ping.idle, "ms"),
    "ping_seldom_ms": Measure(ping.seldom, "ms"),
    "ping_loaded_ms": Measure(ping.loaded, "ms"),
    "rss_mb": Measure(_memory, "MB"),
    "relay_tcp1_gbps": Measure(tcp.relayed, "Gb/s", more_is_better=True, relayed=True),
    "relay_cpu_s_per_gb": Measure(tcp.relayed, "s/GB", relayed=True),
}


def measure(pair: Pair, names: list[str], seconds: int) -> Iterator[tuple[str, float]]:
    """The wanted values, each with its name; a transfer that gives several is made once."""
    takes = dict.fromkeys(MEASURES[name].take for name in names)
    for take in takes:
        yield from ((name, value) for name, value in take(pair, seconds) if name in names)
