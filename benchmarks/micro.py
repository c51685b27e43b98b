"""What the primitives cost, called one by one from Python: identities, packets in each suite."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

from rich.console import Console
from rich.table import Table

from earthline import _native

SUITES = {0: "0 Poly1305", 1: "1 Salsa20/12 + Poly1305", 3: "3 AES-GMAC-SIV"}
PACKET_SIZES = (64, 1400, 2800)
BUDGET_S = 0.3
"""How long each row is measured."""
RUNS = 7


def microseconds(call: Callable[[], object]) -> float:
    """Median time of one call over some runs of many calls each."""
    count = max(1, int(BUDGET_S / RUNS / max(once(call, 1), 1e-9)))
    return statistics.median(once(call, count) for _ in range(RUNS)) * 1e6


def once(call: Callable[[], object], count: int) -> float:
    """Mean seconds of one call over ``count`` calls."""
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def plain(size: int) -> bytes:
    """A FRAME packet of this many bytes, not yet sealed."""
    header = bytes(range(8)) + bytes(10) + bytes(9) + b"\x06"
    return header.ljust(size, b"\x5a")


def identities() -> Iterator[tuple[str, float]]:
    """Rows for identities: name, microseconds."""
    seeds = iter(range(1 << 32))
    for threads in (1, 2):
        costs = [
            once(partial(_native.generate_identity, next(seeds).to_bytes(32, "big"), threads), 1)
            for _ in range(15)
        ]
        yield f"generate, threads: {threads} (mean)", statistics.mean(costs) * 1e6
    address, public_key, private_key = _native.generate_identity(bytes(32), 1)
    yield "validate", microseconds(partial(_native.validate_identity, address, public_key))
    yield "agree", microseconds(partial(_native.agree, private_key, public_key))
    signature = _native.sign(private_key, b"message")
    yield "sign", microseconds(partial(_native.sign, private_key, b"message"))
    yield "verify", microseconds(partial(_native.verify, public_key, b"message", signature))


def packets() -> Iterator[tuple[str, int, float, float]]:
    """Rows for packets: suite, bytes, microseconds to seal, microseconds to open."""
    session = _native.SessionKey(bytes(range(48)))
    for suite, name in SUITES.items():
        for size in PACKET_SIZES:
            packet = plain(size)
            sealed = session.seal(packet, suite)
            seal = microseconds(partial(session.seal, packet, suite))
            yield name, size, seal, microseconds(partial(session.open, sealed))


def gigabytes(size: int, cost: float) -> str:
    """Throughput at ``cost`` microseconds for ``size`` bytes."""
    return f"{size / cost / 1e3:.2f}"


def main() -> None:
    """Print two tables."""
    console = Console()
    table = Table("identity", "µs", title="Identities")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, cost in identities():
        table.add_row(name, f"{cost:,.1f}")
    console.print(table)
    table = Table("suite", "bytes", "seal µs", "GB/s", "open µs", "GB/s", title="Packets")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, size, seal, open_ in packets():
        rates = gigabytes(size, seal), gigabytes(size, open_)
        table.add_row(name, str(size), f"{seal:.2f}", rates[0], f"{open_:.2f}", rates[1])
    console.print(table)


if __name__ == "__main__":
    main()
