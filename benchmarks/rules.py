"""What rules cost each frame: nanoseconds through the real switch, out of a TAP and into one.

Batches of frames of one TCP flow go through two switches that share a network. The first row is a
network that accepts everything; the others differ from it by their rules alone.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from earthline._native import Output, Switch
from earthline.controller.objects.rules_json import read_rules
from earthline.effects import (
    InstallMember,
    InstallNetwork,
    InstallPaths,
    InstallRoute,
    InstallSession,
)
from earthline.wire.mac import mac_bytes, mac_of
from earthline.wire.rules import emit_rules
from rule_sets import rule_set

COUNTS = (0, 10, 100, 1_000)
SIZES = (64, 1_400)
BATCH = 256
ROUNDS = 41
NETWORK = 0x8056C2E21C000001
ALICE, BOB = 0xA11CE00001, 0x0B0B000002
PATH = (1, bytes((10, 0, 0, 1)), 9993)
NOW = 1_700_000_000_000
NEVER = (1 << 62) - 1


@dataclass(frozen=True, slots=True)
class Pair:
    """Two members of one network, with some rules, and a batch on its way from one to the other."""

    sender: Switch
    receiver: Switch
    frames: list[tuple[int, bytes]]
    datagrams: list[tuple[int, bytes, int, bytes]]

    def out(self) -> Output:
        return self.sender.ingest_frames(self.frames, NOW)

    def into(self) -> Output:
        return self.receiver.ingest_datagrams(self.datagrams, NOW)


def member(own: int, other: int, table: bytes) -> Switch:
    """A switch that may send to, and takes frames of, one other member."""
    switch = Switch(own, own.to_bytes(32, "big"))
    network = InstallNetwork(
        NETWORK,
        mtu=2_800,
        public=False,
        broadcast=True,
        emulate_neighbours=False,
        compress_multicast=True,
        multicast_limit=32,
        bridges=(),
        rules=table,
    )
    entries = [
        InstallSession(other, bytes(range(48)), 3, bytes(64)),
        InstallPaths(other, (PATH,)),
        InstallRoute(other, PATH, direct=True, mtu=1_500),
        network,
        InstallMember(NETWORK, other, admitted=True, ready=True, push_due_at=NEVER),
    ]
    switch.apply(entries, NOW)
    return switch


def segment(size: int) -> bytes:
    """A frame of a TCP flow to port 5201, with an IP packet of this many bytes."""
    macs = mac_bytes(mac_of(BOB, NETWORK)) + mac_bytes(mac_of(ALICE, NETWORK))
    ip = bytes.fromhex("4500") + size.to_bytes(2, "big") + bytes.fromhex("00004000 4006 0000")
    tcp = (40_000).to_bytes(2, "big") + (5_201).to_bytes(2, "big") + bytes(8) + b"\x50\x10"
    return macs + b"\x08\x00" + (ip + bytes((10, 0, 0, 1, 10, 0, 0, 2)) + tcp).ljust(size, b"\x5a")


def pair(count: int, size: int) -> Pair:
    table = emit_rules(read_rules(rule_set(count), 1_024))
    sender, receiver = member(ALICE, BOB, table), member(BOB, ALICE, table)
    frames = [(NETWORK, segment(size))] * BATCH
    sent = sender.ingest_frames(frames, NOW).datagrams
    arrived = receiver.ingest_datagrams(sent, NOW).frames
    if arrived != frames:
        raise RuntimeError(f"{count} rules let {len(arrived)} of {BATCH} frames through")
    return Pair(sender, receiver, frames, sent)


def nanoseconds(call: Callable[[], Output]) -> float:
    """Time of one batch, for each of its frames."""
    start = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - start) / BATCH


def measure(size: int) -> dict[int, tuple[float, float]]:
    """Medians by number of rules, as (out of the TAP, into the TAP); rounds go over all in turn."""
    pairs = {count: pair(count, size) for count in COUNTS}
    samples: dict[int, list[tuple[float, float]]] = {count: [] for count in COUNTS}
    for _ in range(ROUNDS):
        for count, members in pairs.items():
            samples[count].append((nanoseconds(members.out), nanoseconds(members.into)))
    return {
        count: (statistics.median(o for o, _ in taken), statistics.median(i for _, i in taken))
        for count, taken in samples.items()
    }


def show(size: int, costs: dict[int, tuple[float, float]]) -> Table:
    table = Table(
        "rules", "out ns", "more", "in ns", "more", title=f"A frame of {size} bytes, by rules"
    )
    for column in table.columns:
        column.justify = "right"
    plain = costs[COUNTS[0]]
    for count, cost in costs.items():
        ratios = [f"{part / base - 1:+.0%}" for part, base in zip(cost, plain, strict=True)]
        table.add_row(f"{count:,}", f"{cost[0]:,.0f}", ratios[0], f"{cost[1]:,.0f}", ratios[1])
    return table


def main() -> None:
    """Print a table for each size of frame."""
    gc.disable()
    console = Console()
    for size in SIZES:
        console.print(show(size, measure(size)))


if __name__ == "__main__":
    main()
