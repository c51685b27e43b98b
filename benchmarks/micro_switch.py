"""What the switch costs each packet, with few peers in its tables and with many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

from rich.table import Table

from rust_bench import lines

MANY = 10_000
WORK = {
    "egress": "egress, a frame",
    "egress of super-frames": "egress, a frame of a super-frame",
    "ingress": "ingress, a frame",
    "relay": "relay, a datagram",
    "multicast": "multicast, a recipient",
    "take_activity": "taking the activity of a peer",
    "cut": "cutting alone, a frame",
    "join": "joining alone, a frame",
}


class Cost(TypedDict):
    """What one kind of work costs, with so many peers, for packets over one flow or all peers."""

    work: str
    peers: int
    over: str
    size: int
    ns: float


def switch_table() -> Table:
    """Every kind of work; one flow and all peers in random order, by the number of peers."""
    table = Table("work", "bytes", title="The switch, ns")
    for name in ("one flow", "of many peers", "all of 10 peers", "all of many", "ratio"):
        table.add_column(name, justify="right")
    costs: list[Cost] = lines("switch")
    few = min(cost["peers"] for cost in costs if cost["peers"])
    for work, size in dict.fromkeys((cost["work"], cost["size"]) for cost in costs):
        known = {
            (cost["peers"], cost["over"]): cost["ns"]
            for cost in costs
            if (cost["work"], cost["size"]) == (work, size)
        }
        table.add_row(WORK[work], str(size or ""), *cells(known, few))
    return table


def cells(known: dict[tuple[int, str], float], few: int) -> Iterator[str]:
    """The columns of one row."""
    if (0, "one flow") in known:
        yield f"{known[0, 'one flow']:,.0f}"
        return
    for over in ("one flow", "all"):
        for peers in (few, MANY):
            yield f"{known[peers, over]:,.0f}"
    yield f"{known[MANY, 'all'] / known[few, 'all']:.2f}"
