"""What is measured between two connected hosts, with ``iperf3`` and ``ping``."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earthline.lab.process import LabProcess
from earthline.lab.topology import Host

PORT = 5201
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Pair:
    """Two hosts, and how one reaches the other."""

    near: Host
    far: Host
    ip: str
    """Where the far host is reached."""
    pids: tuple[int, ...]
    """The daemons of both that carry the traffic; none without a virtual network."""

    def cpu_s(self) -> float:
        """CPU time of the daemons so far, user and system, in seconds."""
        return sum(map(_cpu_s, self.pids))

    def iperf(self, seconds: int, *options: str) -> dict[str, Any]:
        """The end report of a transfer from the near host to the far one."""
        server = self.far.start(["iperf3", "-s", "-1", "-p", str(PORT)])
        _wait_listening(server, self.far)
        argv = ["iperf3", "-J", "-c", self.ip, "-p", str(PORT), "-t", str(seconds), *options]
        report: dict[str, Any] = json.loads(self.near.run(argv, timeout_s=seconds + 30))
        server.wait(10)
        end: dict[str, Any] = report["end"]
        return end

    def ping_ms(self, count: int) -> float:
        """Mean round trip."""
        text = self.near.run(["ping", "-q", "-i0.05", f"-c{count}", self.ip])
        found = re.search(r"= [\d.]+/([\d.]+)/", text)
        return float(found[1]) if found else float("nan")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def _wait_listening(server: LabProcess, host: Host) -> None:
    while server.exit_status is None:
        if host.run(["ss", "-Hltn", f"sport = {PORT}"]):
            return
        time.sleep(0.02)


def tcp(pair: Pair, seconds: int) -> Iterator[tuple[str, float]]:
    """One stream, and what it costs."""
    before = pair.cpu_s()
    received = pair.iperf(seconds)["sum_received"]
    yield "tcp1_gbps", received["bits_per_second"] / 1e9
    if pair.pids:
        yield "cpu_s_per_gb", (pair.cpu_s() - before) / (received["bytes"] / 1e9)


def tcp4(pair: Pair, seconds: int) -> Iterator[tuple[str, float]]:
    received = pair.iperf(seconds, "-P4")["sum_received"]
    yield "tcp4_gbps", received["bits_per_second"] / 1e9


def bidirectional(pair: Pair, seconds: int) -> Iterator[tuple[str, float]]:
    end = pair.iperf(seconds, "--bidir")
    both = end["sum_received"], end["sum_received_bidir_reverse"]
    yield "tcp_bidir_gbps", sum(way["bits_per_second"] for way in both) / 1e9


def udp64(pair: Pair, seconds: int) -> Iterator[tuple[str, float]]:
    """Small datagrams: the CPU time of each at 100,000 a second."""
    before = pair.cpu_s()
    end = pair.iperf(seconds, "-u", "-l64", f"-b{100_000 * 64 * 8}")["sum"]
    arrived = end["packets"] - end["lost_packets"]
    yield "udp64_arrived_percent", 100 * arrived / end["packets"]
    if pair.pids:
        yield "udp64_cpu_us_per_packet", (pair.cpu_s() - before) / arrived * 1e6


def udp1400(pair: Pair, seconds: int) -> Iterator[tuple[str, float]]:
    end = pair.iperf(seconds, "-u", "-l1400", "-b0")["sum"]
    kept = 1 - end["lost_percent"] / 100
    yield "udp1400_gbps", end["bits_per_second"] * kept / 1e9


def ping_idle(pair: Pair, _seconds: int) -> Iterator[tuple[str, float]]:
    yield "ping_idle_ms", pair.ping_ms(40)


def ping_loaded(pair: Pair, seconds: int) -> Iterator[tuple[str, float]]:
    """Round trips while one TCP stream fills the network."""
    server = pair.far.start(["iperf3", "-s", "-1", "-p", str(PORT)])
    _wait_listening(server, pair.far)
    argv = ["iperf3", "-c", pair.ip, "-p", str(PORT), "-t", str(seconds + 2)]
    stream = pair.near.start(argv, name="stream")
    time.sleep(1)
    yield "ping_loaded_ms", pair.ping_ms(seconds * 20)
    stream.finish(30)
    server.wait(10)


def memory(pair: Pair, _seconds: int) -> Iterator[tuple[str, float]]:
    """Resident memory of the daemon that sent, at the end of all."""
    for pid in pair.pids[:1]:
        status = Path(f"/proc/{pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        yield "rss_mb", int(found[1]) * 1024 / MEGABYTE if found else float("nan")


@dataclass(frozen=True, slots=True)
class Measure:
    """How a value comes about, and its unit."""

    take: Callable[[Pair, int], Iterator[tuple[str, float]]]
    unit: str


MEASURES = {
    "tcp1_gbps": Measure(tcp, "Gb/s"),
    "cpu_s_per_gb": Measure(tcp, "s/GB"),
    "tcp4_gbps": Measure(tcp4, "Gb/s"),
    "tcp_bidir_gbps": Measure(bidirectional, "Gb/s"),
    "udp64_arrived_percent": Measure(udp64, "%"),
    "udp64_cpu_us_per_packet": Measure(udp64, "us"),
    "udp1400_gbps": Measure(udp1400, "Gb/s"),
    "ping_idle_ms": Measure(ping_idle, "ms"),
    "ping_loaded_ms": Measure(ping_loaded, "ms"),
    "rss_mb": Measure(memory, "MB"),
}


def measure(pair: Pair, names: list[str], seconds: int) -> Iterator[tuple[str, float]]:
    """The wanted values, each with its name; a transfer that gives several is made once."""
    takes = dict.fromkeys(MEASURES[name].take for name in names)
    for take in takes:
        yield from ((name, value) for name, value in take(pair, seconds) if name in names)
