"""What commands cost on their way into the switch, by the number of its threads."""

from __future__ import annotations

import time

from rich.table import Table

from earthline._native import Switch
from earthline.effects import InstallMember

OWN, FIRST = 0xA11CE00001, 0x1000000000
NETWORK = 0x8056C2E21C000001
MEMBERS = 10_000
"""As many as a large network has."""
BATCH = 128
"""As many as the service hands over at once."""
THREADS = (1, 8, 64)
RUNS = 15
NEVER = (1 << 62) - 1
MOST = 1.5
"""With 8 threads a command may cost no more than so many times as much as with one."""


def border_table() -> Table:
    """Nanoseconds of CPU for each `InstallMember`, new ones and those that are there."""
    table = Table("threads", title="InstallMember, ns of the caller")
    for name in ("first", "again", "ratio"):
        table.add_column(name, justify="right")
    alone = costs(THREADS[0])[1]
    for threads in THREADS:
        first, again = costs(threads)
        ratio = again / alone
        mark = f" (more than {MOST})" if threads == 8 and ratio > MOST else ""
        table.add_row(str(threads), f"{first:,.0f}", f"{again:,.0f}", f"{ratio:.2f}{mark}")
    return table


def costs(threads: int) -> tuple[float, float]:
    """Of the first time, and the least of some later ones: all members are assessed anew."""
    switch = Switch(OWN, bytes(32), threads=threads)
    members = [
        InstallMember(NETWORK, FIRST + number, admitted=True, ready=True, push_due_at=NEVER)
        for number in range(MEMBERS)
    ]
    batches = [members[start : start + BATCH] for start in range(0, MEMBERS, BATCH)]
    first, *again = (once(switch, batches) for _ in range(RUNS))
    return first, min(again)


def once(switch: Switch, batches: list[list[InstallMember]]) -> float:
    """Each command once."""
    start = time.thread_time_ns()
    for batch in batches:
        switch.apply(batch, 0)
    return (time.thread_time_ns() - start) / MEMBERS
