"""TCP through the network: one stream and its cost, several, both ways, and by a third host."""

from __future__ import annotations

from collections.abc import Iterator

from measures.pair import Pair


def one(pair: Pair, seconds: int) -> Iterator[tuple[str, float]]:
    """One stream, and what it costs the daemons of both ends."""
    return _stream(pair, seconds, "tcp1_gbps", "cpu_s_per_gb")


def relayed(pair: Pair, seconds: int) -> Iterator[tuple[str, float]]:
    """One stream that a third host relays, and what it costs that one."""
    return _stream(pair, seconds, "relay_tcp1_gbps", "relay_cpu_s_per_gb")


def four(pair: Pair, seconds: int) -> Iterator[tuple[str, float]]:
    received = pair.iperf(seconds, "-P4")["sum_received"]
    yield "tcp4_gbps", received["bits_per_second"] / 1e9


def bidirectional(pair: Pair, seconds: int) -> Iterator[tuple[str, float]]:
    end = pair.iperf(seconds, "--bidir")
    both = end["sum_received"], end["sum_received_bidir_reverse"]
    yield "tcp_bidir_gbps", sum(way["bits_per_second"] for way in both) / 1e9


def _stream(pair: Pair, seconds: int, speed: str, cost: str) -> Iterator[tuple[str, float]]:
    before = pair.cpu_s()
    received = pair.iperf(seconds)["sum_received"]
    yield speed, received["bits_per_second"] / 1e9
    if pair.pids:
        yield cost, (pair.cpu_s() - before) / (received["bytes"] / 1e9)
